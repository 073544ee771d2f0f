"""Who is who: every name a person goes by points at the person. The decisions are in app/domain/people.py."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from app.domain.people import Links, is_settled, link
from app.domain.records import IdentityKey
from app.store.encoding import as_json, storable_key
from app.store.merges import regroup, unmerge
from app.store.people_locks import hold_people
from app.store.touched import any_touched, count_touched, take_touched, touch, touch_behind, untouch

__all__ = [
    "any_touched", "count_touched", "find", "identities_of", "merge_contacts", "person_of", "persons_behind",
    "resolve", "take_touched", "touch", "touch_behind", "unmerge", "untouch",
]  # fmt: skip

# Names travel as one JSON list of (vendor, kind, value): a third of what three arrays cost on our side.
WITH_NAMES = """
    SELECT w.place, i.id, i.person_id
    FROM jsonb_array_elements(CAST(:names AS jsonb)) WITH ORDINALITY AS w(name, place)
    JOIN identity i ON i.vendor = w.name ->> 0 AND i.kind = w.name ->> 1 AND i.value = w.name ->> 2
"""
FIND = sa.text(WITH_NAMES)
FIND_AND_HOLD = sa.text(f"{WITH_NAMES} ORDER BY i.id FOR SHARE OF i")
# Person by person: while the table is new to PostgreSQL, it would rather read all of it.
KNOWN_TO_HUBSPOT = sa.text("""
    SELECT DISTINCT w.person_id FROM unnest(CAST(:persons AS bigint[])) AS w(person_id)
    CROSS JOIN LATERAL (SELECT vendor, kind FROM identity i WHERE i.person_id = w.person_id OFFSET 0) AS held
    WHERE held.vendor = 'hubspot' AND held.kind = 'contact_id'
""")
NEW_PERSONS = sa.text(
    "INSERT INTO person (created_at) SELECT :at FROM generate_series(1, :number) RETURNING id"
)
# `names` go on with the person: (vendor, kind, value, person id). Ids are given out in their order.
NEW_IDENTITIES = sa.text("""
    INSERT INTO identity (vendor, kind, value, person_id, created_at)
    SELECT name ->> 0, name ->> 1, name ->> 2, CAST(name ->> 3 AS bigint), :at
    FROM jsonb_array_elements(CAST(:names AS jsonb)) WITH ORDINALITY AS w(name, place) ORDER BY place
    RETURNING id
""")
END = sa.text("""
    UPDATE identity SET ended_at = :at
    WHERE vendor = 'hubspot' AND kind = 'contact_id' AND value = :contact_id AND ended_at IS NULL
""")
KNOWN_MERGE = sa.text("""
    SELECT EXISTS (
        SELECT FROM identity ended JOIN identity kept USING (person_id)
        WHERE ended.vendor = 'hubspot' AND ended.kind = 'contact_id' AND ended.value = :merged
          AND ended.ended_at IS NOT NULL
          AND kept.vendor = 'hubspot' AND kept.kind = 'contact_id' AND kept.value = :kept)
""")
# What was written to the merged contact tells a person's edit from ours also on the one that is kept. A new
# id takes over the first one's: HubSpot's primary, whose values win.
HAND_ON_MIRROR = sa.text("""
    UPDATE mirror SET contact_id = :kept, seen_at = NULL
    WHERE contact_id = :merged AND NOT EXISTS (SELECT FROM mirror WHERE contact_id = :kept)
""")
FORGET_MIRROR = sa.text("DELETE FROM mirror WHERE contact_id = :merged")
OF_EMAIL = sa.text("SELECT person_id FROM identity WHERE vendor = 'any' AND kind = 'email' AND value = :name")
OF_CONTACT = sa.text(
    "SELECT person_id FROM identity WHERE vendor = 'hubspot' AND kind = 'contact_id' AND value = :name"
)
OF_ANY = sa.text("SELECT person_id FROM identity WHERE value = :name ORDER BY id LIMIT 1")
KEYS_OF = sa.text("""
    SELECT person_id, vendor, kind, value FROM identity
    WHERE person_id = ANY(CAST(:persons AS bigint[])) AND ended_at IS NULL
    ORDER BY (vendor, kind) <> ('hubspot', 'contact_id'), id
""")
BEHIND = sa.text("SELECT DISTINCT person_id FROM identity WHERE id = ANY(CAST(:ids AS bigint[]))")


class Known(NamedTuple):
    """An identity row, and the person it points at."""

    identity_id: int
    person_id: int


def resolve(
    conn: sa.Connection, keysets: Sequence[tuple[IdentityKey, ...]], at: datetime
) -> list[int | None]:
    """The identity of each keyset's first key, None for an empty keyset.

    A keyset holds the names of one person, strongest first. Unknown names are added, persons made, joined
    and merged as app/domain/people.py decides. Whoever gained a name is touched. What is found is held, or
    all people are, until the transaction ends: a merge elsewhere waits for the facts this transaction adds.
    """
    wanted = [tuple(map(_storable, keyset)) for keyset in keysets]
    keys = sorted({key for keyset in wanted for key in keyset})
    known = find(conn, keys)
    links = _links(conn, wanted, known)
    if links.is_empty():  # by far the most frequent case: held now, and looked at again
        known = find(conn, keys, hold=True)
        links = _links(conn, wanted, known)
    if not links.is_empty():
        hold_people(conn)
        seen, known = known, find(conn, keys)
        if seen or known:  # of people nobody knew before and after, there is nothing new to say
            links = _links(conn, wanted, known)
        known |= _write_links(conn, links, known, at)
    return [known[keyset[0]].identity_id if keyset else None for keyset in wanted]


def find(
    conn: sa.Connection, keys: Collection[IdentityKey], *, hold: bool = False
) -> dict[IdentityKey, Known]:
    """Those of `keys` that are known. `hold` keeps their person as it is until the transaction ends."""
    if not keys:
        return {}
    names = list(keys)
    rows = conn.execute(FIND_AND_HOLD if hold else FIND, {"names": as_json(names)}).all()
    return {names[place - 1]: Known(identity_id, person_id) for place, identity_id, person_id in rows}


def merge_contacts(conn: sa.Connection, kept_contact_id: str, merged_contact_id: str, at: datetime) -> bool:
    """HubSpot merged two contacts, so their persons are one, and the merged id is no longer written to.

    False when we knew already.
    """
    kept, merged = (
        _storable(IdentityKey("hubspot", "contact_id", value))
        for value in (kept_contact_id, merged_contact_id)
    )
    if kept == merged or conn.scalar(KNOWN_MERGE, {"kept": kept.value, "merged": merged.value}):
        return False
    hold_people(conn)
    resolve(conn, [(kept,), (merged,)], at)
    known = find(conn, [kept, merged])
    persons = known[merged].person_id, known[kept].person_id
    if persons[0] != persons[1]:
        regroup(conn, dict([persons]), {}, "HubSpot merged the contacts", at)
    for statement in (HAND_ON_MIRROR, FORGET_MIRROR):
        conn.execute(statement, {"kept": kept.value, "merged": merged.value})
    ended = conn.execute(END, {"contact_id": merged.value, "at": at}).rowcount
    if ended:
        touch(conn, {known[kept].person_id}, at)
    return ended > 0


def person_of(conn: sa.Connection, name: str) -> int | None:
    """The person known by this e-mail, HubSpot contact id or, failing those, any other vendor's id."""
    first = (OF_EMAIL, name.strip().lower()) if "@" in name else (OF_CONTACT, name.strip())
    for statement, value in (first, (OF_ANY, name.strip())):
        person_id: int | None = conn.scalar(statement, {"name": storable_key(value)})
        if person_id is not None:
            return person_id
    return None


def identities_of(conn: sa.Connection, person_ids: Sequence[int]) -> dict[int, list[IdentityKey]]:
    """The names of each person, HubSpot's id first; without ids that HubSpot merged into another."""
    keys: dict[int, list[IdentityKey]] = {person_id: [] for person_id in person_ids}
    for person_id, vendor, kind, value in conn.execute(KEYS_OF, {"persons": list(person_ids)}).all():
        keys[person_id].append(IdentityKey(vendor, kind, value))
    return keys


def persons_behind(conn: sa.Connection, identity_ids: Collection[int]) -> set[int]:
    """The persons these identities point at now."""
    return set(conn.scalars(BEHIND, {"ids": list(identity_ids)})) if identity_ids else set()


def _storable(key: IdentityKey) -> IdentityKey:
    value = storable_key(key.value)
    return key if value == key.value else key._replace(value=value)


def _links(
    conn: sa.Connection, keysets: Sequence[Sequence[IdentityKey]], known: Mapping[IdentityKey, Known]
) -> Links:
    persons = {key: found.person_id for key, found in known.items()}
    if is_settled(keysets, persons):
        return Links({}, {}, {})
    ids = sorted(set(persons.values()))
    contacts = set(conn.scalars(KNOWN_TO_HUBSPOT, {"persons": ids})) if ids else set()
    return link(keysets, persons, contacts)


def _write_links(
    conn: sa.Connection, links: Links, known: Mapping[IdentityKey, Known], at: datetime
) -> dict[IdentityKey, Known]:
    """Returns the identities that are new. The caller holds the people."""
    new = sorted({person for person in links.attach.values() if person < 0})
    made = conn.scalars(NEW_PERSONS, {"at": at, "number": len(new)}).all() if new else []
    real = dict(zip(new, made, strict=True))
    added: dict[IdentityKey, Known] = {}
    if links.attach:
        names = [(*key, real.get(person, person)) for key, person in sorted(links.attach.items())]
        ids = sorted(conn.scalars(NEW_IDENTITIES, {"names": as_json(names), "at": at}).all())
        added = {
            IdentityKey(*key): Known(identity_id, person)
            for (*key, person), identity_id in zip(names, ids, strict=True)
        }
    regroup(conn, links.merges, {}, "the same person by a shared name", at)
    moves = {known[key].identity_id: real.get(person, person) for key, person in links.moves.items()}
    regroup(conn, {}, moves, "HubSpot shows the e-mail on another contact", at)
    touch(conn, {person for person in links.attach.values() if person > 0}, at)
    return added
