"""What leads wrote and waits to be read, and the readings. A text stays in the observation it came with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from app.domain.texts import TextReading
from app.store.encoding import as_json

WRITTEN = """
    SELECT o.id, i.person_id, o.attributes->>'text' AS text
    FROM observation o JOIN identity i ON i.id = o.identity_id
    WHERE o.attributes ->> 'text' <> '' AND
"""
AFTER = sa.text(f"{WRITTEN} o.id > :after ORDER BY o.id LIMIT :limit")
BEFORE = sa.text(f"{WRITTEN} o.id < :before ORDER BY o.id DESC LIMIT :limit")
NEWEST = sa.text("SELECT coalesce(max(id), 0) FROM observation")
OF_KEYS = sa.text("""
    SELECT key, sentiment, intent, pain_points FROM text_reading WHERE key = ANY(CAST(:keys AS text[]))
""")
SAVE = sa.text("""
    INSERT INTO text_reading (key, reader, sentiment, intent, pain_points, read_at)
    SELECT key, reader, sentiment, intent, pain_points, :at
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS d(
        key text, reader text, sentiment text, intent text, pain_points text[])
    ORDER BY key COLLATE "C"
    ON CONFLICT (key) DO NOTHING
""")
READ_SINCE = sa.text("""
    SELECT reader, count(*) AS number FROM text_reading WHERE read_at >= :since
    GROUP BY reader ORDER BY reader COLLATE "C"
""")


class Written(NamedTuple):
    """A text, who wrote it, and the observation it came with."""

    observation_id: int
    person_id: int
    text: str


def written_after(conn: sa.Connection, after: int, limit: int) -> list[Written]:
    """The next texts in order of their observations; those nobody is known to have written are left out."""
    return [Written(*row) for row in conn.execute(AFTER, {"after": after, "limit": limit})]


def written_before(conn: sa.Connection, before: int, limit: int) -> list[Written]:
    """The same backwards, the newest first."""
    return [Written(*row) for row in conn.execute(BEFORE, {"before": before, "limit": limit})]


def newest_observation(conn: sa.Connection) -> int:
    """The highest id so far, 0 where there is none."""
    return int(conn.execute(NEWEST).scalar_one())


def readings_of(conn: sa.Connection, keys: Collection[str]) -> dict[str, TextReading]:
    """The readings that are kept under these keys."""
    if not keys:
        return {}
    rows = conn.execute(OF_KEYS, {"keys": sorted(keys)})
    return {row.key: TextReading(row.sentiment, row.intent, tuple(row.pain_points)) for row in rows}


def save(conn: sa.Connection, readings: Mapping[str, tuple[str, TextReading]], at: datetime) -> None:
    """Keep readings by key, each with who read it; what is kept already stays."""
    rows: Sequence[Mapping[str, object]] = [
        {
            "key": key,
            "reader": reader,
            "sentiment": reading.sentiment,
            "intent": reading.intent,
            "pain_points": reading.pain_points,
        }
        for key, (reader, reading) in readings.items()
    ]
    if rows:
        conn.execute(SAVE, {"rows": as_json(rows), "at": at})


def count_read_since(conn: sa.Connection, since: datetime) -> dict[str, int]:
    """By reader, how many texts were asked about since then: what the day's budget is measured by."""
    return {row.reader: row.number for row in conn.execute(READ_SINCE, {"since": since})}
