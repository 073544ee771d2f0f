"""A simulated Heroku: release phase, boot without a key, every dyno restarted in the middle of the story."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import requests
import sqlalchemy as sa

from tests.chaos.acts import Ending, Played, ending_of
from tests.chaos.crew import GRACE, ROOT, Memory, most_memory_of
from tests.chaos.fire import Fire, Watch
from tests.chaos.stage import EDITS, Setting, Stage
from tests.story import free_port

RELEASE = ("migrate", "check --startup")
"""The Procfile's release line, job by job."""

KEPT = ("PATH", "HOME", "LANG", "PYTHONPATH", "VIRTUAL_ENV")
"""What a dyno has without any config var of ours."""


@dataclass(slots=True)
class Deploys:
    """What was measured: exit codes of the releases, the status of /healthz without keys, the longest time a
    dyno took to end after SIGTERM in each round of restarts (GRACE means it had to be killed), the memory of
    each process at the story's end, and the most that a job of the release phase ever held, in MB.
    """

    releases: list[int] = field(default_factory=list)
    bare_status: int = 0
    ended_within: list[float] = field(default_factory=list)
    memory: dict[str, Memory] = field(default_factory=dict)
    release_mb: float = 0.0

    @property
    def killed(self) -> int:
        """Rounds in which a dyno did not end by itself."""
        return sum(seconds >= GRACE for seconds in self.ended_within)


def deploys(folder: Path, setting: Setting, rounds: int = 4) -> tuple[Deploys, Ending]:
    """The story with `rounds` restarts of every dyno in it, each with a release before.

    The last round stands for a rollback: the same code on tables that are marked as a later release's.
    """
    setting = replace(setting, unattended=True, fire=30.0)
    told = Deploys()
    with Stage(folder, setting) as stage, Watch(stage) as watch:
        told.bare_status = boot_without_keys(stage.postgres.url, told)
        played = Played(stage, Fire(stage, setting.seed))
        _restart(stage, told, rounds)
        played.come_to_rest()
        stage.job("write_back", "--apply", stage.show_plan())
        stage.sandbox.play.deliver(stage.web_url, stage.web_url, 4.0 * (rounds - 1))
        for number in range(EDITS):
            stage.edit_somebody()
            if number % (EDITS // (rounds - 1)) == 0 and len(told.ended_within) < rounds:
                time.sleep(3.0)
                _restart(stage, told, rounds)
        stage.wait_until("the deliveries", stage.delivered)
        stage.sandbox.play.end_webinar()
        played.come_to_rest()
        played.release_the_rest()
        told.memory = stage.crew.memory()
        return told, ending_of(stage, played, watch.longest)


def _restart(stage: Stage, told: Deploys, rounds: int) -> None:
    if len(told.ended_within) == rounds - 1:
        with stage.database.begin() as conn:
            conn.execute(sa.text("UPDATE alembic_version SET version_num = 'of a later release'"))
    environ = {**stage.environ, "DYNO": "release.1"}
    told.releases += [_job(environ, *line.split(), told=told) for line in RELEASE]
    told.ended_within.append(stage.crew.restart_everybody())


def _job(environ: Mapping[str, str], *arguments: str, told: Deploys) -> int:
    """One job's exit code; the most it ever held is noted."""
    command = [sys.executable, "-m", "jobs", *arguments]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=dict(environ), cwd=ROOT, stdout=quiet, stderr=quiet)
    while process.poll() is None:
        told.release_mb = max(told.release_mb, most_memory_of(process.pid))
        time.sleep(0.02)
    return process.returncode


def boot_without_keys(database_url: str, told: Deploys) -> int:
    """A web dyno with DATABASE_URL and PORT alone: release, boot, and the status of /healthz."""
    port = free_port()
    environ = {name: os.environ[name] for name in KEPT if name in os.environ}
    environ |= {"DATABASE_URL": database_url, "PORT": str(port), "DYNO": "web.1"}
    if any(_job(environ, *line.split(), told=told) for line in RELEASE):
        return 0
    command = [sys.executable, "-m", "gunicorn", "app.wiring:web", "--config", "gunicorn.conf.py"]
    process = subprocess.Popen(
        command, env=environ, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        return _status(f"http://127.0.0.1:{port}/healthz", process)
    finally:
        process.terminate()
        process.wait(GRACE * 2)


def _status(url: str, process: subprocess.Popen[bytes]) -> int:
    while process.poll() is None:
        try:
            return requests.get(url, timeout=10).status_code
        except requests.ConnectionError:
            time.sleep(0.2)
    return 0
