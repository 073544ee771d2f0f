"""What is printed of each lead's score, what ranks it, when to look at it again: a narrow row per lead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.domain.records import Score

# Without a new score what is printed stays as it was.
SAVE = sa.text("""
    INSERT INTO standing (person_id, standing, due_at, value, band, method, engagement)
    SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:standings AS double precision[]),
        CAST(:dues AS timestamptz[]), CAST(:values AS smallint[]), CAST(:bands AS text[]),
        CAST(:methods AS text[]), CAST(:engagements AS double precision[])
    ) AS d(person_id, standing, due_at, value, band, method, engagement)
    ORDER BY person_id
    ON CONFLICT (person_id) DO UPDATE SET standing = excluded.standing, due_at = excluded.due_at,
        value = coalesce(excluded.value, standing.value), band = coalesce(excluded.band, standing.band),
        method = coalesce(excluded.method, standing.method),
        engagement = coalesce(excluded.engagement, standing.engagement)
""")
DUE = sa.text("""
    SELECT person_id FROM standing
    WHERE due_at <= :now AND (CAST(:only AS bigint[]) IS NULL OR person_id = ANY(CAST(:only AS bigint[])))
    ORDER BY due_at, person_id LIMIT :limit FOR UPDATE SKIP LOCKED
""")
IN_BANDS = sa.text("""
    SELECT person_id, band FROM standing
    WHERE person_id > :after AND band = ANY(CAST(:bands AS text[])) ORDER BY person_id LIMIT :limit
""")
ALL_DUE = sa.text("UPDATE standing SET due_at = :at")
NEVER_DUE = sa.text("UPDATE standing SET due_at = NULL WHERE person_id = :id")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a lead stands (0 to 1), when time alone will change what is printed, and its new score if any."""

    standing: float
    due_at: datetime | None
    score: Score | None = None


def save(conn: sa.Connection, standings: Mapping[int, Standing]) -> None:
    """Where these people stand now, and what is printed of those who got a new score."""
    if not standings:
        return
    found = list(standings.values())
    scores = [one.score for one in found]
    values = {
        "ids": list(standings),
        "standings": [one.standing for one in found],
        "dues": [one.due_at for one in found],
        "values": [None if score is None else score.value for score in scores],
        "bands": [None if score is None else score.band for score in scores],
        "methods": [None if score is None else score.method for score in scores],
        "engagements": [None if score is None else score.engagement for score in scores],
    }
    conn.execute(SAVE, values)


def take_due(conn: sa.Connection, now: datetime, limit: int, only: Sequence[int] | None = None) -> list[int]:
    """People (of these alone, where named) whose score time alone has changed, in nobody else's hands until
    the transaction ends.
    """
    named = None if only is None else list(only)
    return list(conn.scalars(DUE, {"now": now, "limit": limit, "only": named}))


def in_bands(conn: sa.Connection, bands: Sequence[str], after: int, limit: int) -> dict[int, str]:
    """The next people behind `after` whose score is printed with one of these bands, and that band."""
    found = conn.execute(IN_BANDS, {"bands": list(bands), "after": after, "limit": limit})
    return {row.person_id: row.band for row in found}


def all_due(conn: sa.Connection, at: datetime) -> None:
    """Everybody is scored anew, time or not: by another model, or by other rules."""
    conn.execute(ALL_DUE, {"at": at})


def never_due(conn: sa.Connection, person_id: int) -> None:
    """Nobody looks at this lead again before its facts change."""
    conn.execute(NEVER_DUE, {"id": person_id})
