"""One window of calls per rate limit, shared by every process: a call is booked before it is made."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from app.store.database import LOST

log = logging.getLogger(__name__)

LATE = 0.02
"""Seconds after its place at which a call is booked anew, at the moment it is really made."""

ALONE = sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))")
BOOK = sa.text("""
    INSERT INTO call_slot (name, at)
    SELECT :name, :way + greatest(clock_timestamp(), :window + (
        SELECT at FROM call_slot WHERE name = :name ORDER BY at DESC OFFSET :calls - 1 LIMIT 1))
    RETURNING at, extract(epoch FROM at - :way - clock_timestamp())
""")
FORGET = sa.text("DELETE FROM call_slot WHERE name = :name AND at < clock_timestamp() - :window")
BOOK_ANEW = sa.text("""
    UPDATE call_slot
    SET at = CASE WHEN :late THEN clock_timestamp() + :way ELSE least(at, clock_timestamp()) END
    WHERE ctid = (SELECT ctid FROM call_slot WHERE name = :name AND at = :at LIMIT 1)
    RETURNING at
""")


class SharedLimit:
    """At most `calls` in any `seconds`, over all processes that use `name` on this database.

    The database's clock counts. A booked call that is never made costs its place, no more. The threads of a
    process wait for their turn, and book over one connection at a time. A vendor counts a call when it comes
    there. Until it is `answered`, that may be up to `longest_way` seconds after its place; 0 where nobody
    tells of answers.
    """

    def __init__(
        self,
        database: sa.Engine,
        name: str,
        calls: int,
        seconds: float,
        *,
        longest_way: float = 0.0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seconds = seconds
        self._database = database
        self._most = calls
        self._values = {
            "name": name,
            "calls": calls,
            "window": timedelta(seconds=seconds),
            "way": timedelta(seconds=longest_way),
        }
        self._sleep = sleep
        self._clock = clock
        self._turn = threading.Lock()
        self._held_until = 0.0
        self._taken = threading.local()

    def wait(self) -> None:
        """Book the next free place in the window and block until it has come."""
        with self._turn:  # one call of this process is booked ahead: what an answer tells counts for the next
            at, delay = self._book()
            due = self._clock() + delay
            pause = max(delay, self._held_until - self._clock())
            if pause > 0:
                self._sleep(pause)
            late = pause > 0 and self._clock() - due > LATE
            self._taken.at = self._book_anew(at, late=True) if late else at

    def answered(self) -> None:
        """The call that this thread waited for last has come to its end: the vendor has counted it by now."""
        at, self._taken.at = getattr(self._taken, "at", None), None
        if at is None:
            return
        try:
            self._book_anew(at, late=False)
        except LOST:  # the answer in hand is worth more than the place, which is free a little later
            log.warning("a call's answer could not be booked: the database was away")

    def _book_anew(self, at: datetime, *, late: bool) -> datetime | None:
        """Where the place stands from now on; None where it was forgotten meanwhile."""
        with self._database.begin() as conn:
            return conn.execute(BOOK_ANEW, {**self._values, "at": at, "late": late}).scalar()

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
