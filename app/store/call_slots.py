"""One window of calls per rate limit, shared by every process: a call is booked before it is made."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa

ALONE = sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))")
BOOK = sa.text("""
    INSERT INTO call_slot (name, at)
    SELECT :name, greatest(clock_timestamp(), :window + (
        SELECT at FROM call_slot WHERE name = :name ORDER BY at DESC OFFSET :calls - 1 LIMIT 1))
    RETURNING extract(epoch FROM at - clock_timestamp())
""")
FORGET = sa.text("DELETE FROM call_slot WHERE name = :name AND at < clock_timestamp() - :window")


class SharedLimit:
    """At most `calls` in any `seconds`, over all processes that use `name` on this database.

    The database's clock counts. A booked call that is never made costs its place, no more.
    """

    def __init__(
        self,
        database: sa.Engine,
        name: str,
        calls: int,
        seconds: float,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.seconds = seconds
        self._database = database
        self._values = {"name": name, "calls": calls, "window": timedelta(seconds=seconds)}
        self._sleep = sleep

    def wait(self) -> None:
        """Book the next free place in the window and block until it has come."""
        with self._database.begin() as conn:
            conn.execute(ALONE, {"name": self._values["name"]})
            conn.execute(FORGET, self._values)
            delay = float(conn.execute(BOOK, self._values).scalar_one())
        if delay > 0:
            self._sleep(delay)
