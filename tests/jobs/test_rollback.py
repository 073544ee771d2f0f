"""A rollback by one release: this code on tables that a later release has brought up to date."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from app.pipeline import steps
from app.services import Services
from app.store import job_rows, migrate
from app.wiring import make_line
from tests.story import free_port

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.slow]

Job = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]
PATIENCE = 40.0

LATER = """
    ALTER TABLE run ADD COLUMN of_a_later_release text NOT NULL DEFAULT 'x';
    UPDATE alembic_version SET version_num = '9999';
    INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock)
    VALUES ('of_a_later_release', 'of_a_later_release', 'of_a_later_release')
"""
BACK = """
    ALTER TABLE run DROP COLUMN of_a_later_release;
    UPDATE alembic_version SET version_num = :version;
    DELETE FROM procrastinate_jobs
"""


@pytest.fixture(autouse=True)
def later(database: sa.Engine) -> Iterator[None]:
    """The tables of a release that this code does not know, and a job of a step it does not know."""
    with database.begin() as conn:
        version = conn.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one()
        conn.exec_driver_sql(LATER)
    yield
    with database.begin() as conn:
        for statement in BACK.split(";"):
            conn.execute(sa.text(statement), {"version": version} if ":version" in statement else {})


def wait_until(ready: Callable[[], Any], process: subprocess.Popen[str]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := ready()):
        if process.poll() is not None:
            pytest.fail(f"it ended by itself: {process.communicate()[0]}")
        assert time.monotonic() < deadline, "it never got there"
        time.sleep(0.1)
    return found


def test_the_release_phase_goes_through_and_says_so(job: Job, database: sa.Engine) -> None:
    migrated = job("migrate")
    assert migrated.returncode == 0, migrated.stderr
    checked = job("check", "--startup", "--json")
    assert checked.returncode == 0, checked.stderr
    told = {item["subject"]: item["message"] for item in json.loads(checked.stdout)["problems"]}
    assert told["schema"].startswith("is newer than the code: fine after a rollback")
    assert told["jobs"].startswith("of_a_later_release wait for a release that knows them")
    assert migrate.standing(database) == "newer"


def test_web_and_worker_start_work_and_say_so(started: Start, database: sa.Engine) -> None:
    port = free_port()
    command = ["gunicorn", "app.wiring:web", "--config", "gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"]
    web = started(sys.executable, "-m", *command)
    worker = started(sys.executable, "-m", "jobs", "worker")

    def ready() -> dict[str, Any] | None:
        try:
            answer = requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5)
        except requests.RequestException:
            return None
        return dict(answer.json()) if answer.status_code == 200 else None

    assert wait_until(ready, web)["schema"] == "newer than the code: fine after a rollback"

    def left_for_whoever_knows_it() -> bool:
        with database.connect() as conn:
            states = job_rows.count_by_state(conn)
            return states == {"todo": 1} and job_rows.newest_heartbeat(conn) is not None

    wait_until(left_for_whoever_knows_it, worker)
    for process in (worker, web):
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=15)
        assert process.returncode == 0


def test_check_knows_the_steps_of_the_line_and_no_other(living: Services) -> None:
    assert set(make_line(living)._steps) == set(steps.NAMES)
