"""A privacy deletion: everything we hold of one person goes; a proof without personal data stays."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.domain.mentions import named
from app.domain.people import is_contact
from app.domain.records import IdentityKey
from app.store.encoding import as_json
from app.store.erase_raw import erase_raw
from app.store.people import find
from app.store.people_locks import hold_people, take_over

# The person, and those who were merged into them and are no more.
PERSONS = sa.text("""
    WITH RECURSIVE everyone(id) AS (
        SELECT CAST(:person AS bigint)
        UNION
        SELECT m.merged_person_id FROM merge m JOIN everyone e ON m.kept_person_id = e.id
        WHERE NOT EXISTS (SELECT FROM identity i WHERE i.person_id = m.merged_person_id)
    )
    SELECT id FROM everyone
""")
IDENTITIES = sa.text("SELECT id, vendor, kind, value FROM identity WHERE person_id = :person")
BY_IDENTITY = "identity_id = ANY(CAST(:identities AS bigint[]))"
BY_PERSON = "person_id = ANY(CAST(:persons AS bigint[]))"
BY_CONTACT = "contact_id = ANY(CAST(:contacts AS text[]))"
# In this order: what points at an identity goes before it, the identity before its person.
PURGES = {
    "observation": BY_IDENTITY,
    "profile": BY_IDENTITY,
    "activity": BY_PERSON,
    "feature": BY_PERSON,
    "summary": BY_PERSON,
    "standing": BY_PERSON,
    "unscored": BY_PERSON,
    "score": BY_PERSON,
    "touched": BY_PERSON,
    "unwritten": BY_PERSON,
    "mirror": f"{BY_PERSON} OR {BY_CONTACT}",
    "ledger": f"{BY_PERSON} OR {BY_CONTACT}",
    "assignment": BY_PERSON,
    "hint": BY_CONTACT,
    "merge": "ARRAY[kept_person_id, merged_person_id] && CAST(:persons AS bigint[])",
    "identity": "id = ANY(CAST(:identities AS bigint[]))",
    "person": "id = ANY(CAST(:persons AS bigint[]))",
}
LEAVE_DEALS = sa.text("""
    UPDATE deal SET contact_ids = ARRAY(
        SELECT name FROM unnest(contact_ids) AS name WHERE NOT name = ANY(CAST(:contacts AS text[])))
    WHERE contact_ids && CAST(:contacts AS text[])
""")
PROVE = sa.text("""
    INSERT INTO erasure (subject_hash, erased_at, row_counts)
    VALUES (:subject_hash, :at, CAST(:row_counts AS jsonb))
""")
PROVED = sa.text("SELECT subject_hash FROM erasure WHERE subject_hash = ANY(CAST(:hashes AS text[]))")


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a privacy deletion is about, by what our tables know them by."""

    contact_id: str
    persons: list[int]
    keys: dict[int, IdentityKey]

    def values(self) -> dict[str, list[int] | list[str]]:
        """The parameters of the purges."""
        own = {key.value for key in self.keys.values() if is_contact(key)}
        contacts = sorted({*own, self.contact_id})
        return {"persons": self.persons, "identities": list(self.keys), "contacts": contacts}


def erase(conn: sa.Connection, contact_ids: Collection[str], at: datetime) -> None:
    """Delete the persons of these HubSpot contacts from every table of the line, and leave a proof for each.

    Also for a contact we never knew there is a proof. Held records, raw deliveries and kept plans lose what
    names them by an address or id; a text in them that tells a name alone cannot be found.
    """
    if not contact_ids:
        return
    hold_people(conn)
    subjects = [_subject(conn, contact_id) for contact_id in sorted(contact_ids)]
    everybody = [key for subject in subjects for key in subject.keys.values()]
    persons = {person for subject in subjects for person in subject.persons}
    take_over(conn, persons)
    raw = erase_raw(conn, named(everybody, contact_ids), persons, at)
    for subject in subjects:
        counts = as_json(raw | _purge(conn, subject))
        proof = {"subject_hash": _hash(subject.contact_id), "at": at, "row_counts": counts}
        conn.execute(PROVE, proof)


def erased(conn: sa.Connection, contact_ids: Collection[str]) -> set[str]:
    """Those of these HubSpot contacts whom a privacy deletion took."""
    by_hash = {_hash(contact_id): contact_id for contact_id in contact_ids}
    found = conn.scalars(PROVED, {"hashes": list(by_hash)}) if by_hash else ()
    return {by_hash[one] for one in found}


def _hash(contact_id: str) -> str:
    return hashlib.sha256(f"hubspot\0{contact_id}".encode()).hexdigest()


def _subject(conn: sa.Connection, contact_id: str) -> Subject:
    key = IdentityKey("hubspot", "contact_id", contact_id)
    known = find(conn, [key]).get(key)
    person = 0 if known is None else known.person_id
    rows = conn.execute(IDENTITIES, {"person": person})
    keys = {row.id: IdentityKey(row.vendor, row.kind, row.value) for row in rows}
    return Subject(contact_id, list(conn.scalars(PERSONS, {"person": person})), keys)


def _purge(conn: sa.Connection, subject: Subject) -> dict[str, int]:
    """Rows deleted, by table."""
    values, counts = subject.values(), {}
    for table, condition in PURGES.items():
        purge = sa.text(f"DELETE FROM {table} WHERE {condition}")  # noqa: S608  constants only
        counts[table] = conn.execute(purge, values).rowcount
    return counts | {"deal": conn.execute(LEAVE_DEALS, values).rowcount}
