"""Jobs as processes, with an environment that holds only what a test gives; or in a town of stand-ins."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.services import Services
from tests.conftest import ROOT
from tests.line import Moment, living_in, town

KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "HOME")


@pytest.fixture
def environ(tmp_path: Path, database: sa.Engine) -> dict[str, str]:
    """No vendor key at all: a database, and a configuration file without a setting in it."""
    config = tmp_path / "config.toml"
    config.touch()
    url = database.url.set(drivername="postgres").render_as_string(hide_password=False)
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "SAVIA_CONFIG": str(config), "DATABASE_URL": url}


@pytest.fixture
def job(environ: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs one job to its end."""

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "jobs", *arguments],
            env=environ | more,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def started(environ: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts processes that are gone when the test is over."""
    running: list[subprocess.Popen[str]] = []

    def start(*command: str, **more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command,
            env=environ | {"PYTHONUNBUFFERED": "1"} | more,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        with suppress(ProcessLookupError):  # what is left of it, its children too
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def clock(now: datetime) -> Moment:
    return Moment(now)


@pytest.fixture
def living(clock: Moment, database: sa.Engine) -> Iterator[Services]:
    """Services that pull from a town and write to it."""
    with town(clock, leads=20) as place, living_in(place, database) as services:
        yield services
