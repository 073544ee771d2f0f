"""The job engine's tables: what they tell an operator, and what its library leaves to us.

A queue is named after the one step whose jobs it holds, and a worker takes from the queues of the steps it
knows: a job of a step that an older release does not know waits for a worker that does.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa


def newest_heartbeat(conn: sa.Connection) -> datetime | None:
    """The last sign of life of any worker."""
    return conn.execute(sa.text("SELECT max(last_heartbeat) FROM procrastinate_workers")).scalar()


def count_by_state(conn: sa.Connection) -> dict[str, int]:
    """Jobs by state: todo, doing, failed (a failed job is a dead letter)."""
    rows = conn.execute(sa.text("SELECT status::text, count(*) FROM procrastinate_jobs GROUP BY 1"))
    return {status: count for status, count in rows}  # noqa: C416 - dict() of rows does not type-check


def oldest_waiting(conn: sa.Connection) -> datetime | None:
    """Since when the oldest job that could run has waited."""
    return conn.execute(
        sa.text("""
            SELECT min(event.at)
            FROM procrastinate_jobs job JOIN procrastinate_events event ON event.job_id = job.id
            WHERE job.status = 'todo' AND (job.scheduled_at IS NULL OR job.scheduled_at <= now())
              AND event.type = 'deferred'
        """)
    ).scalar()


def take_dead_letters(conn: sa.Connection) -> list[str]:
    """The names of the steps that failed for good, taken off the list; the caller asks for them again."""
    rows = conn.execute(sa.text("DELETE FROM procrastinate_jobs WHERE status = 'failed' RETURNING task_name"))
    return sorted({name for (name,) in rows})


def dead_letters(conn: sa.Connection) -> list[tuple[str, int]]:
    """The steps that failed for good, with how often each did."""
    rows = conn.execute(
        sa.text("""
            SELECT task_name, count(*) FROM procrastinate_jobs WHERE status = 'failed' GROUP BY 1 ORDER BY 1
        """)
    )
    return [(name, count) for name, count in rows]


def moment_after(conn: sa.Connection, wait: timedelta) -> datetime:
    """`wait` from now by the database's clock, which is the one that jobs are taken by."""
    moment: datetime = conn.execute(
        sa.text("SELECT clock_timestamp() + CAST(:wait AS interval)"), {"wait": wait}
    ).scalar_one()
    return moment


def seconds_silent(conn: sa.Connection, worker_id: int) -> float | None:
    """How long ago this worker's last sign of life is; None when it was struck off."""
    silent: float | None = conn.scalar(
        sa.text("""
            SELECT CAST(extract(epoch FROM clock_timestamp() - last_heartbeat) AS float)
            FROM procrastinate_workers WHERE id = :id
        """),
        {"id": worker_id},
    )
    return silent


def doing_of(conn: sa.Connection, worker_id: int) -> set[int]:
    """The jobs this worker has taken and not finished."""
    return set(
        conn.scalars(
            sa.text("SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND worker_id = :id"),
            {"id": worker_id},
        )
    )


def any_due(conn: sa.Connection, queues: Collection[str]) -> bool:
    """Does a job wait in these queues that may be taken now?"""
    return bool(
        conn.scalar(
            sa.text("""
                SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE status = 'todo'
                    AND queue_name = ANY(:queues) AND (scheduled_at IS NULL OR scheduled_at <= now()))
            """),
            {"queues": sorted(queues)},
        )
    )


def unknown_steps(conn: sa.Connection, known: Collection[str]) -> list[str]:
    """The steps that jobs wait for and that are not among the `known` ones: those of another release."""
    return list(
        conn.scalars(
            sa.text("""
                SELECT DISTINCT task_name FROM procrastinate_jobs
                WHERE status = 'todo' AND task_name <> ALL(:known) ORDER BY task_name
            """),
            {"known": sorted(known)},
        )
    )


STALLED = sa.text("""
    SELECT job.id FROM procrastinate_jobs job
    LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
    WHERE job.status = 'doing' AND (worker.id IS NULL
        OR worker.last_heartbeat < clock_timestamp() - make_interval(secs => :silent_for))
""")
NEEDED_NO_MORE = sa.text("""
    DELETE FROM procrastinate_jobs job WHERE job.id = ANY(:ids) AND job.status = 'doing' AND EXISTS (
        SELECT FROM procrastinate_jobs other
        WHERE other.queueing_lock = job.queueing_lock AND other.id <> job.id AND (other.status = 'todo'
            OR (other.status = 'doing' AND other.id = ANY(:ids) AND other.id < job.id)))
""")
GIVE_BACK = sa.text("""
    UPDATE procrastinate_jobs SET worker_id = NULL, scheduled_at = NULL, attempts = attempts + 1,
        status = CAST(CASE WHEN attempts < :most THEN 'todo' ELSE 'failed' END AS procrastinate_job_status)
    WHERE id = ANY(:ids) AND status = 'doing' RETURNING task_name
""")

MOST_TAKE_OVERS = 20
"""A job that so many workers did not survive is a dead letter: it must not end every worker for ever."""


def give_back(conn: sa.Connection, silent_for: float, dropped: Collection[int] = ()) -> list[str]:
    """Jobs of workers that gave no sign of life for so many seconds, or were struck off, wait again, as do
    the `dropped` ones; their steps' names. One caller at a time does this, the others find nothing.

    Where the step waits already, that job will see the same work. Raises IntegrityError when it was asked for
    in this very moment: look again.
    """
    if not conn.scalar(sa.text("SELECT pg_try_advisory_xact_lock(:name)"), {"name": _TAKE_OVER}):
        return []
    ids = sorted({*conn.scalars(STALLED, {"silent_for": silent_for}), *dropped})
    if not ids:
        return []
    conn.execute(NEEDED_NO_MORE, {"ids": ids})
    return list(conn.scalars(GIVE_BACK, {"ids": ids, "most": MOST_TAKE_OVERS}))


_TAKE_OVER = 370_459  # any fixed number: the lock's name among the advisory locks of this database


def keep_newest_dead_letters(conn: sa.Connection) -> None:
    """One dead letter per step is enough to read: a step that keeps failing must not fill the table."""
    conn.execute(
        sa.text("""
            DELETE FROM procrastinate_jobs old USING procrastinate_jobs new
            WHERE old.status = 'failed' AND new.status = 'failed' AND old.task_name = new.task_name
              AND old.id < new.id
        """)
    )
