"""One lot of a plan: intents before the calls, outcomes after them; what is settled is not repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

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
from app.domain.errors import TryLater
from app.domain.records import IdentityKey
from app.pipeline.reread import reread
from app.pipeline.write_back import destination_of
from app.services import Services
from app.store import ledger, merges, mirror, people, work_list, writer
from app.store.people_locks import persons_left
from app.store.plans import StoredPlan

WRITER_WAIT = timedelta(seconds=2)
"""How long to stand back while another process writes; most plans take less."""


@dataclass(slots=True)
class Applied:
    """What came of a plan: outcomes by kind, why something was not sent, and whether it went to its end."""

    fingerprint: str
    done: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    superseded: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    finished: bool = False

    def add(self, later: Applied) -> None:
        """What came of the same plan when it was gone on with."""
        for name in ("done", "rejected", "superseded", "reasons"):
            getattr(self, name).update(getattr(later, name))
        self.finished = later.finished

    def told(self, run_id: int) -> dict[str, object]:
        """For the record of the run that did it, and for whoever asked for it."""
        counts = {name: dict(getattr(self, name)) for name in ("done", "rejected", "superseded", "reasons")}
        return {"run": run_id, "plan": self.fingerprint, **counts}


@dataclass(frozen=True, slots=True)
class Lot:
    """Changes whose intents are written down. `unsure` ones may have been made before a crash; `outcomes` are
    those known so far, `late` those of unsure changes that turn out not to have been made; `notes` by change
    key what is left alone of what is sent in part.
    """

    changes: Sequence[Change]
    unsure: Sequence[Change]
    outcomes: list[Outcome]
    late: Mapping[str, Outcome]
    notes: Mapping[str, str]

    @property
    def makes_contacts(self) -> bool:
        return any(isinstance(change, CreateContact) for change in self.changes)


@dataclass(frozen=True, slots=True)
class Sending:
    """The carrying out of one plan by the writer that holds `fence`, for one run."""

    services: Services
    stored: StoredPlan
    fence: int
    run_id: int | None
    applied: Applied

    def begin(self, part: Sequence[Change]) -> Lot:
        """Skip what is settled, commit the rest as intents. Raises TryLater where another process took
        over the writing.
        """
        services, stored, fingerprint = self.services, self.stored, self.stored.plan.fingerprint
        again = reread(services, stored, self._with_contacts(part), services.clock())
        with services.database.begin() as conn:
            if not writer.holds(conn, self.fence):
                raise TryLater("another process took over the writing to HubSpot", WRITER_WAIT)
            states = ledger.states_of(conn, fingerprint, [change.key for change in again.lot])
            begun = [change for change in again.lot if states.get(change.key, "intent") == "intent"]
            todo = _of_somebody(conn, begun)
            ids = people_of(todo)
            shown, once = mirror.score_ids(conn, ids), ledger.done_once(conn, ids)
            judged = {item.key: item for item in _not_to_be_sent(todo, stored, shown, again.outdated)}
            # What happens once may have happened before a crash: that is looked up before it is given up.
            late = {
                change.key: judged.pop(change.key)
                for change in todo
                if change.key in judged and change.key in states and not isinstance(change, SetProperties)
            }
            outcomes = list(judged.values())
            known = {*states, *(outcome.key for outcome in outcomes)}
            fresh = [item for item in todo if item.key not in known]
            outcomes += _done_elsewhere(fresh, *once, merges.gone(conn, _sent_once(fresh)))
            ledger.intend(
                conn,
                fingerprint,
                todo,
                {**stored.before, **again.before},
                stored.score_ids,
                services.clock(),
                self.run_id,
                self.fence,
            )
        # A contact is upserted by its address: repeating is safe and tells its id, which reading would not.
        unsure = [item for item in todo if item.key in states and not isinstance(item, CreateContact)]
        return Lot(todo, unsure, outcomes, late, again.notes)

    def _with_contacts(self, part: Sequence[Change]) -> list[Change]:
        """With the ids of the contacts that this plan has made so far."""
        with self.services.database.connect() as conn:
            created = ledger.created_contacts(conn, self.stored.plan.fingerprint)
        return [_with_contact(change, created) for change in part]

    def send(self, lot: Lot) -> None:
        """Find what was made before a crash, and make the rest; the lot gathers the outcomes."""
        destination = destination_of(self.services)
        settled = {outcome.key for outcome in lot.outcomes}
        unsure = [change for change in lot.unsure if change.key not in settled]
        found = destination.find_applied(unsure) if unsure else set()
        lot.outcomes.extend(Outcome(change.key, "done") for change in unsure if change.key in found)
        lot.outcomes.extend(outcome for key, outcome in lot.late.items() if key not in found)
        settled |= found | set(lot.late)
        for outcome in destination.apply(change for change in lot.changes if change.key not in settled):
            lot.outcomes.append(outcome)

    def settle(self, lot: Lot) -> None:
        """Write down what came of the lot so far."""
        now = self.services.clock()
        by_key = {change.key: change for change in lot.changes}
        done: list[tuple[Change, Outcome]] = []
        outcomes = _with_notes(lot.outcomes, lot.notes)
        for outcome in outcomes:
            change = by_key[outcome.key]
            counter: Counter[str] = getattr(self.applied, outcome.status)
            counter[type(change).__name__] += 1
            if outcome.reason:
                self.applied.reasons[outcome.reason] += 1
            if outcome.status == "done":
                done.append((change, outcome))
        with self.services.database.begin() as conn:
            ledger.settle(conn, self.stored.plan.fingerprint, outcomes, now)
            # A newer plan left out what this one had begun: the lead is looked at once more.
            skipped = [by_key[item.key] for item in outcomes if item.status == "superseded"]
            work_list.add(conn, set(people_of(skipped)) - {0}, now)
            if any(isinstance(change, EnsureProperty | EnsureList) for change, _ in done):
                work_list.add(conn, ledger.refused_people(conn), now)  # the portal holds what it lacked
            _remember(conn, done, self.stored.score_ids, now)


def _not_to_be_sent(
    todo: Sequence[Change],
    stored: StoredPlan,
    shown: Mapping[int, int],
    outdated: Mapping[str, Outcome],
) -> Iterator[Outcome]:
    """Changes of a lead whose contact could not be made, shows a newer score than the plan's by now, or was
    changed by somebody since.
    """
    for change in todo:
        person_id = getattr(change, "person_id", 0)
        if _lost(change):
            yield Outcome(change.key, "rejected", "its contact could not be created")
        elif shown.get(person_id, 0) > stored.score_ids.get(person_id, 0):
            yield Outcome(change.key, "superseded", "HubSpot shows a newer score by now")
        elif change.key in outdated:
            yield outdated[change.key]


def _with_notes(outcomes: Sequence[Outcome], notes: Mapping[str, str]) -> list[Outcome]:
    """What was done in part says what was left alone."""
    return [
        replace(item, reason=notes[item.key]) if item.status == "done" and item.key in notes else item
        for item in outcomes
    ]


def _sent_once(fresh: Sequence[Change]) -> list[int]:
    return people_of([change for change in fresh if isinstance(change, EnrolInWorkflow | CreateTask)])


def _done_elsewhere(
    fresh: Sequence[Change],
    enrolled: Collection[tuple[int, str]],
    task_keys: Collection[str],
    gone: Collection[int],
) -> Iterator[Outcome]:
    """What happens once per lead and another plan has done, or begun, since this one was made; or whose lead
    was merged since into one who may have had it.
    """
    for change in fresh:
        match change:
            case EnrolInWorkflow() | CreateTask() if change.person_id in gone:
                yield Outcome(change.key, "superseded", "its lead was merged into another one")
            case EnrolInWorkflow() if (change.person_id, change.workflow) in enrolled:
                yield Outcome(change.key, "superseded", "another plan enrolled this lead")
            case CreateTask() if change.key in task_keys:
                yield Outcome(change.key, "superseded", "another plan made this task")
            case _:
                pass


def _of_somebody(conn: sa.Connection, changes: Sequence[Change]) -> list[Change]:
    """Without those of people who were erased since the plan was made: nothing is written down of them."""
    left = {0, *persons_left(conn, people_of(changes))}
    return [change for change in changes if getattr(change, "person_id", 0) in left]


def people_of(changes: Sequence[Change]) -> list[int]:
    return sorted({getattr(change, "person_id", 0) for change in changes})


def _lost(change: Change) -> bool:
    return not isinstance(change, CreateContact) and getattr(change, "contact_id", None) == ""


def _with_contact(change: Change, created: Mapping[int, str]) -> Change:
    """A change planned before its contact existed, now with the contact's id."""
    match change:
        case SetProperties() | AddToList() | RemoveFromList() | EnrolInWorkflow() | CreateTask():
            contact_id = change.contact_id or created.get(change.person_id) or ""
            return change if contact_id == change.contact_id else replace(change, contact_id=contact_id)
        case _:
            return change


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
    outcomes = {change.key: outcome for change, outcome in done}
    held = mirror.hold(conn, sorted({change.person_id for change in changes}))
    for change in changes:
        contact_id = new_ids.get(change.person_id) or str(getattr(change, "contact_id", ""))
        contact = held.get(change.person_id) or Contact(contact_id, "", {})
        held[change.person_id] = _stamped(_after(contact, change), change, outcomes[change.key])
    mirror.save(conn, held, score_ids, now)


def _stamped(contact: Contact, change: Change, outcome: Outcome) -> Contact:
    """As new as HubSpot says it is; a contact we were not sure of stays so."""
    if contact.modified_at is None or not isinstance(change, SetProperties | EnrolInWorkflow):
        return contact
    return replace(contact, modified_at=outcome.modified_at)


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
