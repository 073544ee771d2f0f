"""Do we hold what the vendor says it holds? Counted after a sync, hourly; a lasting difference is told."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.domain.changes import Problem
from app.domain.errors import SaviaError
from app.domain.ports import Counted
from app.services import Services
from app.store import runs, totals

log = logging.getLogger(__name__)

EVERY = timedelta(hours=1)
"""Ours are counted by reading every contact: seconds at a million."""

Counts = Mapping[str, Mapping[str, int]]
"""Stream -> "there", the vendor's own count, and "here", ours."""


def count(services: Services, source: str, streams: Collection[str], now: datetime) -> Counts:
    """The counts of those streams that their source counts; {} while it cannot be asked, and within an hour
    of the last time.
    """
    vendor = services.sources[source]
    if not isinstance(vendor, Counted):
        return {}
    with services.database.connect() as conn:
        last = runs.last_told(conn, f"sync {source}", "counted")
    if last is not None and now - last < EVERY:
        return {}
    try:
        there = vendor.totals()
    except SaviaError as reason:
        log.warning("%s: not counted: %s", source, reason)
        return {}
    with services.database.connect() as conn:
        here = totals.held(conn, source)
    told = [stream for stream in there if stream in streams]
    return {stream: {"there": there[stream], "here": here[stream]} for stream in told}


def counts_now(conn: sa.Connection, services: Services) -> dict[str, Counts]:
    """Source -> its counts after the last sync that counted."""
    last = {source: _last_two(conn, source) for source in services.sources}
    return {source: counted[0] for source, counted in last.items() if counted}


def count_problems(conn: sa.Connection, services: Services) -> Iterator[Problem]:
    """A warning for each stream whose counts differed, the same way, both of the last two times: what
    comes and goes during one is no loss.
    """
    for source in services.sources:
        counted = _last_two(conn, source)
        for stream in counted[0] if len(counted) == 2 else ():
            missing = [_missing(counts, stream) for counts in counted]
            if min(missing) > 0:
                message = (
                    f"{missing[0]} {stream} fewer here than there: see python -m jobs quarantine,"
                    f" then python -m jobs sync {source} --whole"
                )
                yield Problem("warning", source, message)
            elif max(missing) < 0:
                message = f"{-missing[0]} {stream} more here than there: who is gone there is looked for"
                yield Problem("warning", source, message)


def contacts_counted(conn: sa.Connection, source: str) -> tuple[int, bool]:
    """The contacts held by the last count, and whether the last two both found more here than there."""
    counted = _last_two(conn, source)
    here = int(counted[0].get("contacts", {"here": 0})["here"]) if counted else 0
    return here, len(counted) == 2 and max(_missing(counts, "contacts") for counts in counted) < 0


def _missing(counts: Counts, stream: str) -> int:
    told = counts.get(stream, {"there": 0, "here": 0})
    return told["there"] - told["here"]


def _last_two(conn: sa.Connection, source: str) -> list[Any]:
    return runs.last_results(conn, f"sync {source}", "counted", 2)
