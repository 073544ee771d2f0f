"""The one way in for facts: each kind goes to its table, and whoever it concerns is touched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa

from app.domain.people import is_contact
from app.domain.records import (
    ContactHint,
    Deal,
    Fact,
    IdentityKey,
    Observation,
    Occurrence,
    Profile,
    Reference,
)
from app.store import deals, hints, observations, occurrences, people, profiles
from app.store.cause import Cause
from app.store.deals import deals_of
from app.store.erasure import erase, erased
from app.store.hints import any_hint, drop_hints, take_hints
from app.store.observations import StoredObservation, Whole, observations_of, observed_people
from app.store.occurrences import occurrences_of, references
from app.store.people_locks import beside_no_erasure, erasing_alone
from app.store.profiles import StoredProfile, profiles_of

__all__ = [
    "Cause", "StoredObservation", "StoredProfile", "Whole", "any_hint", "deals_of", "drop_hints",
    "observations_of", "observed_people", "occurrences_of", "profiles_of", "references", "store",
    "take_hints",
]  # fmt: skip

Kind = TypeVar("Kind")


def store(
    conn: sa.Connection,
    facts: Sequence[tuple[Fact, Cause]],
    at: datetime,
    replaces: Whole | None = None,
) -> set[int]:
    """Keep facts, each with its cause. Returns the people whose facts changed; they are touched, too.
    `replaces` is what `facts` hold every true observation of.

    Facts that say nothing new change nothing and touch nobody. Call it once in a transaction: two workers
    that each call it several times may wait for each other, which PostgreSQL ends by failing one.
    """
    told = _of(ContactHint, facts)
    forgotten = {hint.contact_id for hint, _ in told if hint.change == "privacy_deleted"}
    (erasing_alone if forgotten else beside_no_erasure)(conn)
    facts = _without_erased(conn, facts)
    seen = _of(Observation, facts)
    said = _of(Profile, facts)
    keysets = [fact.identities for fact, _ in seen] + [fact.identities for fact, _ in said]
    ids = iter(people.resolve(conn, keysets, at))
    changed = observations.write(conn, [(fact, cause, next(ids)) for fact, cause in seen])
    if replaces:
        changed |= observations.drop_others(conn, replaces, {fact.key for fact, _ in seen})
    profile_rows = [(fact, cause, next(ids)) for fact, cause in said]
    changed |= profiles.write(conn, [*profile_rows, *_archived(conn, told)])
    changed |= occurrences.write(conn, [fact for fact, _ in _of(Occurrence, facts)])
    changed |= deals.write(conn, _of(Deal, facts))
    occurrences.write_references(conn, [fact for fact, _ in _of(Reference, facts)], at)
    hot = any(cause.inbox_id is not None for _, cause in facts)
    touched = people.touch_behind(conn, changed, at, hot=hot)
    _follow_hubspot(conn, told, at)
    erase(conn, forgotten, at)  # last: nothing may write them anew
    return people.persons_behind(conn, changed) if told else touched  # HubSpot's word may merge people


def _without_erased(conn: sa.Connection, facts: Sequence[tuple[Fact, Cause]]) -> Sequence[tuple[Fact, Cause]]:
    """A page read before its contact was erased tells of nobody: HubSpot gives no id twice."""
    contacts = {contact_id for fact, _ in facts for contact_id in _contacts_of(fact)}
    gone = erased(conn, contacts)
    return [row for row in facts if gone.isdisjoint(_contacts_of(row[0]))] if gone else facts


def _contacts_of(fact: Fact) -> list[str]:
    names = fact.identities if isinstance(fact, Observation | Profile) else ()
    return [name.value for name in names if is_contact(name)]


def _of(kind: type[Kind], facts: Sequence[tuple[Fact, Cause]]) -> list[tuple[Kind, Cause]]:
    return [(fact, cause) for fact, cause in facts if isinstance(fact, kind)]


def _archived(
    conn: sa.Connection, told: Sequence[tuple[ContactHint, Cause]]
) -> Iterator[tuple[Profile, Cause, int]]:
    """A contact deleted in HubSpot is marked, and written to no more until it is restored there."""
    marks = [(hint, cause, _key(hint)) for hint, cause in told if hint.change in {"deleted", "restored"}]
    known = people.find(conn, {key for _, _, key in marks})
    for hint, cause, key in marks:
        if key in known:
            deleted = {"archived": "true", "contact_id": hint.contact_id}
            fields = deleted if hint.change == "deleted" else {}
            yield Profile(hint.source, (key,), fields, hint.occurred_at), cause, known[key].identity_id


def _follow_hubspot(conn: sa.Connection, told: Sequence[tuple[ContactHint, Cause]], at: datetime) -> None:
    """Merges, and contacts to read again.

    A contact read says of itself which others were merged into it: it is not read again for that.
    """
    again = {
        hint.contact_id: cause.inbox_id for hint, cause in told if hint.change in {"changed", "restored"}
    }
    # The primary is named last, and its memory is the one that a new id takes over.
    merged = [(hint, cause) for hint, cause in reversed(told) if hint.change == "merged"]
    for hint, cause in sorted(merged, key=lambda row: row[0].occurred_at):
        if people.merge_contacts(conn, hint.into, hint.contact_id, at) and cause.inbox_id is not None:
            again[hint.into] = cause.inbox_id
    hints.write(conn, again, at)


def _key(hint: ContactHint) -> IdentityKey:
    return IdentityKey("hubspot", "contact_id", hint.contact_id)
