"""The clock: asks for steps when they are due. It does no work, and any number of clocks may run."""

from __future__ import annotations

import argparse
import logging
import os
import signal
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.interval import IntervalTrigger

from app import log
from app.config import Schedule
from app.engine import Engine
from app.services import Services
from app.store import processes
from app.watchdog import Watchdog
from app.wiring import make_line, open_services
from jobs.console import Console

NAME = "clock"
HELP = "Ask for the scheduled steps when they are due, until SIGTERM."

DAILY = 24 * 60
MEMORY_MINUTES = 5

SILENT_FOR = 600
"""Seconds without a word of this process to the database after which it ends, to be started again: it hangs,
or its machine's time was set back and the next slot is far off. A database that is away is no reason.
"""

A_WORD = "a word of the clock to its database"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No options: the schedule is configuration."""
    parser.set_defaults(json=False)


def run(_: argparse.Namespace, console: Console) -> int:
    """Returns when a signal stopped the clock."""
    log.set_up()
    with open_services(os.environ, connections=1) as services:
        scheduler = make_clock(make_line(services), services.settings.schedule)
        watchdog = Watchdog()
        scheduler.add_job(say, IntervalTrigger(minutes=1), args=(services, watchdog), id="memory")
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, lambda *_: scheduler.shutdown(wait=False))
        console.line(f"the clock runs: {', '.join(job.id for job in scheduler.get_jobs())}")
        watchdog.expect(A_WORD, SILENT_FOR)
        watchdog.start()
        scheduler.start()
        watchdog.stop()
    return 0


def make_clock(line: Engine, schedule: Schedule) -> BlockingScheduler:
    """A scheduler that fires each step at once and then at its interval; missed slots fire once, together."""
    scheduler = BlockingScheduler(timezone=UTC)
    for name, minutes in (
        ("sync", schedule.sync_minutes),
        ("rescore", schedule.rescore_minutes),
        ("write_back", schedule.write_back_minutes),
        ("decay", schedule.rescore_minutes),
        ("tidy", DAILY),
        ("report_memory", MEMORY_MINUTES),
    ):
        period = timedelta(minutes=minutes)
        scheduler.add_job(
            fire,
            IntervalTrigger(seconds=int(period.total_seconds())),
            args=(line, name, period),
            id=name,
            coalesce=True,
            misfire_grace_time=None,
            next_run_time=datetime.now(UTC),
        )
    return scheduler


def say(services: Services, watchdog: Watchdog) -> None:
    """What this process needs in memory, for `check`; and that it lives."""
    try:
        with services.database.begin() as conn:
            processes.say(conn, "clock", services.clock())
    except sa.exc.OperationalError as reason:  # no connection in time is another fault: one of ours hangs
        logging.getLogger(__name__).warning("the database does not answer (%s)", type(reason).__name__)
    watchdog.saw(A_WORD)


def fire(line: Engine, name: str, period: timedelta) -> None:
    """Ask for `name` on behalf of the slot this moment falls in."""
    now = datetime.now(UTC)
    line.defer_slot(name, slot_of(now, period), now)


def slot_of(now: datetime, period: timedelta) -> datetime:
    """The start of the slot that `now` falls in: the same for every clock, whenever it was started."""
    seconds = int(period.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)
