"""What sources saw people do, once per source and key, as last delivered."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.domain.records import Observation
from app.store.cause import Cause
from app.store.encoding import as_json, storable_key

# Answers the identities whose observations changed: of the row as it is now, and as it was before.
WRITE = sa.text("""
    WITH delivered AS (
        SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS d(
            source text, key text, kind text, identity_id bigint, occurred_at timestamptz,
            quantity double precision, scope text, attributes jsonb, inbox_id bigint, run_id bigint)
    ), before AS (
        SELECT source, key, o.identity_id FROM observation o JOIN delivered USING (source, key)
    ), written AS (
        INSERT INTO observation
            (source, key, kind, identity_id, occurred_at, quantity, scope, attributes, inbox_id, run_id)
        SELECT source, key, kind, identity_id, occurred_at, quantity, scope, attributes, inbox_id, run_id
        FROM delivered ORDER BY source COLLATE "C", key COLLATE "C"
        ON CONFLICT (source, key) DO UPDATE SET
            kind = excluded.kind, identity_id = excluded.identity_id, occurred_at = excluded.occurred_at,
            quantity = excluded.quantity, scope = excluded.scope,
            attributes = observation.attributes || excluded.attributes,
            inbox_id = excluded.inbox_id, run_id = excluded.run_id
        WHERE (observation.kind, observation.identity_id, observation.occurred_at, observation.quantity,
               observation.scope, observation.attributes)
            IS DISTINCT FROM (excluded.kind, excluded.identity_id, excluded.occurred_at, excluded.quantity,
               excluded.scope, observation.attributes || excluded.attributes)
        RETURNING source, key, identity_id
    )
    SELECT identity_id FROM written WHERE identity_id IS NOT NULL
    UNION
    SELECT before.identity_id FROM before JOIN written USING (source, key)
    WHERE before.identity_id IS NOT NULL
""")
DROP_OTHERS = sa.text("""
    DELETE FROM observation
    WHERE source = :source AND scope = :scope AND scope <> '' AND kind = ANY(CAST(:kinds AS text[]))
      AND occurred_at < coalesce(CAST(:as_of AS timestamptz), 'infinity')
      AND NOT (key = ANY(CAST(:keys AS text[])))
    RETURNING identity_id
""")
OF_PEOPLE = sa.text("""
    SELECT i.person_id, o.id, o.source, o.kind, o.key, o.occurred_at, o.quantity, o.scope, o.attributes,
           o.inbox_id, o.run_id
    FROM identity i JOIN observation o ON o.identity_id = i.id
    WHERE i.person_id = ANY(CAST(:ids AS bigint[])) ORDER BY o.occurred_at, o.id
""")
OBSERVED = sa.text("""
    SELECT DISTINCT i.person_id FROM identity i
    CROSS JOIN LATERAL (SELECT FROM observation o WHERE o.identity_id = i.id LIMIT 1) AS any_of_theirs
    WHERE i.person_id = ANY(CAST(:ids AS bigint[]))
""")


@dataclass(frozen=True, slots=True)
class Whole:
    """A source's observations of these kinds in one scope, up to `as_of` where that is told."""

    source: str
    scope: str
    kinds: frozenset[str]
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredObservation:
    """An observation as it is kept, with the id of its row and of the row that caused it."""

    id: int
    source: str
    kind: str
    key: str
    occurred_at: datetime
    quantity: float
    scope: str
    attributes: Mapping[str, str | float | bool | None]
    inbox_id: int | None
    run_id: int | None


def write(conn: sa.Connection, rows: Sequence[tuple[Observation, Cause, int | None]]) -> set[int]:
    """Keep observations with their cause and identity. Returns the identities for whom something changed.

    A delivery that says the same again changes nothing; one that says otherwise under the same key replaces.
    """
    latest = {
        (seen.source, storable_key(seen.key)): {
            "source": seen.source,
            "key": storable_key(seen.key),
            "kind": seen.kind,
            "identity_id": identity_id,
            "occurred_at": seen.occurred_at,
            "quantity": seen.quantity,
            "scope": storable_key(seen.scope),
            "attributes": seen.attributes,
            "inbox_id": cause.inbox_id,
            "run_id": cause.run_id,
        }
        for seen, cause, identity_id in rows
    }
    if not latest:
        return set()
    return set(conn.scalars(WRITE, {"rows": as_json(list(latest.values()))}))


def drop_others(conn: sa.Connection, whole: Whole, keys: Collection[str]) -> set[int]:
    """Only the observations under `keys` are true of this whole. Returns whose were dropped."""
    values = {
        "source": whole.source,
        "scope": storable_key(whole.scope),
        "kinds": sorted(whole.kinds),
        "as_of": whole.as_of,
        "keys": [storable_key(key) for key in keys],
    }
    return {identity_id for identity_id in conn.scalars(DROP_OTHERS, values) if identity_id is not None}


def observations_of(conn: sa.Connection, person_ids: Sequence[int]) -> dict[int, list[StoredObservation]]:
    """Everything seen of each person, in order of time, then of arrival."""
    found: dict[int, list[StoredObservation]] = {person_id: [] for person_id in person_ids}
    rows = conn.execute(
        OF_PEOPLE, {"ids": list(person_ids)}
    ).all()  # at once: one by one takes twice the time
    for person_id, *columns in rows:
        found[person_id].append(StoredObservation(*columns))
    return found


def observed_people(conn: sa.Connection, person_ids: Sequence[int]) -> set[int]:
    """Those of whom anything was ever seen; the others are known by their profile alone."""
    return set(conn.scalars(OBSERVED, {"ids": list(person_ids)}))
