"""How far each pulled stream has been read. Saved in the transaction that stores the page it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.store.encoding import as_json

READ = sa.text("SELECT position FROM cursor WHERE source = :source AND stream = :stream")
SAVE = sa.text("""
    INSERT INTO cursor (source, stream, position, updated_at)
    VALUES (:source, :stream, CAST(:position AS jsonb), :at)
    ON CONFLICT (source, stream) DO UPDATE SET position = excluded.position, updated_at = excluded.updated_at
""")
FORGET = sa.text("DELETE FROM cursor WHERE source = :source")
ALL = sa.text("SELECT source, stream, updated_at FROM cursor ORDER BY source, stream")


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
    """(source, stream) -> when its position last moved: the least of them is "data through"."""
    return {(row.source, row.stream): row.updated_at for row in conn.execute(ALL)}
