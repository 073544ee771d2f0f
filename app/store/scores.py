"""Features as last computed, and every score a person has had: the newest row is the score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.domain.records import Features, Reason, Score
from app.store.encoding import as_json

ENGAGEMENT_STEP = 0.05
"""A smaller move of engagement alone is no new score: time moves everybody's a little, every hour."""

APPENDED_AT_ONCE = 2_000
"""Rows of a statement: a receipt written out takes a kilobyte several times over."""

SAVE_FEATURES = sa.text("""
    INSERT INTO feature (person_id, values, computed_at)
    SELECT person_id, values, :at
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS d(person_id bigint, values jsonb)
    ORDER BY person_id
    ON CONFLICT (person_id) DO UPDATE SET values = excluded.values, computed_at = excluded.computed_at
""")
# What fades is kept as it was when the score was last printed.
FADE = sa.text("""
    UPDATE feature SET computed_at = :at, values = values || (
        SELECT jsonb_object_agg(name, d.total) FROM unnest(CAST(:names AS text[])) AS name)
    FROM unnest(CAST(:ids AS bigint[]), CAST(:totals AS double precision[])) AS d(person_id, total)
    WHERE feature.person_id = d.person_id
""")
FEATURES = sa.text("SELECT person_id, values FROM feature WHERE person_id = ANY(CAST(:ids AS bigint[]))")
APPEND = sa.text("""
    INSERT INTO score (person_id, value, band, probability, method, engagement, receipt, grid, scored_at)
    SELECT person_id, value, band, probability, method, engagement, receipt, grid, :at
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS d(
        person_id bigint, value smallint, band text, probability double precision, method text,
        engagement double precision, receipt jsonb, grid text)
    ORDER BY person_id
""")
COLUMNS = """s.id, s.person_id, s.value, s.band, s.receipt, s.method, s.engagement, s.probability, s.grid,
    s.scored_at"""
LATEST = sa.text(f"""
    SELECT {COLUMNS} FROM unnest(CAST(:ids AS bigint[])) AS wanted(person_id)
    CROSS JOIN LATERAL (
        SELECT * FROM score WHERE score.person_id = wanted.person_id ORDER BY score.id DESC LIMIT 1) AS s
""")  # noqa: S608  constants only
HISTORY = sa.text(f"SELECT {COLUMNS} FROM score s WHERE person_id = :id ORDER BY id DESC")  # noqa: S608  constants
# Who was merged into somebody else has no names left, and no score of their own.
COUNT_PEOPLE = sa.text("SELECT count(DISTINCT person_id) FROM identity")
SAMPLE = sa.text("""
    SELECT person_id FROM feature ORDER BY person_id * 2246822519 % 4294967296, person_id LIMIT :limit
""")
ALL_IDS = sa.text("""
    SELECT id FROM person
    WHERE id > :after AND EXISTS (SELECT FROM identity WHERE identity.person_id = person.id)
    ORDER BY id LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class StoredScore:
    """A score as it was given, with its row's id: what a write to HubSpot is traced back to."""

    id: int
    person_id: int
    score: Score
    scored_at: datetime


def save_features(conn: sa.Connection, features: Mapping[int, Features], at: datetime) -> None:
    """The features of these people, as of now."""
    rows = [{"person_id": person_id, "values": values} for person_id, values in features.items()]
    if rows:
        conn.execute(SAVE_FEATURES, {"rows": as_json(rows), "at": at})


def save_faded(conn: sa.Connection, names: Sequence[str], totals: Mapping[int, float], at: datetime) -> None:
    """The features `names`, made of engagement alone, of people of whom nothing else changed."""
    if names and totals:
        values = {"names": list(names), "ids": list(totals), "totals": list(totals.values()), "at": at}
        conn.execute(FADE, values)


def features_of(conn: sa.Connection, person_ids: Sequence[int]) -> dict[int, Features]:
    """The features last computed; who has none is absent."""
    return {row.person_id: row.values for row in conn.execute(FEATURES, {"ids": list(person_ids)})}


def differing(conn: sa.Connection, scores: Mapping[int, Score]) -> dict[int, Score]:
    """Those of the scores that say something else than the person's last one."""
    last = latest(conn, list(scores))
    return {
        person_id: score
        for person_id, score in scores.items()
        if person_id not in last or _differs(last[person_id].score, score)
    }


def append(conn: sa.Connection, scores: Mapping[int, Score], at: datetime) -> None:
    """These are now the newest scores of these people."""
    people = list(scores)
    for first in range(0, len(people), APPENDED_AT_ONCE):
        rows = [_row(one, scores[one]) for one in people[first : first + APPENDED_AT_ONCE]]
        conn.execute(APPEND, {"rows": as_json(rows), "at": at})


def latest(conn: sa.Connection, person_ids: Sequence[int]) -> dict[int, StoredScore]:
    """The score of each person; who was never scored is absent."""
    rows = conn.execute(LATEST, {"ids": list(person_ids)}).all()
    return {row.person_id: _stored(row) for row in rows}


def history(conn: sa.Connection, person_id: int) -> list[StoredScore]:
    """Every score this person has had, newest first."""
    return [_stored(row) for row in conn.execute(HISTORY, {"id": person_id})]


def all_person_ids(conn: sa.Connection, after: int, limit: int) -> list[int]:
    """The next people by id, for going through everybody in lots."""
    return list(conn.scalars(ALL_IDS, {"after": after, "limit": limit}))


def sample_people(conn: sa.Connection, limit: int) -> list[int]:
    """Scored people picked from all over, always the same ones while they are the same people."""
    return list(conn.scalars(SAMPLE, {"limit": limit}))


def count_people(conn: sa.Connection) -> int:
    """How many people there are."""
    return int(conn.execute(COUNT_PEOPLE).scalar_one())


def _differs(old: Score, new: Score) -> bool:
    if abs(new.engagement - old.engagement) >= ENGAGEMENT_STEP:
        return True
    return (old.value, old.band, old.method, old.grid, old.receipt) != (
        new.value,
        new.band,
        new.method,
        new.grid,
        new.receipt,
    )


def _row(person_id: int, score: Score) -> dict[str, object]:
    """Written out: `asdict` takes a fifth of a rescoring's time."""
    return {
        "person_id": person_id,
        "value": score.value,
        "band": score.band,
        "probability": score.probability,
        "method": score.method,
        "engagement": score.engagement,
        "grid": score.grid,
        "receipt": [
            {"code": one.code, "points": one.points, "part": one.part, "value": one.value}
            for one in score.receipt
        ],
    }


def _stored(row: sa.Row[tuple[int, ...]]) -> StoredScore:
    score = Score(
        value=row.value,
        band=row.band,
        receipt=tuple(
            Reason(one["code"], one["points"], one["part"], one.get("value", "")) for one in row.receipt
        ),
        method=row.method,
        engagement=row.engagement,
        probability=row.probability,
        grid=row.grid,
    )
    return StoredScore(row.id, row.person_id, score, row.scored_at)
