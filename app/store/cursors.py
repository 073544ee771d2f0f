"""How far each pulled stream has been read. Saved in the transaction that stores the page it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from app.store.encoding import as_json

READ = sa.text("SELECT position FROM cursor WHERE source = :source AND stream = :stream")
SAVE = sa.text("""
    INSERT INTO cursor (source, stream, position, updated_at)
    VALUES (:source, :stream, CAST(:position AS jsonb), :at)
    ON CONFLICT (source, stream) DO UPDATE SET position = excluded.position, updated_at = excluded.updated_at
""")
FORGET = sa.text("DELETE FROM cursor WHERE source = :source")
ALL = sa.text("""
    SELECT source, stream, updated_at, position -> 'freshness' AS freshness
    FROM cursor ORDER BY source, stream
""")


class Reach(NamedTuple):
    """Up to when a stream has brought everybody's acts, and those of the most active. Where people are looked
    at in turn the cursor says so itself, under `freshness`; everybody's is None in the first round.
    """

    everybody: datetime | None
    most_active: datetime | None


def read(conn: sa.Connection, source: str, stream: str) -> dict[str, Any] | None:
    """The position to go on from; None when the stream was never read."""
    position: dict[str, Any] | None = conn.scalar(READ, {"source": source, "stream": stream})
    return position


def save(conn: sa.Connection, source: str, stream: str, position: Mapping[str, Any], at: datetime) -> None:
    """Remember the position after a page."""
    conn.execute(SAVE, {"source": source, "stream": stream, "position": as_json(position), "at": at})


def forget(conn: sa.Connection, source: str) -> None:
    """Every stream of this source is read from its beginning with the next pull."""
    conn.execute(FORGET, {"source": source})


def saved_at(conn: sa.Connection) -> dict[tuple[str, str], datetime]:
    """(source, stream) -> when its position was last saved."""
    return {(row.source, row.stream): row.updated_at for row in conn.execute(ALL)}


def reached(conn: sa.Connection) -> dict[tuple[str, str], Reach]:
    """(source, stream) -> how far it has come. Our own places, which are no vendor's, are left out."""
    return {
        (row.source, row.stream): _reach(row.freshness, row.updated_at)
        for row in conn.execute(ALL)
        if row.source != "savia"
    }


def _reach(freshness: Mapping[str, str] | None, saved_at: datetime) -> Reach:
    if freshness is None:
        return Reach(saved_at, saved_at)
    everybody, active = freshness["everybody"], freshness["active"]
    return Reach(
        datetime.fromisoformat(everybody) if everybody else None,
        datetime.fromisoformat(active) if active else None,
    )
