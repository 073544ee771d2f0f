"""What counts of what people did: derived from observations, replaced whole, written where it differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from app.domain.records import Activity
from app.store.encoding import as_json, storable_key

# What is there already and says the same is left out beforehand: a row that an INSERT merely comes upon is
# locked, and that is written to disk.
REPLACE = sa.text("""
    WITH delivered AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS d(
            person_id bigint, kind text, fact_key text, occurred_at timestamptz, quantity double precision,
            attributes jsonb, observation_ids bigint[])
    ), before AS MATERIALIZED (
        SELECT * FROM activity WHERE person_id = ANY(CAST(:ids AS bigint[]))
    ), removed AS (
        DELETE FROM activity a USING (
            SELECT person_id, kind, fact_key FROM before
            EXCEPT SELECT person_id, kind, fact_key FROM delivered) AS gone
        WHERE (a.person_id, a.kind, a.fact_key) = (gone.person_id, gone.kind, gone.fact_key)
        RETURNING 1
    ), written AS (
        INSERT INTO activity (person_id, kind, fact_key, occurred_at, quantity, attributes, observation_ids)
        SELECT person_id, kind, fact_key, d.occurred_at, d.quantity, d.attributes, d.observation_ids
        FROM delivered d LEFT JOIN before b USING (person_id, kind, fact_key)
        WHERE b.person_id IS NULL OR (b.occurred_at, b.quantity, b.attributes, b.observation_ids)
            IS DISTINCT FROM (d.occurred_at, d.quantity, d.attributes, d.observation_ids)
        ORDER BY person_id, kind COLLATE "C", fact_key COLLATE "C"
        ON CONFLICT (person_id, kind, fact_key) DO UPDATE SET
            occurred_at = excluded.occurred_at, quantity = excluded.quantity,
            attributes = excluded.attributes, observation_ids = excluded.observation_ids
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM removed) + (SELECT count(*) FROM written)
""")
OF_PEOPLE = sa.text("""
    SELECT person_id, kind, fact_key, occurred_at, quantity, observation_ids, attributes FROM activity
    WHERE person_id = ANY(CAST(:ids AS bigint[])) ORDER BY occurred_at, kind, fact_key
""")

COUNTED = sa.text("""
    SELECT person_id, kind, occurred_at, quantity, coalesce(attributes ->> 'machine', '') = 'true' AS machine
    FROM activity WHERE person_id = ANY(CAST(:ids AS bigint[]))
""")

COUNT = sa.text("SELECT count(*) FROM activity")

Attributes = Mapping[str, str | float | bool | None]

_MACHINE: Attributes = {"machine": True}
_PERSON: Attributes = {}


def replace(conn: sa.Connection, activities: Mapping[int, Sequence[Activity]]) -> int:
    """These are now all the activities of these people. Returns how many rows had to change."""
    if not activities:
        return 0
    rows = [
        {
            "person_id": person_id,
            "kind": activity.kind,
            "fact_key": storable_key(activity.fact_key),
            "occurred_at": activity.occurred_at,
            "quantity": activity.quantity,
            "attributes": activity.attributes,
            "observation_ids": activity.observation_ids,
        }
        for person_id, items in activities.items()
        for activity in items
    ]
    values = {"rows": as_json(rows), "ids": list(activities)}
    return int(conn.execute(REPLACE, values).scalar_one())


def activities_of(conn: sa.Connection, person_ids: Sequence[int]) -> dict[int, list[Activity]]:
    """What counts of each person, in order of time."""
    found: dict[int, list[Activity]] = {person_id: [] for person_id in person_ids}
    for row in conn.execute(OF_PEOPLE, {"ids": list(person_ids)}):
        found[row.person_id].append(
            Activity(
                row.kind,
                row.fact_key,
                row.occurred_at,
                row.quantity,
                tuple(row.observation_ids),
                row.attributes,
            )
        )
    return found


def counted_of(conn: sa.Connection, person_ids: Sequence[int]) -> dict[int, list[Activity]]:
    """What counts of each person, in no order, and without what only a receipt needs: for leads by the
    thousand. Of the attributes only whether it was a machine.
    """
    found: dict[int, list[Activity]] = {person_id: [] for person_id in person_ids}
    rows = conn.execute(COUNTED, {"ids": list(person_ids)}).all()  # at once: one by one takes twice the time
    for person_id, kind, occurred_at, quantity, machine in rows:
        attributes = _MACHINE if machine else _PERSON
        found[person_id].append(Activity(kind, "", occurred_at, quantity, (), attributes))
    return found


def count(conn: sa.Connection) -> int:
    """How many activities count, of everybody."""
    return int(conn.execute(COUNT).scalar_one())
