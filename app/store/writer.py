"""One writer per portal: an advisory lock, a fencing number, and a lease that a frozen process loses.

A writer confirms its lease every two seconds. Without a confirmation it begins no call after TRUSTED_FOR, a
call is over after CALL_WITHIN, and only after both, at TAKEN_AFTER, may another take the lease: however the
first one ended, froze or was cut off, no call of its own is under way any more. One that ends in order lets
go at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from app.domain.errors import TryLater
from app.store.database import LOST

BEAT = 2.0
"""Seconds between two confirmations of the lease."""

TRUSTED_FOR = 5.0
"""Seconds after its last confirmation for which a writer begins calls."""

CALL_WITHIN = 10.0
"""Seconds within which a call to HubSpot is over, whatever happens to it, counted from asking the guard."""

TAKEN_AFTER = 17.0
"""Seconds without a confirmation after which another process may take the lease: the two above, and two more
for clocks that do not run alike.
"""

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
    SELECT EXISTS (SELECT FROM writer WHERE beat_at BETWEEN
        clock_timestamp() - make_interval(secs => :taken_after) AND clock_timestamp())
""")
# A beat that lies ahead is one of before the server's clock was set back: its age is counted from now on.
COUNT_FROM_NOW = sa.text("UPDATE writer SET beat_at = clock_timestamp() WHERE beat_at > clock_timestamp()")
LET_GO = sa.text("UPDATE writer SET beat_at = '-infinity' WHERE fence = :fence")
TAKE = sa.text("""
    INSERT INTO writer (id, fence, beat_at) VALUES (1, 1, clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET fence = writer.fence + 1, beat_at = clock_timestamp()
    WHERE writer.beat_at < clock_timestamp() - make_interval(secs => :taken_after)
    RETURNING fence
""")
CONFIRM = sa.text("UPDATE writer SET beat_at = clock_timestamp() WHERE fence = :fence")
CURRENT = sa.text("SELECT fence FROM writer WHERE id = 1 FOR SHARE")

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # the first counts while a machine sleeps


def running_time() -> float:
    """Seconds by a clock that nobody sets."""
    return time.clock_gettime(_CLOCK)


@dataclass(slots=True)
class Lease:
    """A claim to be the writer. `confirmed_at` is by our clock, from before the database was asked: however
    late its answer reaches us, we never trust the lease for longer than others respect it.
    """

    fence: int
    confirmed_at: float


def take(conn: sa.Connection, clock: Callable[[], float]) -> Lease | None:
    """The lease, held by this connection; None while another process may still trust that it has it."""
    conn.execute(COUNT_FROM_NOW)
    if not can_be_taken(conn) or not _lock(conn):
        return None
    asked_at = clock()
    fence = conn.execute(TAKE, {"taken_after": TAKEN_AFTER}).scalar()
    if fence is None:
        unlock(conn)
        return None
    return Lease(int(fence), asked_at)


def confirm(conn: sa.Connection, lease: Lease, clock: Callable[[], float]) -> bool:
    """We are alive and still the writer. False when another is: then we do not trust the lease any more."""
    asked_at = clock()
    is_ours = conn.execute(CONFIRM, {"fence": lease.fence}).rowcount == 1
    lease.confirmed_at = asked_at if is_ours else float("-inf")
    return is_ours


def can_be_taken(conn: sa.Connection) -> bool:
    """Is there no writer, as far as can be told without asking for the lock?"""
    return not conn.execute(SOMEBODY_TRUSTS, {"taken_after": TAKEN_AFTER}).scalar()


def _lock(conn: sa.Connection) -> bool:
    if conn.execute(TRY, {"name": _NAME}).scalar():
        return True
    ended = conn.execute(END_FROZEN, {"name": _NAME, "taken_after": TAKEN_AFTER}).all()
    if not ended:
        return False
    for _ in range(10):  # the ended connection gives its lock back in its own time
        time.sleep(0.02)
        if conn.execute(TRY, {"name": _NAME}).scalar():
            return True
    return False


def unlock(conn: sa.Connection) -> None:
    """Give the lock back; it goes with the connection otherwise."""
    try:
        conn.execute(UNLOCK, {"name": _NAME})
    except LOST:
        conn.invalidate()


class Writer:
    """This process's claim to be the one that writes to HubSpot.

    It is also a guard on calls (`seconds`, `wait`), so that the HTTP session asks it last before each one: a
    process that lost its lease while it waited or was frozen makes no call.
    """

    seconds = 0.0

    def __init__(self, database: sa.Engine, clock: Callable[[], float] = running_time) -> None:
        self._database = database
        self._clock = clock
        self._lease: Lease | None = None

    def wait(self) -> None:
        """Raises TryLater when this process was the writer and can no longer be sure that it is."""
        lease = self._lease
        if lease is not None and self._clock() - lease.confirmed_at > TRUSTED_FOR:
            raise TryLater("this process was stopped or cut off while it wrote: whoever writes now goes on")

    @contextmanager
    def lease(self) -> Iterator[int | None]:
        """The fencing number for as long as the block lasts, or None while another process writes. No call
        may outlast the block.
        """
        with self._database.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            lease = take(conn, self._clock)
            if lease is None:
                yield None
                return
            self._lease = lease
            done = threading.Event()
            beating = threading.Thread(target=self._beat, args=(conn, lease, done), daemon=True)
            beating.start()
            try:
                yield lease.fence
            finally:
                done.set()
                beating.join()
                self._lease = None
                self._let_go(conn, lease)

    def _let_go(self, conn: sa.Connection, lease: Lease) -> None:
        """In order: the next writer need not wait until our lease has run out."""
        try:
            conn.execute(LET_GO, {"fence": lease.fence})
        except LOST:
            conn.invalidate()  # and the lock is gone with it
            self._let_go_anew(lease)
        else:
            unlock(conn)

    def _let_go_anew(self, lease: Lease) -> None:
        """The connection was lost, the database may be back."""
        try:
            with self._database.begin() as conn:
                conn.execute(LET_GO, {"fence": lease.fence})
        except LOST:
            return  # the lease runs out by itself

    def _beat(self, conn: sa.Connection, lease: Lease, done: threading.Event) -> None:
        """Confirm the lease until `done`; after a failure it runs out by itself."""
        while not done.wait(BEAT):
            try:
                if not confirm(conn, lease, self._clock):
                    return
            except LOST:
                return


def holds(conn: sa.Connection, fence: int) -> bool:
    """Is `fence` still the newest? Asked in the transaction of the intents: nobody overtakes it."""
    return bool(conn.execute(CURRENT).scalar() == fence)
