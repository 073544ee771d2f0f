"""What HubSpot holds of ours, per contact: as last written or read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.domain.changes import Contact
from app.domain.edits import Memory
from app.store.encoding import as_json
from app.store.schema.decided import mirror as table

LIST_SIZES = sa.text("""
    SELECT name, (
        SELECT count(*) FROM (
            SELECT FROM mirror WHERE name = ANY(mirror.lists) LIMIT :at_most) AS members)
    FROM unnest(CAST(:names AS text[])) AS name
""")
COUNTED = 5_000
"""Counting a hundred thousand for every plan took as long as a tenth of its calls."""

POPULATION = sa.text("""
    SELECT CASE WHEN few < :counted THEN few ELSE greatest(few, (
        SELECT reltuples * (1 - coalesce((
            SELECT null_frac FROM pg_stats
            WHERE schemaname = current_schema AND tablename = 'mirror' AND attname = 'score_id'), 0))
        FROM pg_class WHERE oid = 'mirror'::regclass)) END
    FROM (SELECT count(*) AS few FROM (
        SELECT FROM mirror WHERE score_id IS NOT NULL LIMIT :counted) AS some_of_them) AS counted
""")
OF_PEOPLE_HELD = sa.text("""
    SELECT * FROM mirror WHERE person_id = ANY(CAST(:ids AS bigint[])) ORDER BY contact_id FOR UPDATE
""")
SHOWS = sa.text("""
    UPDATE mirror SET score_id = greatest(mirror.score_id, d.score_id) FROM (
        SELECT contact_id, shown.score_id FROM mirror
        JOIN unnest(CAST(:ids AS bigint[]), CAST(:score_ids AS bigint[])) AS shown(person_id, score_id)
            USING (person_id)
        ORDER BY contact_id FOR UPDATE OF mirror) AS d
    WHERE mirror.contact_id = d.contact_id
""")
OF_PEOPLE = sa.text("SELECT * FROM mirror WHERE person_id = ANY(CAST(:ids AS bigint[]))")
UNSETTLED = sa.text("""
    SELECT person_id, change -> 'properties' FROM ledger
    WHERE state = 'intent' AND person_id = ANY(CAST(:ids AS bigint[]))
""")
REMEMBERED = sa.text("""
    SELECT contact_id, person_id, properties FROM mirror WHERE contact_id = ANY(CAST(:ids AS text[]))
""")
OF_CONTACTS = sa.text("""
    SELECT * FROM mirror WHERE contact_id = ANY(CAST(:ids AS text[])) AND seen_at IS NOT NULL
""")
# Rows are held in the order in which SAVE takes them: two that wait for each other would be ended.
DOUBT = sa.text("""
    UPDATE mirror SET seen_at = NULL FROM (
        SELECT contact_id FROM mirror WHERE contact_id = ANY(CAST(:ids AS text[]))
        ORDER BY contact_id FOR UPDATE) AS held
    WHERE mirror.contact_id = held.contact_id
""")
READ_SINCE = sa.text("""
    SELECT person_id FROM mirror
    WHERE person_id = ANY(CAST(:ids AS bigint[])) AND seen_at IS NOT NULL AND read_at >= :since
      AND NOT EXISTS (SELECT FROM hint WHERE hint.contact_id = mirror.contact_id)
""")
# A plan stamps its leads' rows of the work list with its own moment: who has another one, or none, was scored
# or written since.
LEARNT_OF_SINCE = sa.text("""
    SELECT person_id FROM unnest(CAST(:ids AS bigint[])) AS planned(person_id)
    WHERE NOT EXISTS (
            SELECT FROM unwritten WHERE unwritten.person_id = planned.person_id AND since = :made_at)
        OR EXISTS (
            SELECT FROM mirror WHERE mirror.person_id = planned.person_id AND (
                seen_at IS NULL OR EXISTS (SELECT FROM hint WHERE hint.contact_id = mirror.contact_id)))
""")
NOTE_EDITS = sa.text("""
    UPDATE mirror SET edited = found
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS d(person_id bigint, found jsonb)
    WHERE mirror.person_id = d.person_id AND edited <> found
""")
# Who is written to by two people of ours (a shared mailbox) has one row: the last of them stands. Nothing is
# kept of who was erased while the answer was on its way.
SAVE = sa.text("""
    INSERT INTO mirror (contact_id, person_id, properties, lists, score_id, seen_at, read_at, updated_at)
    SELECT DISTINCT ON (contact_id COLLATE "C") contact_id, person_id, properties,
        ARRAY(SELECT jsonb_array_elements_text(lists)), score_id, seen_at, :read_at, :at
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS d(
        contact_id text, person_id bigint, properties jsonb, lists jsonb, score_id bigint,
        seen_at timestamptz)
    WHERE EXISTS (SELECT FROM person WHERE person.id = d.person_id)
    ORDER BY contact_id COLLATE "C", person_id DESC
    ON CONFLICT (contact_id) DO UPDATE SET
        person_id = excluded.person_id, properties = excluded.properties, lists = excluded.lists,
        score_id = coalesce(excluded.score_id, mirror.score_id), seen_at = excluded.seen_at,
        read_at = coalesce(excluded.read_at, mirror.read_at), updated_at = excluded.updated_at
""")


def count(conn: sa.Connection) -> int:
    """How many contacts HubSpot shows a score of ours for: exact up to COUNTED, beyond it as PostgreSQL's
    statistics have it, and COUNTED where it gathered none yet.
    """
    return int(conn.execute(POPULATION, {"counted": COUNTED}).scalar_one())


def hold(conn: sa.Connection, person_ids: Sequence[int]) -> dict[int, Contact]:
    """Contacts as last written or read, by person; `modified_at` only of those that are known to stand so.
    Nobody else changes them before this transaction ends.
    """
    return {
        row.person_id: Contact(row.contact_id, "", row.properties, frozenset(row.lists), row.seen_at)
        for row in conn.execute(OF_PEOPLE_HELD, {"ids": list(person_ids)})
    }


def shown(conn: sa.Connection, person_ids: Sequence[int]) -> dict[int, Contact]:
    """Contacts as last written or read, by person, without keeping others out."""
    return {
        row.person_id: Contact(row.contact_id, "", row.properties, frozenset(row.lists), row.seen_at)
        for row in conn.execute(OF_PEOPLE, {"ids": list(person_ids)})
    }


def shows(conn: sa.Connection, score_ids: Mapping[int, int]) -> None:
    """HubSpot shows these scores, by person, without a change; whether somebody else changed a contact is not
    touched.
    """
    if score_ids:
        ids = sorted(score_ids)
        conn.execute(SHOWS, {"ids": ids, "score_ids": [score_ids[person] for person in ids]})


def of_contacts(conn: sa.Connection, contact_ids: Sequence[str]) -> dict[str, Contact]:
    """Those of these contacts that are known to stand as kept here, by contact id."""
    return {
        row.contact_id: Contact(row.contact_id, "", row.properties, frozenset(row.lists), row.seen_at)
        for row in conn.execute(OF_CONTACTS, {"ids": list(contact_ids)})
    }


def doubt(conn: sa.Connection, contact_ids: Sequence[str]) -> None:
    """Somebody else changed these contacts: they are read again before they are written."""
    if contact_ids:
        conn.execute(DOUBT, {"ids": list(contact_ids)})


def read_since(conn: sa.Connection, person_ids: Sequence[int], since: datetime) -> set[int]:
    """Those whose contact was read in full since then, was changed by us alone, and is not named by a webhook
    that waits; nothing that was sent to it is without an answer.
    """
    asked = {"ids": list(person_ids)}
    waiting = {person_id for person_id, _ in conn.execute(UNSETTLED, asked)}
    return set(conn.scalars(READ_SINCE, {**asked, "since": since})) - waiting


def learnt_of_since(conn: sa.Connection, person_ids: Sequence[int], made_at: datetime) -> set[int]:
    """Those of the leads of a plan made then of whom something was learnt since, or whose contact somebody
    else changed.
    """
    return set(conn.scalars(LEARNT_OF_SINCE, {"ids": list(person_ids), "made_at": made_at}))


def recall(conn: sa.Connection, person_ids: Sequence[int]) -> tuple[dict[int, Contact], dict[int, Memory]]:
    """Contacts as `hold` gives them, without keeping others out; and what we remember of each contact we ever
    wrote to, with what was sent to it and never answered.
    """
    held: dict[int, Contact] = {}
    memories: dict[int, Memory] = {}
    unsettled = _unsettled(conn, person_ids)
    for row in conn.execute(OF_PEOPLE, {"ids": list(person_ids)}).all():
        values, sent = row.properties, unsettled.get(row.person_id, {})
        held[row.person_id] = Contact(row.contact_id, "", values, frozenset(row.lists), row.seen_at)
        if row.score_id is not None:  # else what stands there is nobody's edit: it stood there before us
            memories[row.person_id] = Memory(row.contact_id, values, row.edited, sent)
    return held, memories


def memories_of(conn: sa.Connection, contact_ids: Sequence[str]) -> dict[str, Memory]:
    """What we wrote to these contacts last, or sent without an answer, by contact id."""
    rows = conn.execute(REMEMBERED, {"ids": list(contact_ids)}).all()
    unsettled = _unsettled(conn, [row.person_id for row in rows])
    return {
        row.contact_id: Memory(row.contact_id, row.properties, {}, unsettled.get(row.person_id, {}))
        for row in rows
    }


def _unsettled(conn: sa.Connection, person_ids: Sequence[int]) -> dict[int, dict[str, set[str]]]:
    found: dict[int, dict[str, set[str]]] = {}
    for person_id, properties in conn.execute(UNSETTLED, {"ids": list(person_ids)}):
        for name, value in (properties or {}).items():
            found.setdefault(person_id, {}).setdefault(name, set()).add(value)
    return found


def note_edits(conn: sa.Connection, edits: Mapping[int, Mapping[str, str]]) -> None:
    """Replace what is known of other people's edits, by person: property -> value; {} for none."""
    rows = [{"person_id": person_id, "found": dict(found)} for person_id, found in sorted(edits.items())]
    if rows:
        conn.execute(NOTE_EDITS, {"rows": as_json(rows)})


def list_sizes(conn: sa.Connection, names: Sequence[str], at_most: int) -> dict[str, int]:
    """The members of each of these lists, as last written or read. Counting ends at `at_most`: how large a
    larger list is does not matter, and is not worth a walk through it.
    """
    rows = conn.execute(LIST_SIZES, {"names": list(names), "at_most": at_most})
    return {name: members for name, members in rows}  # noqa: C416 - dict() of rows does not type-check


def score_ids(conn: sa.Connection, person_ids: Sequence[int]) -> dict[int, int]:
    """The score each person's contact shows."""
    people = sa.cast(list(person_ids), sa.ARRAY(sa.BigInteger))
    query = sa.select(table.c.person_id, table.c.score_id).where(
        table.c.person_id == sa.any_(people), table.c.score_id.is_not(None)
    )
    return {row.person_id: row.score_id for row in conn.execute(query)}


def save(
    conn: sa.Connection,
    contacts: Mapping[int, Contact],
    score_ids: Mapping[int, int],
    at: datetime,
    *,
    read: bool = False,
) -> None:
    """Replace what is known of these contacts, by person, with the score their values now show; who has no
    score here keeps the one it had. `read`: they were read from HubSpot just now, in full.
    """
    rows: list[dict[str, Any]] = [
        {
            "contact_id": contact.contact_id,
            "person_id": person_id,
            "properties": contact.properties,
            "lists": sorted(contact.lists),
            "score_id": score_ids.get(person_id),
            "seen_at": contact.modified_at,
        }
        for person_id, contact in sorted(contacts.items())
    ]
    if rows:
        conn.execute(SAVE, {"rows": as_json(rows), "at": at, "read_at": at if read else None})
