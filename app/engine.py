"""The durable engine: named steps as jobs on PostgreSQL, on as many workers as there are. It decides nothing.

A step does one lot of at most ten seconds and says whether there is more; what it did is committed before it
returns, so a job that is run twice does its work once. See ARCHITECTURE.md for the stalled-job rule.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import procrastinate
import sqlalchemy as sa
from procrastinate import exceptions, jobs, manager

from app.domain.errors import BadCredentials, TryLater, UnsafePlan
from app.store import job_rows, slots
from app.store.database import psycopg_url

log = logging.getLogger(__name__)

QUEUE = "line"

HEARTBEAT = 3.0
"""Seconds between two signs of life of a worker."""

STALLED_AFTER = 15
"""Seconds without a sign of life after which a worker's job is given to another. A worker that was asked to
stop gives none while it finishes its lots, which take at most half of this.
"""

LOOK_AROUND = 0.5
"""Seconds between two looks for new deliveries and stalled jobs."""

RETRY_AFTER = timedelta(seconds=30)
"""Wait before a step is tried again when the vendor did not say how long."""


RETRY = procrastinate.RetryStrategy(max_attempts=4, linear_wait=10)
"""For a fault nobody foresaw: 10, 20 and 30 seconds later; then the job is a dead letter."""


MENDED_AFTER = timedelta(minutes=10)
"""Wait before a step is tried again whose credentials a person must mend."""


@dataclass(frozen=True, slots=True)
class Step:
    """A named piece of the line. `run(now)` does one lot and returns the names of the steps to run next:
    itself, when there is more. `priority`: a higher one overtakes.
    """

    name: str
    run: Callable[[datetime], Sequence[str]]
    priority: int = 0


class Engine:
    """Defers steps and works them off. `wake` is asked twice a second which steps have work waiting."""

    def __init__(
        self,
        database: sa.Engine,
        steps: Sequence[Step],
        wake: Callable[[], Sequence[str]],
        clock: Callable[[], datetime],
    ) -> None:
        self._clock = clock
        self._database = database
        self._wake = wake
        self._steps = {step.name: step for step in steps}
        url = database.url.render_as_string(hide_password=False)
        self._app = procrastinate.App(
            connector=procrastinate.PsycopgConnector(
                conninfo=psycopg_url(url), min_size=1, max_size=2, timeout=5.0
            )
        )
        for step in steps:
            self._app.task(name=step.name, queue=QUEUE, priority=step.priority, retry=RETRY)(self._job(step))
        # Asking goes through the caller's own connection, so this side needs no pool.
        self._asking = manager.JobManager(procrastinate.SyncPsycopgConnector())

    def _job(self, step: Step) -> Callable[[], None]:
        def job() -> None:
            now = self._clock()
            try:
                following = step.run(now)
            except TryLater as reason:
                log.info("%s: %s", step.name, reason)
                self.defer(step.name, at=self._clock() + (reason.after or RETRY_AFTER))
            except BadCredentials as reason:
                log.error("%s: %s", step.name, reason)  # noqa: TRY400 - the message is the whole story
                self.defer(step.name, at=self._clock() + MENDED_AFTER)
            except UnsafePlan as reason:
                log.warning("%s: %s", step.name, reason)
            else:
                for name in following:
                    self.defer(name)

        return job

    def defer(self, name: str, *, at: datetime | None = None) -> bool:
        """Ask for a step to be run, now or `at`. False when one already waits: it will see the same work."""
        with self._database.begin() as conn:
            return self._defer_on(conn, name, at)

    def defer_slot(self, name: str, slot: datetime, now: datetime) -> bool:
        """Ask for a step on behalf of a clock's slot. However many clocks fire it, it is asked for once."""
        with self._database.begin() as conn:
            return slots.claim(conn, name, slot, now) and self._defer_on(conn, name, None)

    def _defer_on(self, conn: sa.Connection, name: str, at: datetime | None) -> bool:
        """In the caller's transaction: the job exists when and only when that transaction commits.

        One job per step waits at a time; one that was put off is waited for, too.
        """
        job = jobs.Job(
            id=None,
            queue=QUEUE,
            lock=None,
            queueing_lock=name,
            task_name=name,
            priority=self._steps[name].priority,
            scheduled_at=at,
        )
        try:
            with conn.begin_nested():
                self._asking.defer_job(job, connection=conn.connection.driver_connection)
        except exceptions.AlreadyEnqueued:
            return False
        return True

    def work(self, *, concurrency: int = 2) -> bool:
        """Work steps off until SIGTERM or SIGINT, finishing the lots under way. True when a signal ended it;
        False when it could not go on, and must be started again.
        """
        return asyncio.run(self._work(concurrency))

    async def _work(self, concurrency: int) -> bool:
        asked_to_stop = asyncio.Event()
        for sign in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sign, asked_to_stop.set)
        async with self._app.open_async():
            tasks = [
                asyncio.create_task(self._run_worker(concurrency)),
                asyncio.create_task(self._look_around()),
                asyncio.create_task(asked_to_stop.wait()),
            ]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                await _end(task)
        return asked_to_stop.is_set()

    async def _run_worker(self, concurrency: int) -> None:
        await self._app.run_worker_async(
            queues=[QUEUE],
            concurrency=concurrency,
            fetch_job_polling_interval=1.0,
            update_heartbeat_interval=HEARTBEAT,
            stalled_worker_timeout=STALLED_AFTER,
            delete_jobs=jobs.DeleteJobCondition.SUCCESSFUL,
            install_signal_handlers=False,
        )

    async def _look_around(self) -> None:
        """Defer what the store shows to be waiting, and take over the jobs of workers that died."""
        while True:
            try:
                for name in await asyncio.to_thread(self._wake):
                    await asyncio.to_thread(self.defer, name)
                await self._take_over()
            except (sa.exc.OperationalError, sa.exc.TimeoutError) as reason:
                log.warning("the database did not answer, looking again: %s", type(reason).__name__)
            await asyncio.sleep(LOOK_AROUND)

    async def _take_over(self) -> None:
        """Give the jobs of workers that stopped to others. One worker at a time does this."""
        held = self._app.job_manager
        with self._database.begin() as conn:
            if not job_rows.may_take_over(conn):
                return
            for job in await held.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER):
                log.warning("taking over %s from a worker that stopped", job.task_name)
                try:
                    await held.retry_job(job)
                except exceptions.UniqueViolation:
                    # The step waits already and will see the same work: this job has nothing left to do.
                    await held.finish_job(job, status=jobs.Status.ABORTED, delete_job=True)
                except exceptions.ConnectorException as reason:
                    log.warning("%s was finished meanwhile: %s", job.task_name, type(reason).__name__)
            job_rows.keep_newest_dead_letters(conn)


async def _end(task: asyncio.Task[object]) -> None:
    """Cancel until it is over: one cancellation can be swallowed by a pool that waits for its database."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=1)
    if not task.cancelled() and (failure := task.exception()) is not None:
        log.error("the worker could not go on: %s", type(failure).__name__)
