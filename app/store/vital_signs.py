"""Signs of life and room: when the clock last fired, how large the processes are, what the database takes."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

LAST_FIRED = sa.text("SELECT max(deferred_at) FROM clock_slot")
LARGEST = sa.text("SELECT kind, max(rss_mb) FROM process WHERE seen_at >= :since GROUP BY kind ORDER BY kind")
ROOM = sa.text("""
    SELECT least(
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
        (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),
        (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()))
""")

RECENT = timedelta(minutes=10)


def last_fired(conn: sa.Connection) -> datetime | None:
    """When any clock last asked for a step."""
    at: datetime | None = conn.scalar(LAST_FIRED)
    return at


def largest_mb(conn: sa.Connection, now: datetime) -> dict[str, float]:
    """The memory of the largest process of each kind that has said something lately."""
    return {kind: float(rss) for kind, rss in conn.execute(LARGEST, {"since": now - RECENT})}


def connections_allowed(conn: sa.Connection) -> int:
    """How many connections this role may open to this database, by whichever limit is the lowest."""
    return int(conn.execute(ROOM).scalar_one())
