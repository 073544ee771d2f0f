"""A plan is carried out exactly as shown: intent before each call, outcome after; a crash repeats nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby

import sqlalchemy as sa

from app.domain.changes import (
    AddToList,
    Change,
    Contact,
    CreateContact,
    CreateTask,
    EnrolInWorkflow,
    EnsureList,
    EnsureProperty,
    Outcome,
    RemoveFromList,
    SetProperties,
)
from app.domain.errors import BadConfig, Fault, TryLater, UnsafePlan
from app.domain.records import IdentityKey
from app.pipeline.write_back import destination_of
from app.services import Services
from app.store import ledger, mirror, people, plans, switches, writer
from app.store.mirror import Waiting
from app.store.plans import StoredPlan

LOT = 500
"""Changes between two ledger commits: about a second at HubSpot's limit."""

WRITER_WAIT = timedelta(seconds=2)
"""How long to stand back while another process writes; most plans take less."""

PLAN_LIFE = timedelta(hours=24)
"""After this a shown plan is stale: HubSpot has moved on, so make a new one."""


@dataclass(slots=True)
class Applied:
    """What came of a plan: outcomes by kind, and whether it went to its end."""

    fingerprint: str
    done: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    superseded: Counter[str] = field(default_factory=Counter)
    finished: bool = False


@contextmanager
def writing(services: Services) -> Iterator[int]:
    """The fencing number, while nobody else writes to HubSpot. Raises TryLater when somebody does already."""
    with services.writer.lease() as fence:
        if fence is None:
            raise TryLater("another process is writing to HubSpot: this one goes on later", WRITER_WAIT)
        yield fence


def apply_plan(
    services: Services,
    fingerprint: str,
    fence: int,
    *,
    released: bool,
    run_id: int | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Applied:
    """Carry out the plan shown under `fingerprint`, or go on with it where it was interrupted.

    Call it while `writing`, with the number that gave. `released` says that a person approved the plan by its
    fingerprint; without that one which passes a limit raises UnsafePlan. `stop` is asked between lots: the
    plan then waits to be gone on with. Raises TryLater when HubSpot is away or another writer took over: what
    was done stands in the ledger.
    """
    now = services.clock()
    with services.database.begin() as conn:
        stored = _runnable(plans.load(conn, fingerprint), fingerprint, now, released=released)
        plans.mark(conn, fingerprint, "applying", now)
        if stored.undoes is not None:  # else the next turn would write it all again
            switches.turn(conn, "paused", f"undo of run {stored.undoes}", now)
        if stored.releases is not None:
            switches.turn(conn, "released_rules", stored.releases, now)
    applied = Applied(fingerprint)
    for lot in _lots(stored.plan.changes):
        if stop():
            return applied
        _apply_lot(services, stored, lot, applied, fence, run_id)
    with services.database.begin() as conn:
        plans.mark(conn, fingerprint, "applied", services.clock())
        _consider_no_more(conn, stored)
    applied.finished = True
    return applied


def _consider_no_more(conn: sa.Connection, stored: StoredPlan) -> None:
    """What was written needs no look; what was taken back needs another one, once writes go on."""
    changed = set(_people_of(stored.plan.changes)) - {0}
    if stored.undoes is None:
        mirror.drop_waiting(conn, [Waiting(person_id, stored.made_at) for person_id in sorted(changed)])
    else:
        mirror.wait(conn, changed, stored.made_at)


def _runnable(stored: StoredPlan | None, fingerprint: str, now: datetime, *, released: bool) -> StoredPlan:
    if stored is None:
        raise BadConfig(
            [Fault("--apply", fingerprint, "no such plan: run write_back to see the current one")]
        )
    if stored.state == "applied":
        raise BadConfig(
            [Fault("--apply", fingerprint, "already applied: run write_back to see what is left")]
        )
    if stored.state == "shown" and now - stored.made_at > PLAN_LIFE:
        raise BadConfig(
            [Fault("--apply", fingerprint, "older than a day: run write_back to see the current one")]
        )
    if stored.plan.unsafe and stored.state == "shown" and not released:
        raise UnsafePlan(fingerprint, stored.plan.unsafe)
    return stored


def _lots(changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
    """Lots in canonical order. New contacts come in lots of their own: later changes need their ids."""
    for _, kind in groupby(changes, key=lambda change: isinstance(change, CreateContact)):
        same = list(kind)
        for start in range(0, len(same), LOT):
            yield same[start : start + LOT]


def _apply_lot(
    services: Services,
    stored: StoredPlan,
    lot: Sequence[Change],
    applied: Applied,
    fence: int,
    run_id: int | None,
) -> None:
    """One lot: skip what is settled, find what was applied before a crash, send the rest."""
    fingerprint = stored.plan.fingerprint
    destination = destination_of(services)
    with services.database.begin() as conn:
        if not writer.holds(conn, fence):
            raise TryLater("another process took over the writing to HubSpot", WRITER_WAIT)
        states = ledger.states_of(conn, fingerprint, [change.key for change in lot])
        created = ledger.created_contacts(conn, fingerprint)
        begun = [change for change in lot if states.get(change.key, "intent") == "intent"]
        todo = [_with_contact(change, created) for change in begun]
        people_ids = _people_of(todo)
        shown, once = mirror.score_ids(conn, people_ids), ledger.done_once(conn, people_ids)
        outcomes = list(_not_to_be_sent(todo, stored, shown))
        known = {*states, *(outcome.key for outcome in outcomes)}
        outcomes += _done_elsewhere([item for item in todo if item.key not in known], *once)
        ledger.intend(
            conn, fingerprint, todo, stored.before, stored.score_ids, services.clock(), run_id, fence
        )
    # A contact is upserted by its address: repeating it is safe and tells its id, which reading would not.
    unsure = [item for item in todo if item.key in states and not isinstance(item, CreateContact)]
    found = destination.find_applied(unsure) if unsure else set()
    outcomes += [Outcome(change.key, "done") for change in unsure if change.key in found]
    settled = {outcome.key for outcome in outcomes}
    try:
        for outcome in destination.apply(change for change in todo if change.key not in settled):
            outcomes.append(outcome)
    finally:
        _settle(services, stored, todo, outcomes, applied)


def _not_to_be_sent(
    todo: Sequence[Change], stored: StoredPlan, shown: Mapping[int, int]
) -> Iterator[Outcome]:
    """Changes of a lead whose contact could not be made, or shows a newer score than the plan's by now."""
    for change in todo:
        person_id = getattr(change, "person_id", 0)
        if _lost(change):
            yield Outcome(change.key, "rejected", "its contact could not be created")
        elif shown.get(person_id, 0) > stored.score_ids.get(person_id, 0):
            yield Outcome(change.key, "superseded", "HubSpot shows a newer score by now")


def _done_elsewhere(
    fresh: Sequence[Change], enrolled: Collection[tuple[int, str]], task_keys: Collection[str]
) -> Iterator[Outcome]:
    """What happens once per lead and another plan has done, or begun, since this one was made."""
    for change in fresh:
        match change:
            case EnrolInWorkflow() if (change.person_id, change.workflow) in enrolled:
                yield Outcome(change.key, "superseded", "another plan enrolled this lead")
            case CreateTask() if change.key in task_keys:
                yield Outcome(change.key, "superseded", "another plan made this task")
            case _:
                pass


def _people_of(changes: Sequence[Change]) -> list[int]:
    return sorted({getattr(change, "person_id", 0) for change in changes})


def _lost(change: Change) -> bool:
    return not isinstance(change, CreateContact) and getattr(change, "contact_id", None) == ""


def _with_contact(change: Change, created: Mapping[int, str]) -> Change:
    """A change planned before its contact existed, now with the contact's id."""
    match change:
        case SetProperties() | AddToList() | RemoveFromList() | EnrolInWorkflow() | CreateTask():
            contact_id = change.contact_id or created.get(change.person_id) or ""
            return replace(change, contact_id=contact_id)
        case _:
            return change


def _settle(
    services: Services,
    stored: StoredPlan,
    todo: Sequence[Change],
    outcomes: Sequence[Outcome],
    applied: Applied,
) -> None:
    now = services.clock()
    by_key = {change.key: change for change in todo}
    done: list[tuple[Change, Outcome]] = []
    for outcome in outcomes:
        change = by_key[outcome.key]
        counter: Counter[str] = getattr(applied, outcome.status)
        counter[type(change).__name__] += 1
        if outcome.status == "done":
            done.append((change, outcome))
    with services.database.begin() as conn:
        ledger.settle(conn, stored.plan.fingerprint, outcomes, now)
        # A newer plan left out what this one had begun: the lead is looked at once more.
        skipped = [by_key[item.key] for item in outcomes if item.status == "superseded"]
        mirror.wait(conn, set(_people_of(skipped)) - {0}, now)
        _remember(conn, done, stored.score_ids, now)


def _remember(
    conn: sa.Connection,
    done: Sequence[tuple[Change, Outcome]],
    score_ids: Mapping[int, int],
    now: datetime,
) -> None:
    """Fold what was written into our memory of HubSpot, and link new contacts to their people."""
    created = [(change, outcome) for change, outcome in done if isinstance(change, CreateContact)]
    keysets = [
        (IdentityKey("hubspot", "contact_id", outcome.contact_id), IdentityKey("any", "email", change.email))
        for change, outcome in created
    ]
    people.resolve(conn, keysets, now)
    new_ids = {change.person_id: outcome.contact_id for change, outcome in created}
    changes = [change for change, _ in done if not isinstance(change, (EnsureProperty, EnsureList))]
    held = mirror.read(conn, sorted({change.person_id for change in changes}))
    for change in changes:
        contact_id = new_ids.get(change.person_id) or str(getattr(change, "contact_id", ""))
        contact = held.get(change.person_id) or Contact(contact_id, "", {})
        held[change.person_id] = _after(contact, change)
    mirror.save(conn, held, score_ids, now)


def _after(contact: Contact, change: Change) -> Contact:
    """The contact as it stands once `change` is done."""
    match change:
        case SetProperties() | CreateContact():
            return replace(contact, properties={**contact.properties, **change.properties})
        case AddToList():
            return replace(contact, lists=contact.lists | {change.list_name})
        case RemoveFromList():
            return replace(contact, lists=contact.lists - {change.list_name})
        case EnrolInWorkflow():
            stamp = {change.trigger_property: str(change.triggered_at)}
            return replace(
                contact,
                properties={**contact.properties, **stamp},
                lists=contact.lists | {change.list_name},
            )
        case _:
            return contact
