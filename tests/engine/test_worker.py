"""However a worker comes to live and do nothing, it begins again or ends, and no job is stuck with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.engine import Engine, Step
from app.store import job_rows, migrate, runs
from app.store.database import make_engine
from tests.chaos.postgres import Postgres
from tests.conftest import ROOT

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.slow]

PATIENCE = 40.0
STEPS = ("works", "hangs", "breaks")

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def line(database: sa.Engine) -> Engine:
    """To ask for steps with."""
    return asking(database)


def asking(database: sa.Engine, names: tuple[str, ...] = STEPS) -> Engine:
    steps = [Step(name, lambda _: []) for name in names]
    return Engine(database, steps, wake=list, clock=lambda: datetime.now(UTC))


@pytest.fixture
def started(database: sa.Engine, tmp_path: Path) -> Iterator[Start]:
    """Starts the worker of a scene, which is gone when the test is over."""
    running: list[subprocess.Popen[bytes]] = []

    def start(scene: str, url: str = "") -> subprocess.Popen[bytes]:
        url = url or database.url.render_as_string(hide_password=False)
        with (tmp_path / "worker.log").open("ab") as log:
            running.append(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.engine.child", scene],
                    env={**os.environ, "DATABASE_URL": url},
                    cwd=ROOT,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready():
        assert process.poll() is None, f"it ended with {process.returncode}"
        assert time.monotonic() < deadline, "it never got there"
        time.sleep(0.05)


def worked(database: sa.Engine) -> bool:
    with database.connect() as conn:
        return runs.last(conn, "works") is not None


def workers(database: sa.Engine) -> list[int]:
    with database.connect() as conn:
        return list(conn.scalars(sa.text("SELECT id FROM procrastinate_workers ORDER BY id")))


def jobs(database: sa.Engine) -> dict[str, int]:
    with database.connect() as conn:
        return job_rows.count_by_state(conn)


# --- it ends ----------------------------------------------------------------------------------------------


def test_a_worker_whose_step_never_ends_ends_all_the_same_when_told_to(
    database: sa.Engine, line: Engine, started: Start
) -> None:
    process = started("hangs")
    line.defer("hangs")
    wait_until(lambda: jobs(database).get("doing") == 1, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 1  # whatever started it starts it again


def test_a_worker_that_cannot_look_around_any_more_ends(started: Start) -> None:
    assert started("dazed").wait(PATIENCE) == 1


# --- it begins again, in the same process -----------------------------------------------------------------


def test_a_worker_whose_signs_of_life_end_begins_again(
    database: sa.Engine, line: Engine, started: Start
) -> None:
    process = started("deaf")
    wait_until(lambda: len(workers(database)) == 1, process)
    first = workers(database)[0]
    wait_until(lambda: any(one > first for one in workers(database)), process)
    line.defer("works")
    wait_until(lambda: worked(database), process)


def test_a_worker_that_was_struck_off_begins_again(database: sa.Engine, line: Engine, started: Start) -> None:
    process = started("plain")
    wait_until(lambda: len(workers(database)) == 1, process)
    first = workers(database)
    with database.begin() as conn:
        conn.execute(sa.text("DELETE FROM procrastinate_workers"))
    wait_until(lambda: workers(database) not in ([], first), process)
    line.defer("works")
    wait_until(lambda: worked(database), process)


def test_a_worker_that_takes_no_job_though_one_waits_begins_again(
    database: sa.Engine, line: Engine, started: Start
) -> None:
    line.defer("works")
    process = started("blind")
    wait_until(lambda: worked(database), process)


@pytest.mark.parametrize(("scene", "step"), [("breaks", "breaks"), ("forgetful", "works")])
def test_a_job_whose_end_could_not_be_written_down_is_not_stuck(
    database: sa.Engine, line: Engine, started: Start, scene: str, step: str
) -> None:
    """Its step waits already and it cannot wait beside it; or the database was cut off in that moment."""
    line.defer(step)
    process = started(scene)
    wait_until(lambda: worked(database), process)
    wait_until(lambda: jobs(database) == {}, process)


# --- the database -----------------------------------------------------------------------------------------


def test_a_worker_outlives_a_database_that_is_away(tmp_path: Path, started: Start) -> None:
    postgres = Postgres(tmp_path / "pg")
    database = make_engine(postgres.url)
    try:
        migrate.upgrade(database)
        process = started("plain", postgres.url)
        wait_until(lambda: len(workers(database)) == 1, process)
        postgres.cut()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(8)
        postgres.restore()
        database.dispose()
        asking(database).defer("works")
        wait_until(lambda: worked(database), process)
    finally:
        database.dispose()
        postgres.stop()


# --- steps of another release -----------------------------------------------------------------------------


def test_a_job_of_a_step_this_release_does_not_know_waits_for_one_that_does(
    database: sa.Engine, started: Start
) -> None:
    asking(database, ("of_a_later_release",)).defer("of_a_later_release")
    process = started("plain")
    asking(database).defer("works")
    wait_until(lambda: worked(database), process)
    wait_until(lambda: jobs(database) == {"todo": 1}, process)
    with database.connect() as conn:
        assert job_rows.unknown_steps(conn, STEPS) == ["of_a_later_release"]
