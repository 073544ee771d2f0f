"""The story, act by act, with or without fire; what stands in HubSpot at its end."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.crew import kill
from tests.chaos.fire import Fire, Watch
from tests.chaos.stage import EDITS, Setting, Stage
from tests.story import StoryBroken

SHARES = {"first sync": 0.15, "webinar": 0.65, "reports": 0.2}
"""How the time under fire is divided among the acts."""

QUIET_SECONDS = 8.0
"""How long the webinar lasts when nothing is struck."""

MOST_PLANS = 6

LATENCY = 0.2
"""Seconds every call to HubSpot takes under fire: long enough for strikes to fall between two of them."""


@dataclass(slots=True)
class Ending:
    """How one run of the story ended. `seconds` is the whole run, `takeover` the longest silence of a worker
    that had a job, `settled_in` how long Savia needed after the last strike of an act.
    """

    dump: dict[str, Any]
    lost: int
    duplicated: int
    details: list[str]
    dropped: int
    strikes: dict[str, int]
    takeover: float
    failed_jobs: int
    http_429: int
    deliveries: dict[str, Any] = field(default_factory=dict)
    settled_in: float = 0.0
    seconds: float = 0.0


def play(folder: Path, setting: Setting) -> Ending:
    """The whole story once. With `setting.fire` processes are struck for that long, else for none."""
    began = time.monotonic()
    with Stage(folder, setting) as stage, Watch(stage) as watch:
        played = Played(stage, Fire(stage, setting.seed))
        played.first_sync()
        played.webinar()
        played.reports()
        ending = ending_of(stage, played, watch.longest)
    ending.seconds = time.monotonic() - began
    return ending


class Played:
    """The acts on one stage. Plans are shown while all is quiet and carried out under fire."""

    def __init__(self, stage: Stage, fire: Fire) -> None:
        self.stage, self.fire = stage, fire
        self.settled_in = 0.0

    def first_sync(self) -> None:
        """The clock's first sync is struck; what it left undone the next one does."""
        with self._fire_for("first sync"):
            pass
        self.come_to_rest()

    def webinar(self) -> None:
        """The first plan is carried out while the webinar's webhooks come in and people edit contacts."""
        stage, seconds = self.stage, self._seconds("webinar") or QUIET_SECONDS
        fingerprint = stage.show_plan()
        stage.sandbox.play.deliver(stage.web_url, stage.web_url, 0.8 * seconds)
        with self._fire_for("webinar") as ends:
            release = self._release(fingerprint)
            for _ in range(EDITS):
                stage.edit_somebody()
                time.sleep(0.8 * seconds / EDITS)
                release = self._again(release, fingerprint)
            time.sleep(max(0.0, ends - time.monotonic()))
        self._finish(release, fingerprint)
        stage.wait_until("the deliveries", stage.delivered)
        self.come_to_rest(sync=False)

    def reports(self) -> None:
        """The webinar ends: its reports are pulled, and what they change is carried out, under fire."""
        self.stage.sandbox.play.end_webinar()
        with self._fire_for("reports", part=0.5):
            self.stage.begin_job("sync").wait()
        self.come_to_rest()
        fingerprint = self.stage.show_plan()
        with self._fire_for("reports", part=0.5):
            release = self._release(fingerprint)
        self._finish(release, fingerprint)
        self.come_to_rest(sync=False)
        self.release_the_rest()

    def _seconds(self, act: str) -> float:
        return self.stage.setting.fire * SHARES[act]

    @contextmanager
    def _fire_for(self, act: str, part: float = 1.0) -> Iterator[float]:
        """Under fire for the act's share, longer if the block needs longer; yields when that is over."""
        seconds = self._seconds(act) * part
        ends = time.monotonic() + seconds
        if not seconds:
            yield ends
            return
        faults = self.stage.sandbox.portal.faults
        faults.latency = LATENCY
        try:
            with self.fire:
                yield ends
                time.sleep(max(0.0, ends - time.monotonic()))
        finally:
            faults.latency = 0.0

    def come_to_rest(self, *, sync: bool = True) -> None:
        """Left alone: everybody is up again, and what was left undone is done."""
        began = time.monotonic()
        self.stage.wait_until("everybody to be up again", self.stage.is_ready)
        if sync:
            self.stage.settle()
            self.stage.job("sync")
        self.stage.settle()
        self.settled_in = max(self.settled_in, time.monotonic() - began)

    def _release(self, fingerprint: str) -> subprocess.Popen[bytes] | None:
        """A person carries out the plan; the job that does it may be struck too."""
        if not fingerprint:
            return None
        job = self.stage.begin_job("write_back", "--apply", fingerprint)
        if self.stage.setting.fire:
            self.fire.aim_also_at(job.pid)
        return job

    def _again(self, job: subprocess.Popen[bytes] | None, fingerprint: str) -> subprocess.Popen[bytes] | None:
        """A job that was struck before the plan was so much as begun is started again by its person."""
        if job is None or job.poll() is None:
            return job
        try:
            begun = self.stage.plan_state(fingerprint) != "shown"
        except Exception:  # noqa: BLE001 - the database may be away just now: look again next time
            return job
        return job if begun else self.stage.begin_job("write_back", "--apply", fingerprint)

    def _finish(self, job: subprocess.Popen[bytes] | None, fingerprint: str) -> None:
        if job is None:
            return
        try:
            job.wait(60)
        except subprocess.TimeoutExpired:
            kill(job.pid)
            job.wait()
            raise StoryBroken(f"write_back --apply {fingerprint} hung") from None
        if self.stage.plan_state(fingerprint) == "shown":
            self.stage.job("write_back", "--apply", fingerprint)
        waited = self.stage.wait_until("the plan", lambda: self.stage.plan_state(fingerprint) == "applied")
        self.settled_in = max(self.settled_in, waited)

    def release_the_rest(self) -> None:
        """A person carries out what still waits, plan after plan, until nothing does."""
        for _ in range(MOST_PLANS):
            fingerprint = self.stage.show_plan()
            if not fingerprint:
                return
            self._finish(self.stage.begin_job("write_back", "--apply", fingerprint), fingerprint)
            self.stage.settle()
        raise StoryBroken(f"after {MOST_PLANS} plans there is still something to write")


def ending_of(stage: Stage, played: Played, takeover: float) -> Ending:
    """What stands in HubSpot now, and the sandbox's word on it."""
    verdict = stage.verdict()
    progress = stage.sandbox.play.progress()
    failed = stage.rows("SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed'")[0][0]
    return Ending(
        dump=stage.sandbox.portal.dump(),
        lost=verdict["lost"],
        duplicated=verdict["duplicated"],
        details=verdict["details"],
        dropped=progress["dropped"],
        strikes=dict(played.fire.strikes),
        takeover=takeover,
        failed_jobs=failed,
        http_429=verdict["http_429"],
        deliveries=progress,
        settled_in=played.settled_in,
    )
