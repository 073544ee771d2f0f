"""One window of calls per rate limit, shared by every process: a call is booked before it is made."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

LATE = 0.02
"""Seconds after its place at which a call is booked anew, at the moment it is really made: the window that
the vendor counts begins there.
"""

ALONE = sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))")
BOOK = sa.text("""
    INSERT INTO call_slot (name, at)
    SELECT :name, greatest(clock_timestamp(), :window + (
        SELECT at FROM call_slot WHERE name = :name ORDER BY at DESC OFFSET :calls - 1 LIMIT 1))
    RETURNING at, extract(epoch FROM at - clock_timestamp())
""")
FORGET = sa.text("DELETE FROM call_slot WHERE name = :name AND at < clock_timestamp() - :window")
BOOK_ANEW = sa.text("""
    UPDATE call_slot SET at = clock_timestamp()
    WHERE ctid = (SELECT ctid FROM call_slot WHERE name = :name AND at = :at LIMIT 1)
""")


class SharedLimit:
    """At most `calls` in any `seconds`, over all processes that use `name` on this database.

    The database's clock counts. A booked call that is never made costs its place, no more. The threads of a
    process wait for their turn, and book over one connection at a time.
    """

    def __init__(
        self,
        database: sa.Engine,
        name: str,
        calls: int,
        seconds: float,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seconds = seconds
        self._database = database
        self._most = calls
        self._values = {"name": name, "calls": calls, "window": timedelta(seconds=seconds)}
        self._sleep = sleep
        self._clock = clock
        self._turn = threading.Lock()
        self._held_until = 0.0

    def wait(self) -> None:
        """Book the next free place in the window and block until it has come."""
        with self._turn:  # one call of this process is booked ahead: what an answer tells counts for the next
            at, delay = self._book()
            due = self._clock() + delay
            pause = max(delay, self._held_until - self._clock())
            if pause > 0:
                self._sleep(pause)
                if self._clock() - due > LATE:
                    with self._database.begin() as conn:
                        conn.execute(BOOK_ANEW, {"name": self._values["name"], "at": at})

    def _book(self) -> tuple[datetime, float]:
        with self._database.begin() as conn:
            conn.execute(ALONE, {"name": self._values["name"]})
            conn.execute(FORGET, self._values)
            at, delay = conn.execute(BOOK, self._values).one()
        return at, float(delay)

    def hold(self, seconds: float) -> None:
        """The vendor says that its window is nearly full: the next call waits so long at least."""
        self._held_until = self._clock() + seconds

    def at_most(self, calls: int) -> None:
        """The vendor allows so many in the window; what was set at first is never passed."""
        self._values["calls"] = max(1, min(self._most, calls))
