"""`python -m tests.engine.child SCENE`: a worker in a process of its own, short of patience, with one fault.

The step "works" leaves a run of that name; what else there is depends on the scene.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from procrastinate import exceptions
from procrastinate.manager import JobManager

from app import log, worker
from app.engine import Engine, Step
from app.store import runs
from app.store.database import make_engine

SHORT = {
    "HEARTBEAT": 0.5,
    "STALLED_AFTER": 3,
    "LOOK_AROUND": 0.1,
    "SILENT_AFTER": 5,
    "DROPPED_AFTER": 10,
    "IDLE_AFTER": 20,
    "LOOKS_WITHIN": 4,
    "END_WITHIN": 3,
    "AGAIN_WITHIN": 20,
    "AWAY": 0.2,
    "LASTED": 0.0,
}
"""The worker's patience in these scenes: every bound is as it is, and shorter."""


def main(scene: str) -> int:
    """Work until a signal comes or the worker cannot go on."""
    log.set_up()
    for name, value in SHORT.items():
        assert hasattr(worker, name)
        setattr(worker, name, value)
    return 0 if make_line(scene).work() else 1


def make_line(scene: str) -> Engine:
    """A line with the fault of this scene in it."""
    database = make_engine(os.environ["DATABASE_URL"], pool_size=4)
    first = threading.Lock()

    def works(now: datetime) -> list[str]:
        with database.begin() as conn:
            runs.start(conn, "works", now)
        return []

    def breaks(now: datetime) -> list[str]:
        if first.acquire(blocking=False):
            line.defer("breaks")
            raise ZeroDivisionError
        return works(now)

    scenes = {"hangs": Step("hangs", hang), "breaks": Step("breaks", breaks)}
    steps = [Step("works", works), *([scenes[scene]] if scene in scenes else [])]
    wake = hang if scene == "dazed" else nothing
    line = Engine(database, steps, wake=wake, clock=lambda: datetime.now(UTC))
    faults = {
        "deaf": let_one_sign_of_life_fail,
        "blind": let_one_worker_get_no_job,
        "forgetful": let_one_end_be_lost,
    }
    faults.get(scene, nothing)()
    return line


def nothing() -> Sequence[str]:
    """No step has work waiting."""
    return []


def hang(*_: object) -> Sequence[str]:
    """A call that never comes back."""
    threading.Event().wait()
    return []


def let_one_sign_of_life_fail() -> None:
    """The first one of this process: the task that gives them dies of it."""
    give, failed = JobManager.update_heartbeat, []

    async def fail_once(self: JobManager, worker_id: int) -> None:
        if not failed:
            failed.append(worker_id)
            raise exceptions.ConnectorException
        await give(self, worker_id)

    JobManager.update_heartbeat = fail_once  # type: ignore[method-assign]  # that is the fault


def let_one_end_be_lost() -> None:
    """The database is cut off in the moment in which the first job is finished."""
    finish, lost = JobManager.finish_job, []

    async def lose_once(self: JobManager, job: Any, **given: Any) -> None:
        if not lost:
            lost.append(job.id)
            raise exceptions.ConnectorException
        await finish(self, job, **given)

    JobManager.finish_job = lose_once  # type: ignore[method-assign]  # that is the fault


def let_one_worker_get_no_job() -> None:
    """The first worker of this process waits for its first job for ever."""
    fetch: Any = JobManager.fetch_job
    asked: list[int] = []

    async def hang_first(self: JobManager, **given: Any) -> Any:
        asked.append(given["worker_id"])
        if asked[-1] == asked[0]:
            await asyncio.Event().wait()
        return await fetch(self, **given)

    JobManager.fetch_job = hang_first  # type: ignore[method-assign]  # that is the fault


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
