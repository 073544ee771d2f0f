"""Jobs of workers that are no more wait again, once, and a job that ends every worker is given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.engine import Engine, Step
from app.store import job_rows


@pytest.fixture
def line(database: sa.Engine) -> Engine:
    steps = [Step(name, lambda _: []) for name in ("sync", "absorb")]
    return Engine(database, steps, wake=list, clock=lambda: datetime.now(UTC))


TAKE = sa.text("UPDATE procrastinate_jobs SET status = 'doing', worker_id = :worker WHERE status = 'todo'")
WORKER = sa.text("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")


def taken(database: sa.Engine, line: Engine, name: str = "sync") -> int:
    """A job in the hands of a new worker; the worker's id."""
    line.defer(name)
    with database.begin() as conn:
        worker = int(conn.execute(WORKER).scalar_one())
        conn.execute(TAKE, {"worker": worker})
    return worker


def grow_old(database: sa.Engine) -> None:
    with database.begin() as conn:
        conn.execute(sa.text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'"))


def give_back(database: sa.Engine) -> list[str]:
    with database.begin() as conn:
        return job_rows.give_back(conn, 15)


def states(database: sa.Engine) -> dict[str, int]:
    with database.connect() as conn:
        return job_rows.count_by_state(conn)


def test_a_living_worker_keeps_its_jobs(database: sa.Engine, line: Engine) -> None:
    taken(database, line)
    assert give_back(database) == []
    assert states(database) == {"doing": 1}


def test_a_silent_workers_jobs_wait_again(database: sa.Engine, line: Engine) -> None:
    taken(database, line)
    grow_old(database)
    assert give_back(database) == ["sync"]
    assert states(database) == {"todo": 1}
    assert give_back(database) == []


def test_the_jobs_of_a_worker_that_was_struck_off_wait_again(database: sa.Engine, line: Engine) -> None:
    taken(database, line)
    with database.begin() as conn:
        conn.execute(sa.text("DELETE FROM procrastinate_workers"))
    assert give_back(database) == ["sync"]
    assert states(database) == {"todo": 1}


def test_a_job_whose_step_waits_already_is_needed_no_more(database: sa.Engine, line: Engine) -> None:
    taken(database, line)
    line.defer("sync")
    grow_old(database)
    assert give_back(database) == []
    assert states(database) == {"todo": 1}


def test_of_two_stalled_jobs_of_one_step_one_is_left(database: sa.Engine, line: Engine) -> None:
    for _ in range(3):
        taken(database, line)
    taken(database, line, "absorb")
    grow_old(database)
    assert sorted(give_back(database)) == ["absorb", "sync"]
    assert states(database) == {"todo": 2}


def test_one_caller_at_a_time_takes_over(database: sa.Engine, line: Engine) -> None:
    taken(database, line)
    grow_old(database)
    with database.begin() as one:
        assert job_rows.give_back(one, 15) == ["sync"]
        assert give_back(database) == []


def test_a_job_that_ends_every_worker_is_a_dead_letter_in_the_end(database: sa.Engine, line: Engine) -> None:
    taken(database, line)
    for _ in range(job_rows.MOST_TAKE_OVERS + 1):
        assert states(database) == {"doing": 1}
        grow_old(database)
        give_back(database)
        with database.begin() as conn:
            conn.execute(TAKE, {"worker": conn.execute(WORKER).scalar_one()})
    assert states(database) == {"failed": 1}


def test_a_wait_is_counted_by_the_databases_clock_not_by_ours(database: sa.Engine) -> None:
    """A worker whose clock is an hour ahead puts nothing off for an hour."""
    line = Engine(
        database,
        [Step("sync", lambda _: [])],
        wake=list,
        clock=lambda: datetime.now(UTC) + timedelta(hours=1),
    )
    line.defer("sync", after=timedelta(seconds=30))
    with database.connect() as conn:
        assert not job_rows.any_due(conn, ["sync"])
        left = conn.scalar(sa.text("SELECT scheduled_at - now() FROM procrastinate_jobs"))
    assert timedelta() < left <= timedelta(seconds=30)
