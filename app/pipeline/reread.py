"""Between the showing of a plan and its writing: contacts are read again, and people's edits stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app.domain.changes import Change, Contact, Outcome, SetProperties
from app.domain.edits import NOTHING
from app.domain.gate import judge
from app.domain.overtaken import Standing, standing_of
from app.domain.portal import asked_names
from app.pipeline.current import before_images
from app.pipeline.release import gate_of
from app.pipeline.write_back import destination_of
from app.services import Services
from app.store import ledger, mirror
from app.store.ledger import Before
from app.store.plans import StoredPlan

FRESH_FOR = timedelta(minutes=1)
"""A younger plan is written as it was shown, but for leads of whom something was learnt since: an unattended
one is begun as soon as it is made. An older one costs two calls more per hundred contacts.
"""


def is_old(stored: StoredPlan, now: datetime) -> bool:
    """Is the plan no longer fresh: must its contacts be read again before they are written?"""
    return now - stored.made_at > FRESH_FOR


GONE = "its contact is gone from HubSpot, or was merged into another, since the plan was shown"


@dataclass(frozen=True, slots=True)
class Reread:
    """A lot as it may be sent now. By change key: what is not sent, notes for the ledger on what is sent in
    part, and what HubSpot holds just before.
    """

    lot: Sequence[Change]
    outdated: Mapping[str, Outcome] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    before: Mapping[str, Before] = field(default_factory=dict)


def reread(services: Services, stored: StoredPlan, lot: Sequence[Change], now: datetime) -> Reread:
    """The lot in view of its contacts as they are now, where the plan is no longer fresh, or something was
    learnt of them since it was made.

    A value that somebody changed since the plan was shown stays, by the property's policy, and is remembered
    as theirs; whom the gate no longer lets through gets no list, enrolment or task. What is settled is left
    out.
    """
    again = lot if is_old(stored, now) else _learnt_of_since(services, stored, lot)
    if not again:
        return Reread(lot)
    found = _read_again(services, stored, again, now)
    asked, left = {change.key for change in again}, {change.key: change for change in found.lot}
    whole = [left.get(item.key, item) for item in lot if item.key in left or item.key not in asked]
    return replace(found, lot=whole)


def _learnt_of_since(services: Services, stored: StoredPlan, lot: Sequence[Change]) -> list[Change]:
    """The changes of leads that a webhook, a sync or another plan told something of meanwhile: a pause, an
    edit, an arm. A way back is for whoever asked for it, within the minute.
    """
    if stored.undoes is not None:
        return []
    people = sorted({person for change in lot if (person := getattr(change, "person_id", 0))})
    with services.database.connect() as conn:
        learnt = mirror.learnt_of_since(conn, people, stored.made_at)
    return [change for change in lot if getattr(change, "person_id", 0) in learnt]


def _read_again(services: Services, stored: StoredPlan, lot: Sequence[Change], now: datetime) -> Reread:
    with services.database.connect() as conn:
        states = ledger.states_of(conn, stored.plan.fingerprint, [change.key for change in lot])
    lot = [change for change in lot if states.get(change.key, "intent") == "intent"]
    contact_ids = sorted({getattr(change, "contact_id", "") for change in lot} - {""})
    if not contact_ids:
        return Reread(lot)
    current = destination_of(services).read(contact_ids, asked_names(services.mappings.hubspot))
    standings = _standings(services, stored, lot, current)
    if stored.undoes is None:
        _remember_edits(services, lot, standings, current, now)
    sent = [found.change or change for change, found in zip(lot, standings, strict=True)]
    return Reread(
        lot=sent,
        outdated={
            change.key: Outcome(change.key, "superseded", found.reason)
            for change, found in zip(lot, standings, strict=True)
            if found.change is None
        },
        notes={
            change.key: found.reason for change, found in zip(lot, standings, strict=True) if found.reason
        },
        before=before_images(sent, current),
    )


def _standings(
    services: Services,
    stored: StoredPlan,
    lot: Sequence[Change],
    current: Mapping[str, Contact],
) -> list[Standing]:
    mapping = services.mappings.hubspot
    people = sorted({person for change in lot if (person := getattr(change, "person_id", 0))})
    with services.database.connect() as conn:
        gate, _ = gate_of(services, conn, people, enrol=False)
        _, memories = mirror.recall(conn, people)
    found = []
    for change in lot:
        contact_id = getattr(change, "contact_id", "")
        held = current.get(contact_id)
        if held is None:  # what makes contacts, properties and lists is about none that could be gone
            found.append(Standing(None, GONE) if contact_id else Standing(change))
            continue
        person_id = getattr(change, "person_id", 0)
        verdict = judge(person_id, held, gate, mapping)
        memory = None if stored.undoes else memories.get(person_id, NOTHING)
        before = stored.before.get(change.key, {})
        found.append(standing_of(change, held, before, verdict, memory, mapping))
    return found


def _remember_edits(
    services: Services,
    lot: Sequence[Change],
    standings: Sequence[Standing],
    current: Mapping[str, Contact],
    now: datetime,
) -> None:
    """Edits found here are as good as those found by a plan: the next one knows them for somebody else's."""
    edited = {
        change.person_id: (current[change.contact_id], found.edits)
        for change, found in zip(lot, standings, strict=True)
        if isinstance(change, SetProperties) and found.edits
    }
    if not edited:
        return
    with services.database.begin() as conn:
        _, memories = mirror.recall(conn, list(edited))
        shown = mirror.score_ids(conn, list(edited))
        mirror.save(conn, {person: contact for person, (contact, _) in edited.items()}, shown, now)
        earlier = {person: memory.edited for person, memory in memories.items()}
        mirror.note_edits(
            conn, {person: {**earlier.get(person, {}), **found} for person, (_, found) in edited.items()}
        )
