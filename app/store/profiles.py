"""What each source says a person is, one row per identity and source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from app.domain.records import IdentityKey, Profile
from app.store.cause import Cause
from app.store.encoding import as_json

# Absent is unknown, so a newer profile adds to the older one, field by field, and an older one that comes
# late fills gaps only. A contact that HubSpot shows again after it was archived is archived no longer.
WRITE = sa.text("""
    WITH delivered AS (
        SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS d(
            identity_id bigint, source text, fields jsonb, observed_at timestamptz,
            inbox_id bigint, run_id bigint)
    ), before AS (
        SELECT identity_id, source, p.fields FROM profile p JOIN delivered USING (identity_id, source)
    ), written AS (
        INSERT INTO profile (identity_id, source, fields, observed_at, inbox_id, run_id)
        SELECT identity_id, source, fields, observed_at, inbox_id, run_id
        FROM delivered ORDER BY identity_id, source COLLATE "C"
        ON CONFLICT (identity_id, source) DO UPDATE SET
            fields = CASE WHEN excluded.observed_at >= profile.observed_at
                THEN (profile.fields - 'archived') || excluded.fields
                ELSE excluded.fields || profile.fields END,
            observed_at = greatest(excluded.observed_at, profile.observed_at),
            inbox_id = excluded.inbox_id, run_id = excluded.run_id
        WHERE excluded.observed_at > profile.observed_at
            OR profile.fields IS DISTINCT FROM CASE WHEN excluded.observed_at = profile.observed_at
                THEN (profile.fields - 'archived') || excluded.fields
                ELSE excluded.fields || profile.fields END
        RETURNING identity_id, source, fields
    )
    SELECT w.identity_id FROM written w LEFT JOIN before b USING (identity_id, source)
    WHERE b.fields IS DISTINCT FROM w.fields
""")
OF_PEOPLE = sa.text("""
    SELECT i.person_id, p.source, i.vendor, i.kind, i.value, p.fields, p.observed_at, p.inbox_id, p.run_id
    FROM identity i JOIN profile p ON p.identity_id = i.id
    WHERE i.person_id = ANY(CAST(:ids AS bigint[])) AND i.ended_at IS NULL
    ORDER BY p.observed_at DESC, p.source, i.id
""")


@dataclass(frozen=True, slots=True)
class StoredProfile(Profile):
    """A profile as it is kept, with the row that last changed it. `identities` is the one it is kept by."""

    inbox_id: int | None = None
    run_id: int | None = None


def write(conn: sa.Connection, rows: Sequence[tuple[Profile, Cause, int | None]]) -> set[int]:
    """Keep profiles with their cause and identity. Returns the identities whose fields changed."""
    known = [(profile, cause, identity) for profile, cause, identity in rows if identity is not None]
    changed: set[int] = set()
    for lot in _one_each(sorted(known, key=lambda row: row[0].observed_at)):
        changed |= set(conn.scalars(WRITE, {"rows": as_json(lot)}))
    return changed


def profiles_of(conn: sa.Connection, person_ids: Sequence[int]) -> dict[int, list[StoredProfile]]:
    """What the sources say of each person, the newest first; without contacts that were merged away."""
    found: dict[int, list[StoredProfile]] = {person_id: [] for person_id in person_ids}
    for row in conn.execute(OF_PEOPLE, {"ids": list(person_ids)}).all():
        key = IdentityKey(row.vendor, row.kind, row.value)
        found[row.person_id].append(
            StoredProfile(row.source, (key,), row.fields, row.observed_at, row.inbox_id, row.run_id)
        )
    return found


def _one_each(rows: Sequence[tuple[Profile, Cause, int]]) -> list[list[dict[str, object]]]:
    """Lots in which no profile is written twice; nearly always one."""
    lots: list[dict[tuple[int, str], dict[str, object]]] = []
    for profile, cause, identity_id in rows:
        place = identity_id, profile.source
        lot = next((lot for lot in lots if place not in lot), None)
        if lot is None:
            lots.append(lot := {})
        lot[place] = {
            "identity_id": identity_id,
            "source": profile.source,
            "fields": profile.fields,
            "observed_at": profile.observed_at,
            "inbox_id": cause.inbox_id,
            "run_id": cause.run_id,
        }
    return [list(lot.values()) for lot in lots]
