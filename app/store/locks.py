"""One writer per portal: a PostgreSQL session advisory lock, gone with the connection that holds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

_WRITER = 0x5A71A  # any fixed number: the lock's name among the advisory locks of this database


@contextmanager
def single_writer(engine: sa.Engine) -> Iterator[bool]:
    """True while this process is the one that writes to HubSpot; False when another is."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        held = bool(conn.execute(sa.select(sa.func.pg_try_advisory_lock(_WRITER))).scalar())
        try:
            yield held
        finally:
            if held:
                conn.execute(sa.select(sa.func.pg_advisory_unlock(_WRITER)))
