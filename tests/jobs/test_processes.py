"""With no vendor key at all everything starts, says what is missing, and stops when it is told to."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from app.config import VENDOR_SECRETS
from app.store import job_rows
from tests.story import free_port

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.slow]

Job = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]
PATIENCE = 40.0


def wait_until(ready: Callable[[], Any], process: subprocess.Popen[str]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := ready()):
        if process.poll() is not None:
            pytest.fail(f"it ended by itself: {process.communicate()[0]}")
        assert time.monotonic() < deadline, "it never got there"
        time.sleep(0.1)
    return found


def stop(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and output after SIGTERM; a platform kills after ten seconds."""
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=8)
    return process.returncode, told


# --- release ----------------------------------------------------------------------------------------------


def test_the_release_phase_is_green_without_any_key(job: Job) -> None:
    migrated = job("migrate")
    assert (migrated.returncode, migrated.stderr) == (0, "")
    checked = job("check", "--startup")
    assert (checked.returncode, checked.stderr) == (0, "")
    missing = {name for names in VENDOR_SECRETS.values() for name in names}
    assert [name for name in missing if name not in checked.stdout] == []


def test_check_is_green_without_any_key_and_names_what_each_vendor_lacks(job: Job) -> None:
    done = job("check", "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert {problem["severity"] for problem in found["problems"]} == {"warning"}
    told = {problem["subject"]: problem["message"] for problem in found["problems"]}
    assert told == {vendor: f"is off: set {', '.join(names)}" for vendor, names in VENDOR_SECRETS.items()}


def test_a_release_that_mends_a_fault_is_not_kept_back_by_it(job: Job, database: sa.Engine) -> None:
    with database.begin() as conn:
        conn.execute(
            sa.text(
                "INSERT INTO inbox (delivery_key, source, body, received_at, state) "
                "VALUES ('k', 'zoom', 'x', now() - interval '1 hour', 'new')"
            )
        )
    assert job("check").returncode == 1
    assert job("check", "--startup").returncode == 0


def test_without_a_database_the_release_phase_fails_and_says_why(job: Job) -> None:
    done = job("check", "--startup", DATABASE_URL="postgres://nobody@127.0.0.1:9/nothing")
    assert done.returncode == 1
    assert "does not answer" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_bad_configuration_is_told_in_full_and_nothing_starts(job: Job, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text('language = "fr"\n[zoom]\nhost = "x"\n')
    for name in ("check", "worker", "clock", "migrate", "all"):
        done = job(name, SAVIA_CONFIG=str(bad))
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 2
        assert "Traceback" not in done.stderr


# --- web, worker, clock -----------------------------------------------------------------------------------


@pytest.fixture
def web(started: Start) -> tuple[subprocess.Popen[str], str]:
    port = free_port()
    command = ["gunicorn", "app.wiring:web", "--config", "gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"]
    process = started(sys.executable, "-m", *command)
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return requests.get(f"{address}/healthz", timeout=5).ok
        except requests.RequestException:
            return False

    wait_until(answers, process)
    return process, address


def test_the_web_process_answers_without_any_key_and_stops_in_time(
    web: tuple[subprocess.Popen[str], str],
) -> None:
    process, address = web
    assert requests.get(f"{address}/setup", timeout=5).text.count("HUBSPOT_ACCESS_TOKEN") >= 1
    assert requests.get(f"{address}/readyz", timeout=5).json()["migrations"]
    assert requests.post(f"{address}/webhooks/zoom", data=b"{}", timeout=5).status_code == 404
    assert stop(process)[0] == 0


def test_a_chunked_body_beyond_the_limit_is_refused_over_the_wire(
    started: Start, web: tuple[subprocess.Popen[str], str], environ: dict[str, str]
) -> None:
    port = free_port()
    command = ["gunicorn", "app.wiring:web", "--config", "gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"]
    process = started(sys.executable, "-m", *command, ZOOM_WEBHOOK_SECRET="secret")
    wait_until(lambda: _listens(port), process)
    chunk = b"x" * 65_536
    answer = requests.post(f"http://127.0.0.1:{port}/webhooks/zoom", data=iter([chunk] * 17), timeout=10)
    assert answer.status_code == 413
    answer = requests.post(f"http://127.0.0.1:{port}/webhooks/zoom", data=iter([chunk] * 16), timeout=10)
    assert answer.status_code == 401


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_worker_starts_without_any_key_shows_itself_and_stops_in_time(
    started: Start, database: sa.Engine
) -> None:
    process = started(sys.executable, "-m", "jobs", "worker")

    def beats() -> Any:
        with database.connect() as conn:
            return job_rows.newest_heartbeat(conn)

    wait_until(beats, process)
    code, told = stop(process)
    assert code == 0, told
    assert "HubSpot is off: set HUBSPOT_ACCESS_TOKEN" in told
    assert "Traceback" not in told


def test_a_clock_starts_without_any_key_asks_for_what_is_due_and_stops_in_time(
    started: Start, database: sa.Engine
) -> None:
    process = started(sys.executable, "-m", "jobs", "clock")

    def fired() -> bool:
        with database.connect() as conn:
            names = set(conn.scalars(sa.text("SELECT task_name FROM procrastinate_jobs")))
        return {"sync", "rescore", "write_back", "decay"} <= names

    wait_until(fired, process)
    code, told = stop(process)
    assert code == 0, told
    assert "Traceback" not in told


def test_all_of_it_works_off_what_the_clock_asks_for_without_a_failure_and_leaves_nothing_running(
    started: Start, database: sa.Engine
) -> None:
    port = free_port()
    process = started(sys.executable, "-m", "jobs", "all", "--port", str(port))

    def ready() -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    wait_until(ready, process)

    def worked_off() -> bool:
        with database.connect() as conn:
            slots = conn.scalar(sa.text("SELECT count(*) FROM clock_slot"))
            left = job_rows.count_by_state(conn)
        assert not left.get("failed")
        return bool(slots and slots >= 4 and not left.get("todo") and not left.get("doing"))

    wait_until(worked_off, process)
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=20)
    assert process.returncode == 0, told
    assert "Traceback" not in told
    assert not _listens(port)
