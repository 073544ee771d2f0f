"""One worker: works jobs off, looks for work twice a second, and notices when it is alive and idle.

It outlives a database that is away. Whatever else it cannot go on after ends the process, within a bound: a
worker that is down is started again by whoever supervises it, one that hangs is not.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import procrastinate
import psycopg
import sqlalchemy as sa
from procrastinate import exceptions, jobs
from procrastinate.worker import Worker as JobWorker

from app.store import job_rows
from app.store.database import LOST
from app.watchdog import Watchdog

log = logging.getLogger(__name__)

HEARTBEAT = 3.0
"""Seconds between two signs of life of a worker."""

STALLED_AFTER = 15
"""Seconds without a sign of life after which a worker's job is given to another. A worker that was asked to
stop gives none while it finishes its lots, which take at most half of this.
"""

LOOK_AROUND = 0.5
"""Seconds between two looks for new deliveries and stalled jobs."""

DROPPED_AFTER = 20
"""Looks after which a job that this worker has taken and does not run is given back: its end was lost."""

SILENT_AFTER = 20
"""Looks in a row at which this worker's own sign of life was too old: whoever gives it has died."""

IDLE_AFTER = 60
"""Looks in a row at which a job waited that this worker has a hand free for and did not take."""

FAILED_LOOKS = 5
"""Looks in a row that may fail for want of a database; then the worker waits for it, and begins again."""

LOOKS_WITHIN = 120
"""Seconds within which a look must succeed, or find that the database is away; else the process ends."""

END_WITHIN = 12
"""Seconds a worker may take to end: lots take up to 8. Then the process is ended, and its lots taken over."""

AGAIN_WITHIN = 40
"""Seconds a worker that lost its database may take to end before it begins again: several of its connections
wait for one in turn.
"""

STEP_WITHIN = 1800
"""Seconds one step may take: the longest waits a vendor may ask for, several times over."""

AWAY = 2.0
"""Seconds between two tries to reach a database that is away."""

LASTED = 10.0
"""A worker that could not go on for so many seconds is not begun again in this process."""

AWAY_OR_BACK = (*LOST, exceptions.ConnectorException)


class Idle(Exception):
    """This worker is alive and does nothing: it must be begun again."""


class Running:
    """The jobs that this process runs now, and how many it ever began. Shared by all its threads."""

    def __init__(self, watchdog: Watchdog) -> None:
        self._watchdog = watchdog
        self._lock = threading.Lock()
        self._ids: set[int] = set()
        self.begun = 0

    @contextmanager
    def running(self, job_id: int, name: str) -> Iterator[None]:
        """While the block lasts the job runs; a step that never ends ends the process."""
        what = f"the end of {name} (job {job_id})"
        self._watchdog.expect(what, STEP_WITHIN)
        with self._lock:
            self._ids.add(job_id)
            self.begun += 1
        try:
            yield
        finally:
            with self._lock:
                self._ids.discard(job_id)
            self._watchdog.forget(what)

    def ids(self) -> set[int]:
        """The jobs that run now."""
        with self._lock:
            return set(self._ids)


class Pulse:
    """What one worker's own rows show, look after look: jobs it dropped, and whether it lives."""

    def __init__(self, worker_id: Callable[[], int | None], running: Running, concurrency: int) -> None:
        self._worker_id, self._running, self._concurrency = worker_id, running, concurrency
        self._dropped: dict[int, int] = {}
        self._silent = self._idle = self._begun = 0

    def look(self, conn: sa.Connection, queues: Sequence[str]) -> set[int]:
        """The jobs to give back. Raises Idle."""
        worker_id = self._worker_id()
        if worker_id is None:  # it is only just beginning, or ending
            return set()
        silent = job_rows.seconds_silent(conn, worker_id)
        self._silent = 0 if silent is not None and silent < STALLED_AFTER else self._silent + 1
        if self._silent > SILENT_AFTER:
            raise Idle("it gave no sign of life")
        taken = job_rows.doing_of(conn, worker_id)
        if self._hands_free_for_nothing(taken, job_rows.any_due(conn, queues)):
            raise Idle("it took no job though one waits")
        return self._no_longer_run(taken)

    def _hands_free_for_nothing(self, taken: set[int], is_due: bool) -> bool:
        begun, self._begun = self._begun, self._running.begun
        free = is_due and begun == self._begun and len(taken) < self._concurrency
        self._idle = self._idle + 1 if free else 0
        return self._idle > IDLE_AFTER

    def _no_longer_run(self, taken: set[int]) -> set[int]:
        """Looks are counted for each: a job is taken a moment before it runs, and ended a moment after."""
        idle = taken - self._running.ids()
        self._dropped = {job_id: self._dropped.get(job_id, 0) + 1 for job_id in idle}
        return {job_id for job_id, looks in self._dropped.items() if looks > DROPPED_AFTER}


class Worker:
    """Works jobs of `queues` off until SIGTERM or SIGINT. `wake` is asked twice a second which steps have
    work waiting, `defer` asks for them.
    """

    def __init__(
        self,
        app: procrastinate.App,
        database: sa.Engine,
        queues: Sequence[str],
        wake: Callable[[], Sequence[str]],
        defer: Callable[[str], object],
        running: Running,
        watchdog: Watchdog,
    ) -> None:
        self._app, self._database, self._queues = app, database, queues
        self._wake, self._defer = wake, defer
        self._running, self._watchdog = running, watchdog

    def work(self, concurrency: int) -> bool:
        """True when a signal ended it; False when it could not go on and must be started again."""
        self._watchdog.start()
        try:
            return asyncio.run(self._work(concurrency))
        finally:
            self._watchdog.stop()

    async def _work(self, concurrency: int) -> bool:
        asked_to_stop = asyncio.Event()
        for sign in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sign, self._stop, asked_to_stop)
        clock = asyncio.get_running_loop().time
        while not asked_to_stop.is_set() and await self._database_answers(asked_to_stop):
            began = clock()
            await self._run(concurrency, asked_to_stop)
            if clock() - began < LASTED:
                break
        self._watchdog.expect(THE_END, END_WITHIN)
        return asked_to_stop.is_set()

    def _stop(self, asked_to_stop: asyncio.Event) -> None:
        asked_to_stop.set()
        self._watchdog.expect(THE_END, END_WITHIN)

    async def _database_answers(self, asked_to_stop: asyncio.Event) -> bool:
        """Wait until it does. False when asked to stop meanwhile."""
        told = False
        while not asked_to_stop.is_set():
            self._watchdog.expect(A_LOOK, LOOKS_WITHIN)
            self._watchdog.saw(A_LOOK)
            try:
                await asyncio.to_thread(self._ask)
            except AWAY_OR_BACK as reason:
                if not told:
                    log.warning("the database does not answer: waiting for it (%s)", type(reason).__name__)
                told = True
                await _soon(asked_to_stop, AWAY)
            else:
                return True
        return False

    def _ask(self) -> None:
        with self._database.connect() as conn:
            conn.execute(sa.text("SELECT 1"))

    async def _run(self, concurrency: int, asked_to_stop: asyncio.Event) -> None:
        """Work until asked to stop or until any part cannot go on; everything is ended when it returns."""
        try:
            async with self._app.open_async():
                worker = self._make(concurrency)
                pulse = Pulse(lambda: worker.worker_id, self._running, concurrency)
                tasks: list[asyncio.Task[object]] = [
                    asyncio.create_task(worker.run()),  # type: ignore[no-untyped-call]  # the library's
                    asyncio.create_task(self._look_around(pulse)),
                    asyncio.create_task(asked_to_stop.wait()),
                ]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                self._watchdog.expect(A_NEW_BEGINNING, AGAIN_WITHIN)
                for task in tasks:
                    await _end(task)
        except (psycopg.Error, exceptions.ConnectorException) as reason:
            log.warning("the worker lost its database: %s", type(reason).__name__)
        self._watchdog.forget(A_NEW_BEGINNING)

    def _make(self, concurrency: int) -> JobWorker:
        return JobWorker(
            self._app,
            queues=self._queues,
            concurrency=concurrency,
            fetch_job_polling_interval=1.0,
            update_heartbeat_interval=HEARTBEAT,
            stalled_worker_timeout=STALLED_AFTER,
            delete_jobs=jobs.DeleteJobCondition.SUCCESSFUL,
            install_signal_handlers=False,
        )

    async def _look_around(self, pulse: Pulse) -> None:
        failed = 0
        while True:
            try:
                await asyncio.to_thread(self._look, pulse)
            except AWAY_OR_BACK as reason:
                log.warning("the database did not answer, looking again: %s", type(reason).__name__)
                failed += 1
                if failed == FAILED_LOOKS:
                    raise Idle("the database is away") from reason
            else:
                failed = 0
                self._watchdog.saw(A_LOOK)
            await asyncio.sleep(LOOK_AROUND)

    def _look(self, pulse: Pulse) -> None:
        """Ask for what the store shows to be waiting, and give the jobs of workers that stopped to others."""
        for name in self._wake():
            self._defer(name)
        with self._database.begin() as conn:
            dropped = pulse.look(conn, self._queues)
            for name in job_rows.give_back(conn, STALLED_AFTER, dropped):
                log.warning("taking over %s from a worker that stopped", name)
            job_rows.keep_newest_dead_letters(conn)


A_LOOK, THE_END = "a look around that succeeds", "the end of this worker"
A_NEW_BEGINNING = "this worker's new beginning"


async def _soon(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, at most so long."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


async def _end(task: asyncio.Task[object]) -> None:
    """Cancel until it is over: one cancellation can be swallowed by a pool that waits for its database. The
    watchdog sees to it that this does not last for ever.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=1)
    if not task.cancelled() and (failure := task.exception()) is not None:
        log.error("the worker could not go on: %s: %s", type(failure).__name__, _told(failure))


def _told(failure: BaseException) -> str:
    return str(failure) if isinstance(failure, Idle) else "see above, or the database's log"
