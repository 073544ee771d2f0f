"""Single blows in a calm story: a worker frozen while it writes, the database gone for a while."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

from tests.chaos.acts import Ending, Played, ending_of
from tests.chaos.crew import kill
from tests.chaos.fire import Fire, Watch
from tests.chaos.stage import EDITS, Setting, Stage
from tests.story import StoryBroken

LATENCY = 0.4
"""Seconds a call to HubSpot takes while a worker is to be caught at writing."""

FENCES_FALLING = """
    SELECT count(*) FROM (
        SELECT fence < lag(fence) OVER (PARTITION BY fingerprint ORDER BY id) AS falling FROM ledger
    ) AS rows WHERE falling
"""
WRITERS = "SELECT count(DISTINCT fence) FROM ledger"


@dataclass(slots=True)
class Blows:
    """What was measured. `takeover`: from the freeze to the next write by another worker; `back_after`: from
    the database's return to everybody being ready; all in seconds.
    """

    frozen_for: float = 0.0
    takeover: float = 0.0
    cut_for: float = 0.0
    back_after: float = 0.0
    ended_by_the_cut: int = 0
    writers: int = 0
    fences_falling: int = 0
    stuck_jobs: int = 0


def frozen_and_cut(folder: Path, setting: Setting, seconds: float) -> tuple[Blows, Ending]:
    """Freeze the writing worker for `seconds` in the first plan, then cut the database off for as long in the
    middle of the webinar, and see the story to its end.
    """
    setting = replace(setting, unattended=True, fire=seconds + 20.0)
    blows = Blows(frozen_for=seconds, cut_for=seconds)
    with Stage(folder, setting) as stage, Watch(stage) as watch:
        played = Played(stage, Fire(stage, setting.seed))
        played.come_to_rest()
        _freeze_the_writer(stage, blows, seconds)
        played.come_to_rest(sync=False)
        _cut_in_the_webinar(stage, blows, seconds)
        played.come_to_rest()
        stage.sandbox.play.end_webinar()
        played.come_to_rest()
        played.release_the_rest()
        blows.fences_falling = stage.rows(FENCES_FALLING)[0][0]
        blows.writers = stage.rows(WRITERS)[0][0]
        blows.stuck_jobs = stage.rows("SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'")[0][0]
        return blows, ending_of(stage, played, watch.longest)


def _freeze_the_writer(stage: Stage, blows: Blows, seconds: float) -> None:
    """A person's job begins the first plan and is killed; the worker that goes on with it is frozen."""
    faults = stage.sandbox.portal.faults
    faults.latency = LATENCY
    fingerprint = stage.show_plan()
    job = stage.begin_job("write_back", "--apply", fingerprint)
    stage.wait_until("the first intents", lambda: bool(stage.rows("SELECT 1 FROM ledger LIMIT 1")))
    kill(job.pid)
    job.wait()
    writes = stage.sandbox.portal.write_calls
    stage.wait_until("a worker to go on", lambda: stage.sandbox.portal.write_calls > writes + 1)
    name = _catch_the_writer(stage)
    began = time.monotonic()
    writes = stage.sandbox.portal.write_calls
    takeover = stage.wait_until(
        "another worker to write", lambda: stage.sandbox.portal.write_calls > writes, patience=120
    )
    blows.takeover = takeover
    time.sleep(max(0.0, began + seconds - time.monotonic()))
    stage.crew.strike(name, signal.SIGCONT)
    stage.wait_until("the first plan", lambda: stage.plan_state(fingerprint) == "applied")
    faults.latency = 0.0


def _catch_the_writer(stage: Stage) -> str:
    """Freeze one worker after another until nothing is written any more; the last one is the writer."""
    for number in range(1, stage.setting.workers + 1):
        name = f"worker-{number}"
        stage.crew.strike(name, signal.SIGSTOP)
        time.sleep(LATENCY + 0.1)  # the call under way is counted
        before = stage.sandbox.portal.write_calls
        time.sleep(4 * LATENCY)
        if stage.sandbox.portal.write_calls == before:
            return name
        stage.crew.strike(name, signal.SIGCONT)
    raise StoryBroken("the writing worker was not caught: it was done too soon")


def _cut_in_the_webinar(stage: Stage, blows: Blows, seconds: float) -> None:
    """A third of the webhooks come before the cut, the rest while the database is away."""
    starts = sum(member.starts for member in stage.crew.members.values())
    stage.sandbox.play.deliver(stage.web_url, stage.web_url, seconds)
    for _ in range(EDITS):
        stage.edit_somebody()
    time.sleep(seconds / 3)
    stage.postgres.cut()
    time.sleep(seconds)
    stage.postgres.restore()
    blows.back_after = stage.wait_until("everybody to be back", stage.is_ready)
    blows.ended_by_the_cut = sum(member.starts for member in stage.crew.members.values()) - starts
    stage.wait_until("the deliveries", stage.delivered)
