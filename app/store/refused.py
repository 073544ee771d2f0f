"""Deliveries that were turned away, counted by vendor and reason: what `check` tells of a wrong secret.

Anybody may send anything to a public address, so a process writes at most once a second: what comes in
between is added to the next write.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from app.domain.ports import WhyRefused

FORGOTTEN_AFTER = timedelta(days=1)
"""A fault that has been quiet for so long is a new one when it comes back."""

BETWEEN_WRITES = 1.0

ADD = sa.text("""
    INSERT INTO refused_delivery (source, reason, count, first_at, last_at, address)
    VALUES (:source, :reason, :count, :at, :at, :address)
    ON CONFLICT (source, reason) DO UPDATE SET
        count = excluded.count + CASE WHEN refused_delivery.last_at < :quiet THEN 0
                                      ELSE refused_delivery.count END,
        first_at = CASE WHEN refused_delivery.last_at < :quiet THEN excluded.first_at
                        ELSE refused_delivery.first_at END,
        last_at = excluded.last_at, address = excluded.address
""")
READ = sa.text("""
    SELECT source, reason, count, first_at, last_at, address FROM refused_delivery
    WHERE last_at >= :since ORDER BY source, reason
""")


@dataclass(frozen=True, slots=True)
class Refused:
    """So many deliveries of a vendor were turned away for one reason, between two moments."""

    source: str
    reason: WhyRefused
    count: int
    first_at: datetime
    last_at: datetime
    address: str


class Tally:
    """This process's refusals that are not written yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: Counter[tuple[str, WhyRefused]] = Counter()
        self._next_write = 0.0

    def add(self, source: str, reason: WhyRefused) -> int:
        """How many to write now: all that wait for this vendor and reason, or 0 when it is too soon."""
        with self._lock:
            self._waiting[source, reason] += 1
            if time.monotonic() < self._next_write:
                return 0
            self._next_write = time.monotonic() + BETWEEN_WRITES
            return self._waiting.pop((source, reason))


_tallies: WeakKeyDictionary[sa.Engine, Tally] = WeakKeyDictionary()


def note(database: sa.Engine, source: str, reason: WhyRefused, at: datetime, address: str) -> None:
    """One more delivery was turned away."""
    if count := _tallies.setdefault(database, Tally()).add(source, reason):
        values = {"source": source, "reason": reason, "count": count, "at": at, "address": address}
        with database.begin() as conn:
            conn.execute(ADD, values | {"quiet": at - FORGOTTEN_AFTER})


def since(conn: sa.Connection, moment: datetime) -> list[Refused]:
    """The faults that were seen since then."""
    return [Refused(*row) for row in conn.execute(READ, {"since": moment})]
