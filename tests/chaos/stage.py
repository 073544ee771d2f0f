"""One story's world: the sandbox in this process, a database that can be killed, and Savia's processes."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
import sqlalchemy as sa

from app.store import hints, inbox, job_rows, people, plans
from app.store.database import make_engine
from tests.chaos.child import MOMENT
from tests.chaos.crew import ROOT, Crew
from tests.chaos.postgres import Postgres
from tests.sandbox import deliveries
from tests.sandbox.deliveries import ZOOM_RETRIES
from tests.sandbox.server import Sandbox
from tests.story import StoryBroken, environment, free_port, run_job

PATIENCE = 240.0
"""Seconds any one wait may take before the story is given up as broken."""

CHILD = (sys.executable, "-m", "tests.chaos.child")
EDITS = 20
"""How many times people edit a contact in every story, so that all of them end alike."""

TITLES = ("Directora Comercial", "Responsable de Innovación", "Jefe de Producto", "CTO")


@dataclass(frozen=True, slots=True)
class Setting:
    """What a story is played with. `now` is when its world begins; two runs of one setting end alike.

    `unattended`: Savia writes by itself between the releases. `fire` is how long the processes are struck,
    in seconds; the vendors' retries are squeezed so that their last try comes after it.
    """

    now: datetime
    workers: int = 2
    leads: int = 200
    seed: int = 7
    unattended: bool = False
    fire: float = 0.0


class Stage:
    """Everything up on entry, everything down on exit."""

    def __init__(self, folder: Path, setting: Setting) -> None:
        self.folder, self.setting = folder, setting
        self.chance = random.Random(setting.seed)
        folder.mkdir(parents=True, exist_ok=True)
        # The four tries of Zoom and the ten of HubSpot take as long as the fire, so that only an outage
        # that outlasts the vendors' own patience loses a delivery.
        deliveries.HUBSPOT_SPAN = sum(ZOOM_RETRIES)
        scale = max(setting.fire, 10.0) / sum(ZOOM_RETRIES)
        self.sandbox = Sandbox(setting.leads, 2, setting.seed, time_scale=scale, now=setting.now)
        self.port = free_port()

    def __enter__(self) -> Self:
        self.sandbox.start()
        try:
            self.postgres = Postgres(self.folder / "pg")
            self.environ = self._environ()
            self.database = make_engine(self.postgres.url)
            self.job("migrate")
            self.crew = Crew(self._commands(), self.environ, self.folder)
            self.crew.start()
            self.wait_until("everybody to be up", self.is_ready)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def web_url(self) -> str:
        """Where the web process listens."""
        return f"http://127.0.0.1:{self.port}"

    def job(self, *arguments: str, may_fail: bool = False) -> str:
        """Run one job to its end; what it printed."""
        return run_job(CHILD, arguments, self.environ, patience=PATIENCE, may_fail=may_fail)

    def begin_job(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start one job and return at once."""
        with (self.folder / "jobs.log").open("ab") as log:
            command = [*CHILD, *arguments]
            return subprocess.Popen(command, cwd=ROOT, env=self.environ, stdout=log, stderr=subprocess.STDOUT)

    def wait_until(self, what: str, ready: Callable[[], bool], patience: float = PATIENCE) -> float:
        """Look four times a second until `ready`; how long it took. Raises StoryBroken after `patience`."""
        began = time.monotonic()
        while not self._asked(ready):
            if time.monotonic() - began > patience:
                self._ask_where_they_hang()
                raise StoryBroken(f"waited {patience:g} s for {what}: see the logs in {self.folder}")
            time.sleep(0.25)
        return time.monotonic() - began

    def is_ready(self) -> bool:
        """Is the whole crew up, and does the receiver say that all it needs is there?"""
        if not self.crew.all_up():
            return False
        try:
            return requests.get(f"{self.web_url}/readyz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def settle(self) -> float:
        """Wait until nothing is left to do but what waits for a person."""
        quiet = 0

        def settled() -> bool:
            nonlocal quiet
            quiet = 0 if self._busy() else quiet + 1
            return quiet >= 4

        return self.wait_until("Savia to be done", settled)

    def delivered(self) -> bool:
        """Is every webhook accepted, or given up by its vendor?"""
        return bool(self.sandbox.play.progress()["finished"])

    def edit_somebody(self) -> None:
        """A person gives one of the customer's contacts another job title; the same people in every run."""
        known = [lead for lead in self.sandbox.world.leads if lead.in_hubspot and lead.email]
        lead = self.chance.choice(known)
        title = f"{self.chance.choice(TITLES)} {self.chance.randint(1, 999)}"
        self.sandbox.portal.edit_as_person(self._contact_of(lead.email), {"jobtitle": title})

    def show_plan(self) -> str:
        """The fingerprint of the plan that would be written now, "" when nothing is to be written."""
        found = re.search(r"--apply (\w+)", self.job("write_back", "--enrol"))
        return found.group(1) if found else ""

    def plan_state(self, fingerprint: str) -> str:
        """shown, applying or applied."""
        with self.database.connect() as conn:
            stored = plans.load(conn, fingerprint)
        return stored.state if stored is not None else ""

    def rows(self, query: str) -> list[Any]:
        """What a query on Savia's database answers."""
        with self.database.connect() as conn:
            return list(conn.execute(sa.text(query)).all())

    def verdict(self) -> Mapping[str, Any]:
        """The sandbox's count at this step."""
        return self.sandbox.play.counts()

    def _ask_where_they_hang(self) -> None:
        for name in self.crew.members:
            if name != "web":
                self.crew.strike(name, signal.SIGUSR1)
        time.sleep(1.0)

    def _asked(self, ready: Callable[[], bool]) -> bool:
        """The database may be away just now: then it is not ready."""
        try:
            return ready()
        except (sa.exc.OperationalError, sa.exc.InterfaceError):
            return False

    def _busy(self) -> bool:
        with self.database.connect() as conn:
            jobs = job_rows.count_by_state(conn)
            return bool(
                inbox.waiting(conn)[0]
                or hints.any_hint(conn)
                or people.any_touched(conn)
                or plans.interrupted(conn)
                or jobs.get("todo")
                or jobs.get("doing")
            )

    def _contact_of(self, email: str) -> str:
        contacts = self.sandbox.portal.contacts
        return next(one for one, record in contacts.items() if record.properties.get("email") == email)

    def _environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SAVIA_")}
        return {
            **kept,
            **environment(self.web_url),
            "SAVIA_CONFIG": str(self._write_config()),
            "DATABASE_URL": self.postgres.url,
            "PORT": str(self.port),
            MOMENT: (self.setting.now + timedelta(days=1)).isoformat(),
        }

    def _write_config(self) -> Path:
        path = self.folder / "config.toml"
        url = self.sandbox.url
        path.write_text(
            f'[hubspot]\nbase_url = "{url}/hubspot"\n\n'
            f'[zoom]\nbase_url = "{url}/zoom/v2"\noauth_url = "{url}/zoom/oauth/token"\n\n'
            f"[write_back]\nunattended = {json.dumps(self.setting.unattended)}\nmax_enrolments = 400\n"
            "max_tasks = 200\nmax_band_moves = 0.6\nmax_list_leaves = 0.9\nmax_mean_score_move = 20.0\n"
        )
        return path

    def _commands(self) -> dict[str, tuple[str, ...]]:
        gunicorn = (sys.executable, "-m", "gunicorn", "tests.chaos.child:make_web()")
        bound = ("--config", "gunicorn.conf.py", "--bind", f"127.0.0.1:{self.port}")
        workers = {f"worker-{number}": (*CHILD, "worker") for number in range(1, self.setting.workers + 1)}
        return {"web": (*gunicorn, *bound), "clock": (*CHILD, "clock"), **workers}

    def _stop(self) -> None:
        if hasattr(self, "crew"):
            self.crew.stop()
        if hasattr(self, "database"):
            self.database.dispose()
        if hasattr(self, "postgres"):
            self.postgres.stop()
        self.sandbox.stop()
