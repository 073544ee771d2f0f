"""The line step by step for the kill-at-a-point tests: calm steps in this process, mortal ones in another."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.store import inbox
from jobs.__main__ import main
from tests.chaos.child import Death, environment_of
from tests.chaos.crew import ROOT
from tests.chaos.end_state import canonical
from tests.sandbox import signing
from tests.sandbox.server import ZOOM_WEBHOOK_SECRET, Sandbox
from tests.sandbox.zoom_events import ZoomEvent, live_events
from tests.story import environment

FACTS = ("observation", "identity", "person", "activity", "profile")
MOST_PLANS = 5
MOST_TRIES = 30


@dataclass(slots=True)
class Line:
    """A sandbox, an empty database and the environment that joins them. `death` awaits the first job that
    is run as `at`; that job is then run again, or `carry_on` instead, after `before_carrying_on`.
    """

    sandbox: Sandbox
    database: sa.Engine
    environ: Mapping[str, str]
    at: str = ""
    death: Death | None = None
    carry_on: tuple[str, ...] = ()
    before_carrying_on: Callable[[], None] = lambda: None

    def play(self) -> dict[str, Any]:
        """The whole story; what stands in HubSpot and in our facts at its end."""
        self.job("sync")
        self.job("rescore")
        self.release()
        self.live_to_the_end()
        self.release_the_rest()
        return self.state()

    def live_to_the_end(self) -> None:
        """The last webinar: its webhooks are absorbed, its reports pulled, everybody scored."""
        self.land_live_events()
        self.job("absorb")
        self.job("rescore")
        self.sandbox.play.story.go_live()
        self.sandbox.play.end_webinar()
        self.job("sync")
        self.job("rescore")

    def release_the_rest(self) -> None:
        """A person carries out what waits, plan after plan."""
        for _ in range(MOST_PLANS):
            if not self.release():
                break

    def job(self, *arguments: str) -> None:
        """One job to its end; in another process, killed and begun again, if death awaits it."""
        if self.death is not None and arguments[0] == self.at:
            death, self.death = self.death, None
            killed = self._in_a_process(*arguments, death=death)
            assert killed.returncode == -signal.SIGKILL, f"nobody died: {killed.stderr}"
            self.before_carrying_on()
            self._begin_again(*(self.carry_on or arguments))
        else:
            assert main(arguments) == 0

    def release(self) -> bool:
        """Show the plan and carry it out; False when there is nothing to write."""
        with self.database.connect() as conn:
            shown = set(conn.execute(sa.text("SELECT fingerprint FROM plan")).scalars())
        assert main(["write_back", "--enrol"]) == 0
        with self.database.connect() as conn:
            fresh = set(conn.execute(sa.text("SELECT fingerprint FROM plan")).scalars()) - shown
        for fingerprint in fresh:
            self.job("write_back", "--apply", fingerprint)
        return bool(fresh)

    def land_live_events(self) -> None:
        """Every delivery of the live webinar stands in the inbox, accepted and not looked at."""
        with self.database.begin() as conn:
            for event in self.live_events():
                inbox.land(conn, "zoom", body_of(event), event.occurred_at)

    def live_events(self) -> list[ZoomEvent]:
        """What Zoom tells while the last webinar runs."""
        return live_events(self.sandbox.world, self.sandbox.zoom.credentials.account_id)

    def state(self) -> dict[str, Any]:
        """HubSpot without moments and ids of ours, how many facts there are, and the sandbox's count."""
        counts = self.sandbox.play.counts()
        return {
            "hubspot": canonical(self.sandbox.portal.dump()),
            "facts": self.facts(),
            "lost": counts["lost"],
            "duplicated": counts["duplicated"],
        }

    def facts(self) -> dict[str, int]:
        """Rows in each table of facts."""
        with self.database.connect() as conn:
            return {
                name: conn.execute(sa.text(f"SELECT count(*) FROM {name}")).scalar_one() for name in FACTS
            }

    def _begin_again(self, *arguments: str) -> None:
        """The dead writer may be trusted for some seconds more: until then nobody else may write."""
        for _ in range(MOST_TRIES):
            again = self._in_a_process(*arguments)
            if again.returncode == 0 or "another process is writing" not in again.stderr:
                break
        assert again.returncode == 0, again.stderr

    def _in_a_process(self, *arguments: str, death: Death | None = None) -> subprocess.CompletedProcess[str]:
        environ = {**self.environ, **(environment_of(death) if death else {})}
        command = [sys.executable, "-m", "tests.chaos.child", *arguments]
        return subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)


def body_of(event: ZoomEvent) -> bytes:
    """The bytes Zoom signs for this event."""
    return signing.zoom(event.body, ZOOM_WEBHOOK_SECRET, 0).body


def delivery_key(event: ZoomEvent) -> str:
    """The inbox's key of this event."""
    return hashlib.sha256(b"zoom\0" + body_of(event)).hexdigest()


def environ_for(sandbox: Sandbox, database_url: str, folder: Path) -> dict[str, str]:
    """What a child needs to work against this sandbox and this database."""
    config = folder / "config.toml"
    config.write_text(sandbox.config_toml())
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SAVIA_")}
    return {
        **kept,
        **environment("http://127.0.0.1:8000"),
        "SAVIA_CONFIG": str(config),
        "DATABASE_URL": database_url,
    }


def enter(environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let jobs of this process find that environment, too."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
