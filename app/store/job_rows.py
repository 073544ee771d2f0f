"""What the job tables tell an operator: signs of life and jobs by state. The engine alone writes them."""

from __future__ import annotations

from datetime import datetime

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


def may_take_over(conn: sa.Connection) -> bool:
    """True for one caller at a time, until its transaction ends: two would give one job away twice."""
    return bool(
        conn.execute(sa.text("SELECT pg_try_advisory_xact_lock(:name)"), {"name": _TAKE_OVER}).scalar()
    )


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
