"""The runs of webinars, and the small tables of vendors (pipelines, owners) that we look things up in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.domain.records import Occurrence, Reference
from app.store.encoding import as_json

# Unknown never replaces known. Answers the identities of everybody seen in a run that changed, or in one of
# the same webinar that day, or the day it was on before (a series is announced under one uuid, occurrence
# after occurrence): how long somebody attended depends on when it began and ended, and which runs are one
# occurrence on all of them.
WRITE = sa.text("""
    WITH delivered AS (
        SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS d(
            source text, uuid text, webinar_id text, topic text, starts_at timestamptz, ends_at timestamptz,
            created_at timestamptz, host_id text)
    ), written AS (
        INSERT INTO occurrence (source, uuid, webinar_id, topic, starts_at, ends_at, created_at, host_id)
        SELECT source, uuid, webinar_id, topic, starts_at, ends_at, created_at, host_id
        FROM delivered ORDER BY source COLLATE "C", uuid COLLATE "C"
        ON CONFLICT (source, uuid) DO UPDATE SET
            webinar_id = excluded.webinar_id,
            topic = coalesce(nullif(excluded.topic, ''), occurrence.topic),
            starts_at = excluded.starts_at,
            ends_at = coalesce(excluded.ends_at, occurrence.ends_at),
            created_at = coalesce(excluded.created_at, occurrence.created_at),
            host_id = coalesce(nullif(excluded.host_id, ''), occurrence.host_id)
        WHERE (occurrence.webinar_id, occurrence.topic, occurrence.starts_at, occurrence.ends_at,
               occurrence.created_at, occurrence.host_id)
            IS DISTINCT FROM (excluded.webinar_id, coalesce(nullif(excluded.topic, ''), occurrence.topic),
               excluded.starts_at, coalesce(excluded.ends_at, occurrence.ends_at),
               coalesce(excluded.created_at, occurrence.created_at),
               coalesce(nullif(excluded.host_id, ''), occurrence.host_id))
        RETURNING source, uuid, webinar_id, starts_at
    ), places AS (
        SELECT source, webinar_id, starts_at FROM written
        UNION
        SELECT o.source, o.webinar_id, o.starts_at  -- as it was: the statement does not see what it writes
        FROM written w JOIN occurrence o USING (source, uuid)
    ), near AS (
        SELECT source, uuid FROM written
        UNION
        SELECT o.source, o.uuid FROM places p JOIN occurrence o USING (source, webinar_id)
        WHERE o.starts_at BETWEEN p.starts_at - interval '1 day' AND p.starts_at + interval '1 day'
    )
    SELECT DISTINCT o.identity_id FROM near
    JOIN observation o ON o.scope = near.uuid AND o.scope <> '' AND o.source = near.source
    WHERE o.identity_id IS NOT NULL
""")
COLUMNS = "SELECT source, uuid, webinar_id, topic, starts_at, ends_at, created_at, host_id FROM occurrence"
OF_WEBINARS = "webinar_id IN (SELECT webinar_id FROM occurrence WHERE uuid = ANY(CAST(:uuids AS text[])))"
SOME = sa.text(f"{COLUMNS} WHERE {OF_WEBINARS} ORDER BY starts_at, uuid")
ALL = sa.text(f"{COLUMNS} ORDER BY starts_at, uuid")
NEAREST = sa.text("""
    SELECT uuid FROM occurrence
    WHERE source = :source AND webinar_id = :webinar_id
        AND starts_at BETWEEN CAST(:at AS timestamptz) - :within AND CAST(:at AS timestamptz) + :within
    ORDER BY abs(extract(epoch FROM starts_at - CAST(:at AS timestamptz))), uuid LIMIT 1
""")
KEEP_REFERENCES = sa.text("""
    INSERT INTO reference (source, kind, reference_id, body, updated_at)
    SELECT source, kind, reference_id, body, :at
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS d(source text, kind text, reference_id text, body jsonb)
    ORDER BY source COLLATE "C", kind COLLATE "C", reference_id COLLATE "C"
    ON CONFLICT (source, kind, reference_id) DO UPDATE
    SET body = excluded.body, updated_at = excluded.updated_at
    WHERE reference.body IS DISTINCT FROM excluded.body
""")
REFERENCES = sa.text("SELECT reference_id, body FROM reference WHERE source = :source AND kind = :kind")
NAMES = sa.text("""
    SELECT r.source, r.kind, r.reference_id, r.body ->> 'name' AS name
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS d(source text, kind text, reference_id text)
    JOIN reference r USING (source, kind, reference_id) WHERE r.body ->> 'name' <> ''
""")
FLAGGED = sa.text("""
    SELECT source, reference_id AS day, body ->> 'flags' AS flags FROM reference
    WHERE body ->> 'flags' <> '' AND reference_id >= :since ORDER BY source, reference_id
""")


def write(conn: sa.Connection, rows: Sequence[Occurrence]) -> set[int]:
    """Keep runs of webinars. Returns the identities of those whose attendance that may change."""
    latest = {
        (run.source, run.uuid): {
            "source": run.source,
            "uuid": run.uuid,
            "webinar_id": run.webinar_id,
            "topic": run.topic,
            "starts_at": run.starts_at,
            "ends_at": run.ends_at,
            "created_at": run.created_at,
            "host_id": run.host_id,
        }
        for run in rows
    }
    return set(conn.scalars(WRITE, {"rows": as_json(list(latest.values()))})) if latest else set()


def occurrences_of(conn: sa.Connection, uuids: Sequence[str] | None = None) -> dict[str, Occurrence]:
    """Runs by their uuid: these with all others of the same webinars, or simply all."""
    rows = conn.execute(ALL) if uuids is None else conn.execute(SOME, {"uuids": list(uuids)})
    return {row.uuid: Occurrence(*row) for row in rows}


def find_run(conn: sa.Connection, run: Occurrence, within: timedelta) -> str:
    """The uuid of the run of this webinar that began nearest to `run`, "" where none did `within` that."""
    values = {"source": run.source, "webinar_id": run.webinar_id, "at": run.starts_at, "within": within}
    return conn.scalar(NEAREST, values) or ""


def write_references(conn: sa.Connection, rows: Sequence[Reference], at: datetime) -> None:
    """Keep entries of vendors' small tables as last read."""
    latest = {
        (item.source, item.kind, item.reference_id): {
            "source": item.source,
            "kind": item.kind,
            "reference_id": item.reference_id,
            "body": item.body,
        }
        for item in rows
    }
    if latest:
        conn.execute(KEEP_REFERENCES, {"rows": as_json(list(latest.values())), "at": at})


def references(conn: sa.Connection, source: str, kind: str) -> dict[str, dict[str, Any]]:
    """One of a vendor's small tables: id -> its body."""
    return {row.reference_id: row.body for row in conn.execute(REFERENCES, {"source": source, "kind": kind})}


def names_of(
    conn: sa.Connection, wanted: Collection[tuple[str, str, str]]
) -> dict[tuple[str, str, str], str]:
    """What vendors call these of their campaigns and lists: (source, kind, id) -> name, where it is known."""
    rows = [dict(zip(("source", "kind", "reference_id"), one, strict=True)) for one in sorted(wanted)]
    if not rows:
        return {}
    found = conn.execute(NAMES, {"rows": as_json(rows)})
    return {(row.source, row.kind, row.reference_id): row.name for row in found}


def flagged_days(conn: sa.Connection, since: date) -> dict[str, dict[str, str]]:
    """Source -> day (ISO) -> in what way the source says that it did not tell all of that day."""
    found: dict[str, dict[str, str]] = {}
    for row in conn.execute(FLAGGED, {"since": since.isoformat()}):
        found.setdefault(row.source, {})[row.day] = row.flags
    return found
