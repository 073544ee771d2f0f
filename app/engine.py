"""The durable engine: named steps as jobs on PostgreSQL, on as many workers as there are. It decides nothing.

A step does one lot of at most ten seconds and says whether there is more; what it did is committed before it
returns, so a job that is run twice does its work once. See ARCHITECTURE.md for the stalled-job rule.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import procrastinate
import sqlalchemy as sa
from procrastinate import exceptions, jobs, manager

from app.domain.errors import BadCredentials, TryLater, UnsafePlan
from app.store import job_rows, slots
from app.store.database import psycopg_url
from app.watchdog import Watchdog
from app.worker import Running, Worker

log = logging.getLogger(__name__)

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
    """Defers steps and works them off. `wake` is asked twice a second which steps have work waiting; a step
    that never ends is `watchdog`'s concern.
    """

    def __init__(
        self,
        database: sa.Engine,
        steps: Sequence[Step],
        wake: Callable[[], Sequence[str]],
        clock: Callable[[], datetime],
        watchdog: Watchdog | None = None,
    ) -> None:
        self._clock = clock
        self._database = database
        self._wake = wake
        self._watchdog = watchdog or Watchdog()
        self._running = Running(self._watchdog)
        self._steps = {step.name: step for step in steps}
        url = database.url.render_as_string(hide_password=False)
        self._app = procrastinate.App(
            connector=procrastinate.PsycopgConnector(
                conninfo=psycopg_url(url), min_size=1, max_size=2, timeout=5.0
            )
        )
        for step in steps:
            self._app.task(
                name=step.name, queue=step.name, priority=step.priority, retry=RETRY, pass_context=True
            )(self._job(step))
        # Asking goes through the caller's own connection, so this side needs no pool.
        self._asking = manager.JobManager(procrastinate.SyncPsycopgConnector())

    def _job(self, step: Step) -> Callable[[procrastinate.JobContext], None]:
        def job(context: procrastinate.JobContext) -> None:
            with self._running.running(context.job.id or 0, step.name):
                self._run(step)

        return job

    def _run(self, step: Step) -> None:
        try:
            following = step.run(self._clock())
        except TryLater as reason:
            log.info("%s: %s", step.name, reason)
            self.defer(step.name, after=reason.after or RETRY_AFTER)
        except BadCredentials as reason:
            log.error("%s: %s", step.name, reason)  # noqa: TRY400 - the message is the whole story
            self.defer(step.name, after=MENDED_AFTER)
        except UnsafePlan as reason:
            log.warning("%s: %s", step.name, reason)
        else:
            for name in following:
                self.defer(name)

    def defer(self, name: str, *, after: timedelta | None = None) -> bool:
        """Ask for a step to be run, now or `after` a wait. False when one already waits: it will see the same
        work.
        """
        with self._database.begin() as conn:
            return self._defer_on(conn, name, after)

    def defer_slot(self, name: str, slot: datetime, now: datetime) -> bool:
        """Ask for a step on behalf of a clock's slot. However many clocks fire it, it is asked for once."""
        with self._database.begin() as conn:
            return slots.claim(conn, name, slot, now) and self._defer_on(conn, name, None)

    def _defer_on(self, conn: sa.Connection, name: str, after: timedelta | None) -> bool:
        """In the caller's transaction: the job exists when and only when that transaction commits.

        One job per step waits at a time; one that was put off is waited for, too.
        """
        job = jobs.Job(
            id=None,
            queue=name,
            lock=None,
            queueing_lock=name,
            task_name=name,
            priority=self._steps[name].priority,
            scheduled_at=None if after is None else job_rows.moment_after(conn, after),
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
        worker = Worker(
            self._app,
            self._database,
            sorted(self._steps),
            self._wake,
            self.defer,
            self._running,
            self._watchdog,
        )
        return worker.work(concurrency)
