"""One writer, also when the database is gone for a moment: the lock is lost, the call under way is not."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.store.database import make_engine
from jobs.__main__ import main
from tests.chaos.crew import ROOT
from tests.chaos.line import Line, enter, environ_for
from tests.chaos.postgres import Postgres
from tests.sandbox.hubspot.faults import Fault
from tests.sandbox.server import Sandbox

pytestmark = pytest.mark.slow

MOST_TRIES = 60
LONGEST_CALL = 60.0


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    """A server of this test's own, to be cut off."""
    server = Postgres(tmp_path / "pg")
    yield server
    server.stop()


@pytest.fixture
def line(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """A line on that server, its facts absorbed and scored."""
    database = make_engine(postgres.url)
    with Sandbox(40, 2, 7, now=datetime.now(UTC)) as sandbox:
        environ = environ_for(sandbox, postgres.url, tmp_path)
        enter(environ, monkeypatch)
        line = Line(sandbox, database, environ)
        for name in ("migrate", "sync", "rescore"):
            line.job(name)
        line.job("write_back", "--enrol")
        yield line
    database.dispose()


class SlowCall:
    """HubSpot takes its time over the first call that makes tasks: until a second comes, or `released`."""

    def __init__(self, line: Line) -> None:
        self.begun, self.released = threading.Event(), threading.Event()
        self._take = line.sandbox.portal.faults.take

    def take(self, call: str) -> Fault | None:
        """Stands in for the sandbox's faults, which are asked before each call."""
        if "tasks/batch/create" in call:
            if self.begun.is_set():
                self.released.set()
            self.begun.set()
            self.released.wait(LONGEST_CALL)
        return self._take(call)


def test_a_writer_cut_off_in_the_middle_of_a_call_is_not_overtaken(
    line: Line, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprint = shown_plan(line)
    slow = SlowCall(line)
    monkeypatch.setattr(line.sandbox.portal.faults, "take", slow.take)
    command = [sys.executable, "-m", "tests.chaos.child", "write_back", "--apply", fingerprint]
    first = subprocess.Popen(
        command, env=dict(line.environ), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert slow.begun.wait(LONGEST_CALL)
    postgres.cut()
    postgres.restore()
    line.database.dispose()
    threading.Timer(1, slow.released.set).start()  # the call comes to its end while the next one waits
    main(["write_back", "--apply", fingerprint])
    first.wait()
    finish(line, fingerprint)
    counts = line.sandbox.play.counts()
    assert counts["duplicated"] == 0, counts["details"]


def shown_plan(line: Line) -> str:
    """The fingerprint of the plan that waits for a person."""
    with line.database.connect() as conn:
        return str(conn.execute(sa.text("SELECT fingerprint FROM plan")).scalar_one())


def finish(line: Line, fingerprint: str) -> None:
    """Another process goes on with the plan as soon as it may write, until it is done."""
    for _ in range(MOST_TRIES):
        with line.database.connect() as conn:
            if conn.execute(sa.text("SELECT state FROM plan")).scalar_one() == "applied":
                return
        time.sleep(0.5)
        main(["write_back", "--apply", fingerprint])
    raise AssertionError("the plan was never finished")
