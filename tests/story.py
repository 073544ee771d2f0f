"""The demo's story, played by real processes: sandbox, database, `jobs all` (web, worker, clock), jobs."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
import sqlalchemy as sa

from app.store import inbox, job_rows, people, runs
from app.store.database import make_engine
from app.store.embedded import EmbeddedServer
from tests.sandbox import server as sandbox

ROOT = Path(__file__).resolve().parent.parent
JOBS = (sys.executable, "-m", "jobs")
PATIENCE = 150.0
"""Seconds any one wait of the story may take before it is given up as broken."""


class StoryBroken(Exception):
    """The story cannot go on: the message says at which point, the logs say why."""


@dataclass(slots=True)
class Story:
    """The processes of one story, started on entry and stopped on exit.

    An empty `database_url` means the embedded server. Its data and all logs live in `folder`; `now` is when
    the sandbox's world begins, in ISO form, "" for this moment.
    """

    folder: Path
    leads: int = 500
    webinars: int = 2
    seed: int = 7
    api_version: str = "2026-09"
    database_url: str = ""
    now: str = ""
    say: Callable[[str], None] = print
    port: int = 0
    sandbox_url: str = ""
    _server: EmbeddedServer | None = None
    _database: sa.Engine | None = None
    _environ: dict[str, str] = field(default_factory=dict)
    _processes: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._start_sandbox()
            self._start_savia()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    # --- what can be done -------------------------------------------------------------------------------

    def job(self, *arguments: str, may_fail: bool = False) -> dict[str, Any]:
        """Run one job to its end with `--json` and return its report."""
        printed = run_job(JOBS, (*arguments, "--json"), self._environ, may_fail=may_fail)
        return json.loads(printed) if printed.strip() else {}

    def told(self, *arguments: str) -> str:
        """Run one job and return what it prints for a person."""
        return run_job(JOBS, arguments, self._environ)

    def control(self, lever: str, **asked: Any) -> dict[str, Any]:
        """Pull one of the sandbox's levers."""
        answer = requests.post(f"{self.sandbox_url}/control/{lever}", json=asked, timeout=PATIENCE)
        answer.raise_for_status()
        return dict(answer.json())

    def view(self, what: str) -> dict[str, Any]:
        """Look at the sandbox: `counts`, `deliveries` or `dump`."""
        answer = requests.get(f"{self.sandbox_url}/control/{what}", timeout=PATIENCE)
        answer.raise_for_status()
        return dict(answer.json())

    def wait_until(self, what: str, ready: Callable[[], bool]) -> None:
        """Look four times a second until `ready`; a story that does not get there is broken."""
        deadline = time.monotonic() + PATIENCE
        while not ready():
            for name, process in self._processes:
                if process.poll() is not None:
                    raise StoryBroken(
                        f"{name} ended while waiting for {what}: see {self.folder / (name + '.log')}"
                    )
            if time.monotonic() > deadline:
                raise StoryBroken(f"waited {PATIENCE:g} s for {what}: see the logs in {self.folder}")
            time.sleep(0.25)

    @property
    def web_url(self) -> str:
        """Where Savia's web process listens; also its public address in this story."""
        return f"http://127.0.0.1:{self.port}"

    # --- the acts ----------------------------------------------------------------------------------------

    def synced(self) -> bool:
        """Has every source been pulled once by the schedule?"""
        with self.database.connect() as conn:
            last = [runs.last(conn, f"sync {source}") for source in ("hubspot", "zoom")]
        return all(run is not None and (run.result or {}).get("complete") for run in last)

    def settle(self) -> None:
        """Wait until Savia has nothing left to do but what waits for a person."""
        quiet = 0

        def settled() -> bool:
            nonlocal quiet
            quiet = 0 if self._busy() else quiet + 1
            return quiet >= 3

        self.wait_until("Savia to be done", settled)

    def _busy(self) -> bool:
        with self.database.connect() as conn:
            jobs = job_rows.count_by_state(conn)
            return bool(
                inbox.waiting(conn)[0] or people.any_touched(conn) or jobs.get("todo") or jobs.get("doing")
            )

    @property
    def database(self) -> sa.Engine:
        """Savia's own database, to look at and to wait on."""
        if self._database is None:
            self._database = make_engine(self._environ["DATABASE_URL"])
        return self._database

    def release(self, *, enrol: bool = False) -> dict[str, Any]:
        """What a person does: look at the plan, and carry it out by its fingerprint. {} when none waits.

        `enrol` releases the enrolments and tasks of new rules along with it.
        """
        shown = self.told("write_back", *(["--enrol"] if enrol else [])).strip()
        self.say(shown)
        found = re.search(r"--apply (\w+)", shown)
        return self.job("write_back", "--apply", found.group(1)) if found else {}

    def play_webinar(self, seconds: float = 8.0) -> None:
        """The last webinar happens: its webhooks arrive, people edit contacts meanwhile, and it ends."""
        self.control("deliver", receiver=self.web_url, public_url=self.web_url, seconds=seconds)
        self.control("hubspot_edits", count=max(5, self.leads // 50))
        self.wait_until("the deliveries", lambda: self.view("deliveries")["finished"])
        self.settle()
        self.control("end_webinar")

    # --- processes ---------------------------------------------------------------------------------------

    def _start_sandbox(self) -> None:
        ready = self.folder / "sandbox.json"
        ready.unlink(missing_ok=True)
        options = ["--leads", str(self.leads), "--webinars", str(self.webinars), "--seed", str(self.seed)]
        options += ["--now", self.now] if self.now else []
        self._start(
            "sandbox", ["-m", "tests.sandbox", *options, "--ready-file", str(ready)], dict(os.environ)
        )
        self.wait_until("the sandbox", ready.exists)
        self.sandbox_url = f"http://127.0.0.1:{json.loads(ready.read_text())['port']}"

    def _start_savia(self) -> None:
        self.port = free_port()
        self._environ = {
            **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
            **environment(self.web_url),
            "SAVIA_CONFIG": str(self._write_config()),
            "DATABASE_URL": self.database_url or self._own_database(),
        }
        self.told("migrate")
        self._start("savia", ["-m", "jobs", "all", "--port", str(self.port)], self._environ)
        self.wait_until("Savia", self._is_ready)

    def _own_database(self) -> str:
        self._server = EmbeddedServer.start(self.folder / "pg")
        return self._server.url

    def _write_config(self) -> Path:
        path = self.folder / "config.toml"
        path.write_text(
            f'[hubspot]\nbase_url = "{self.sandbox_url}/hubspot"\napi_version = "{self.api_version}"\n\n'
            f'[zoom]\nbase_url = "{self.sandbox_url}/zoom/v2"\n'
            f'oauth_url = "{self.sandbox_url}/zoom/oauth/token"\n\n'
            # An hour's webinar is played in seconds: what would be many small plans is a few large ones.
            "[write_back]\nmax_enrolments = 400\nmax_tasks = 200\nmax_band_moves = 0.6\n"
            "max_list_leaves = 0.9\nmax_mean_score_move = 20.0\n"
        )
        return path

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.web_url}/readyz", timeout=15).status_code == 200
        except requests.RequestException:
            return False

    def _start(self, name: str, arguments: list[str], environ: Mapping[str, str]) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=dict(environ),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._processes.append((name, process))

    def _stop(self) -> None:
        for _, process in reversed(self._processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        self._processes.clear()
        if self._database is not None:
            self._database.dispose()
        if self._server is not None:
            self._server.stop()


def run_job(
    program: Sequence[str],
    arguments: Sequence[str],
    environ: Mapping[str, str],
    *,
    patience: float = PATIENCE,
    may_fail: bool = False,
) -> str:
    """Run one job to its end in a process of its own; what it printed. Raises StoryBroken when it fails."""
    done = subprocess.run(
        [*program, *arguments],
        env=dict(environ),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )
    if done.returncode and not may_fail:
        told = done.stderr.strip()[-2000:]
        raise StoryBroken(f"jobs {' '.join(arguments)} ended with {done.returncode}: {told}")
    return done.stdout


def environment(public_url: str) -> dict[str, str]:
    """The environment variables that let Savia work against the sandbox."""
    return {
        "HUBSPOT_ACCESS_TOKEN": sandbox.HUBSPOT_TOKEN,
        "HUBSPOT_CLIENT_SECRET": sandbox.HUBSPOT_CLIENT_SECRET,
        "ZOOM_ACCOUNT_ID": sandbox.ZOOM_ACCOUNT_ID,
        "ZOOM_CLIENT_ID": sandbox.ZOOM_CLIENT_ID,
        "ZOOM_CLIENT_SECRET": sandbox.ZOOM_CLIENT_SECRET,
        "ZOOM_WEBHOOK_SECRET": sandbox.ZOOM_WEBHOOK_SECRET,
        "SAVIA_PUBLIC_URL": public_url,
    }


def free_port() -> int:
    """A port of this machine that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
