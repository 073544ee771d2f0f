"""Who is who: every name a person goes by points at the person. The decisions are in app/domain/people.py."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

import sqlalchemy as sa

from app.domain.people import Links, link
from app.domain.records import IdentityKey
from app.store.encoding import storable_key
from app.store.merges import hold_people, regroup, unmerge
from app.store.touched import any_touched, count_touched, take_touched, touch, untouch

__all__ = [
    "any_touched", "count_touched", "find", "identities_of", "merge_contacts", "person_of", "persons_behind",
    "resolve", "take_touched", "touch", "unmerge", "untouch",
]  # fmt: skip

WITH_NAMES = """
    SELECT i.id, i.person_id, i.vendor, i.kind, i.value FROM identity i
    JOIN unnest(CAST(:vendors AS text[]), CAST(:kinds AS text[]), CAST(:names AS text[]))
        AS w(vendor, kind, value)
    ON i.vendor = w.vendor AND i.kind = w.kind AND i.value = w.value
"""
FIND = sa.text(WITH_NAMES)
FIND_AND_HOLD = sa.text(f"{WITH_NAMES} ORDER BY i.id FOR SHARE OF i")
KNOWN_TO_HUBSPOT = sa.text("""
    SELECT DISTINCT person_id FROM identity
    WHERE person_id = ANY(CAST(:persons AS bigint[])) AND vendor = 'hubspot' AND kind = 'contact_id'
""")
NEW_PERSONS = sa.text(
    "INSERT INTO person (created_at) SELECT :at FROM generate_series(1, :number) RETURNING id"
)
NEW_IDENTITIES = sa.text("""
    INSERT INTO identity (vendor, kind, value, person_id, created_at)
    SELECT vendor, kind, value, person_id, :at
    FROM unnest(CAST(:vendors AS text[]), CAST(:kinds AS text[]), CAST(:names AS text[]),
                CAST(:persons AS bigint[])) AS new(vendor, kind, value, person_id)
    RETURNING id, person_id, vendor, kind, value
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
FORGET_MIRROR = sa.text("DELETE FROM mirror WHERE contact_id = :contact_id")
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
    keys = {key for keyset in wanted for key in keyset}
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
    return _as_known(conn.execute(FIND_AND_HOLD if hold else FIND, _columns(keys)))


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
    conn.execute(FORGET_MIRROR, {"contact_id": merged.value})
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
    for person_id, vendor, kind, value in conn.execute(KEYS_OF, {"persons": list(person_ids)}):
        keys[person_id].append(IdentityKey(vendor, kind, value))
    return keys


def persons_behind(conn: sa.Connection, identity_ids: Collection[int]) -> set[int]:
    """The persons these identities point at now."""
    return set(conn.scalars(BEHIND, {"ids": list(identity_ids)})) if identity_ids else set()


def _storable(key: IdentityKey) -> IdentityKey:
    value = storable_key(key.value)
    return key if value == key.value else replace(key, value=value)


def _columns(keys: Iterable[IdentityKey]) -> dict[str, list[str]]:
    """One list a column, in one order for everybody."""
    rows = sorted(keys, key=attrgetter("vendor", "kind", "value"))
    return {
        "vendors": [key.vendor for key in rows],
        "kinds": [key.kind for key in rows],
        "names": [key.value for key in rows],
    }


def _links(
    conn: sa.Connection, keysets: Sequence[Sequence[IdentityKey]], known: Mapping[IdentityKey, Known]
) -> Links:
    persons = {key: found.person_id for key, found in known.items()}
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
        persons = [real.get(links.attach[key], links.attach[key]) for key in sorted(links.attach)]
        added = _as_known(
            conn.execute(NEW_IDENTITIES, {**_columns(links.attach), "persons": persons, "at": at})
        )
    regroup(conn, links.merges, {}, "the same person by a shared name", at)
    moves = {known[key].identity_id: real.get(person, person) for key, person in links.moves.items()}
    regroup(conn, {}, moves, "HubSpot shows the e-mail on another contact", at)
    touch(conn, {person for person in links.attach.values() if person > 0}, at)
    return added


def _as_known(rows: Iterable[Any]) -> dict[IdentityKey, Known]:
    return {
        IdentityKey(vendor, kind, value): Known(identity_id, person_id)
        for identity_id, person_id, vendor, kind, value in rows
    }
