"""One writer per portal: an advisory lock, a fencing number, and a lease that a frozen process loses.

The lock goes with its connection, so a killed writer is replaced at once. A writer that is only frozen or cut
off keeps its lock but stops beating: after TAKEN_AFTER its connection is ended and another takes over. It
finds out by itself before its next call, since it stops trusting its lease before others may take it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from app.domain.errors import TryLater

BEAT = 2.0
"""Seconds between two confirmations of the lease."""

TRUSTED_FOR = 8.0
"""Seconds after its last confirmation for which a writer trusts its lease."""

TAKEN_AFTER = 12.0
"""Seconds without a confirmation after which another process may take the lease."""

_NAME = 370_458  # any fixed number: the lock's name among the advisory locks of this database

TRY = sa.text("SELECT pg_try_advisory_lock(:name)")
UNLOCK = sa.text("SELECT pg_advisory_unlock(:name)")
END_FROZEN = sa.text("""
    SELECT pg_terminate_backend(lock.pid) FROM pg_locks lock, writer
    WHERE lock.locktype = 'advisory' AND lock.granted AND lock.classid = 0 AND lock.objid = :name
      AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND writer.beat_at < clock_timestamp() - make_interval(secs => :taken_after)
""")
SOMEBODY_TRUSTS = sa.text("""
    SELECT EXISTS (SELECT FROM writer
        WHERE beat_at > clock_timestamp() - make_interval(secs => :trusted_for))
""")
LET_GO = sa.text("UPDATE writer SET beat_at = '-infinity' WHERE fence = :fence")
TAKE = sa.text("""
    INSERT INTO writer (id, fence, beat_at) VALUES (1, 1, clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET fence = writer.fence + 1, beat_at = clock_timestamp()
    RETURNING fence
""")
CONFIRM = sa.text("UPDATE writer SET beat_at = clock_timestamp() WHERE fence = :fence")
CURRENT = sa.text("SELECT fence FROM writer WHERE id = 1 FOR SHARE")


class Writer:
    """This process's claim to be the one that writes to HubSpot.

    It is also a limit on calls (`seconds`, `wait`), so that the HTTP session asks it last before each one: a
    process that lost its lease while it waited or was frozen makes no call.
    """

    seconds = 0.0

    def __init__(self, database: sa.Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._confirmed_at: float | None = None

    def wait(self) -> None:
        """Raises TryLater when this process was the writer and can no longer be sure that it is."""
        if self._confirmed_at is not None and self._clock() - self._confirmed_at > TRUSTED_FOR:
            raise TryLater("this process was stopped or cut off while it wrote: whoever writes now goes on")

    @contextmanager
    def lease(self) -> Iterator[int | None]:
        """The fencing number for as long as the block lasts, or None while another process writes."""
        with self._database.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            if not self._lock(conn):
                yield None
                return
            # A writer that lost its connection, and the lock with it, trusts its lease a little longer.
            if conn.execute(SOMEBODY_TRUSTS, {"trusted_for": TRUSTED_FOR + 1}).scalar():
                self._unlock(conn)
                yield None
                return
            fence = int(conn.execute(TAKE).scalar_one())
            self._confirmed_at = self._clock()
            done = threading.Event()
            beating = threading.Thread(target=self._beat, args=(conn, fence, done), daemon=True)
            beating.start()
            try:
                yield fence
            finally:
                done.set()
                beating.join()
                self._confirmed_at = None
                self._let_go(conn, fence)

    def _lock(self, conn: sa.Connection) -> bool:
        if conn.execute(TRY, {"name": _NAME}).scalar():
            return True
        ended = conn.execute(END_FROZEN, {"name": _NAME, "taken_after": TAKEN_AFTER}).all()
        if not ended:
            return False
        time.sleep(0.2)  # the ended connection gives its lock back in its own time
        return bool(conn.execute(TRY, {"name": _NAME}).scalar())

    def _let_go(self, conn: sa.Connection, fence: int) -> None:
        """In order: the next writer need not wait until our lease has run out."""
        try:
            conn.execute(LET_GO, {"fence": fence})
        except sa.exc.DBAPIError:
            conn.invalidate()
        else:
            self._unlock(conn)

    def _unlock(self, conn: sa.Connection) -> None:
        try:
            conn.execute(UNLOCK, {"name": _NAME})
        except sa.exc.DBAPIError:
            conn.invalidate()  # the connection is gone, and the lock with it

    def _beat(self, conn: sa.Connection, fence: int, done: threading.Event) -> None:
        """Confirm the lease until `done`; after a failure the lease runs out by itself."""
        while not done.wait(BEAT):
            try:
                if not conn.execute(CONFIRM, {"fence": fence}).rowcount:
                    return
            except sa.exc.DBAPIError:
                return
            self._confirmed_at = self._clock()


def holds(conn: sa.Connection, fence: int) -> bool:
    """Is `fence` still the newest? Asked in the transaction of the intents: nobody overtakes it."""
    return bool(conn.execute(CURRENT).scalar() == fence)
