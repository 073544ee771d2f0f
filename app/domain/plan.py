"""The plan: what to write, from what should be, what is, what went before and whom the gate lets through."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from app.domain.brake import Limits, passed_limits, uses_of
from app.domain.changes import (
    CANONICAL_ORDER,
    CLEAR,
    AddToList,
    Change,
    Contact,
    CreateContact,
    CreateTask,
    EnrolInWorkflow,
    Plan,
    RemoveFromList,
    SetProperties,
    SetupChange,
    Withheld,
)
from app.domain.desired import Desired, milliseconds, worth_writing
from app.domain.edits import NOTHING, find_edits
from app.domain.gate import Gate, Once, Verdict, gate_values, judge, lists_of
from app.domain.past import Past
from app.domain.people import is_role_mailbox
from app.domain.portal import HubSpotMapping, managed_lists
from app.domain.records import IdentityKey
from app.domain.values import same_value


def make_plan(
    desired: Sequence[Desired],
    current: Mapping[str, Contact],
    past: Past,
    mapping: HubSpotMapping,
    limits: Limits,
    now: datetime,
    *,
    gate: Gate,
    setup: Sequence[SetupChange] = (),
    create_contacts: bool = True,
) -> Plan:
    """Every change that brings HubSpot from `current` (by contact id) to `desired`, in canonical order.

    `setup` is what the portal itself still lacks. A lead whose contact is gone from HubSpot gets nothing;
    a lead HubSpot never knew is created, if it has an e-mail and `create_contacts` allows. What the gate or a
    person's edit keeps back is named in `withheld`. The answer does not depend on the order of `desired`.
    """
    changes: list[Change] = list(setup)
    withheld: list[Withheld] = []
    for item in desired:
        held = current.get(item.lead.contact_id)
        if has_contact(item, held, create_contacts=create_contacts):
            made, kept_back = _lead_plan(item, held, past, mapping, gate, now)
            changes += made
            withheld += kept_back
    ordered = tuple(sorted(changes, key=canonical_place))
    plan = Plan(
        changes=ordered,
        fingerprint=fingerprint(ordered, past.released_plans, stamps_of(mapping)),
        counts=dict(Counter(type(change).__name__ for change in ordered)),
        withheld=tuple(sorted(withheld)),
    )
    return braked(plan, current, past, mapping, limits)


def braked(
    plan: Plan, current: Mapping[str, Contact], past: Past, mapping: HubSpotMapping, limits: Limits
) -> Plan:
    """The plan with what it takes of the day's limits, and with every limit it passes."""
    uses = uses_of(plan.changes, current, past, mapping, limits)
    return replace(plan, uses=uses, unsafe=tuple(passed_limits(plan.changes, uses, past, limits)))


def _lead_plan(
    item: Desired, held: Contact | None, past: Past, mapping: HubSpotMapping, gate: Gate, now: datetime
) -> tuple[list[Change], list[Withheld]]:
    """One lead's changes, and what is kept back from it."""
    person_id, due = item.lead.person_id, due_once(item, past)
    verdict = judge(person_id, held, gate, mapping)
    withheld = [Withheld(person_id, key, verdict) for key in due if verdict != "act"]
    if verdict == "not_pilot":
        return [], withheld
    once = Once(due, past.withdrawn.get(person_id, frozenset()))
    shown = replace(item, properties={**item.properties, **gate_values(item, verdict, once, gate, mapping)})
    memory = past.memories.get(person_id, NOTHING)
    edits = find_edits(shown.properties, held, memory, mapping) if held else {}
    withheld += [Withheld(person_id, name, "human_edit", value) for name, value in edits.items()]
    changes = [
        *_property_changes(shown, held, edits, mapping),
        *_list_changes(item, held, verdict, mapping),
        *(_once_changes(item, past, now) if verdict == "act" else ()),
    ]
    return changes, withheld


def has_contact(item: Desired, held: Contact | None, *, create_contacts: bool) -> bool:
    """Is there a contact to write to, or is one made of this lead?"""
    return held is not None or (create_contacts and _worth_creating(item))


def _worth_creating(item: Desired) -> bool:
    """A lead HubSpot never knew, with an address of their own, who registered: a host or a panelist never
    did, and behind a role mailbox (ventas@) may stand several people.
    """
    lead = item.lead
    registered = any(activity.kind == "webinar_registration" for activity in lead.activities)
    own_address = bool(lead.email) and not is_role_mailbox(IdentityKey("any", "email", lead.email))
    return registered and own_address and not lead.contact_id


_PLACES = {kind: place for place, kind in enumerate(CANONICAL_ORDER)}


def canonical_place(change: Change) -> tuple[int, str]:
    """Where a change stands in a plan: by kind, then by key. "group:" sorts before "property:"."""
    return _PLACES[type(change)], change.key


def due_once(item: Desired, past: Past) -> frozenset[str]:
    """The workflows and tasks, by key, that the lead should have and never had."""
    workflows = {flow.key for flow in item.workflows if (item.lead.person_id, flow.key) not in past.enrolled}
    return frozenset(workflows | {task.rule.key for task in item.tasks if task.key not in past.task_keys})


def _property_changes(
    item: Desired, held: Contact | None, edits: Mapping[str, str], mapping: HubSpotMapping
) -> Iterator[Change]:
    lead = item.lead
    wanted = {name: value for name, value in item.properties.items() if name not in edits}
    if held is None:
        yield CreateContact(
            f"create:{lead.person_id}", lead.person_id, lead.email, {**lead.details, **wanted}
        )
    elif worth_writing(mapping, wanted, held.properties):
        different = {
            name: value
            for name, value in wanted.items()
            if not same_value(value, held.properties.get(name, CLEAR))
        }
        yield SetProperties(f"set:{lead.person_id}", lead.person_id, lead.contact_id, different)


def _list_changes(
    item: Desired, held: Contact | None, verdict: Verdict, mapping: HubSpotMapping
) -> Iterator[Change]:
    """The lists that start workflows are joined by enrolment and never left."""
    lead, wanted = item.lead, lists_of(item, verdict, mapping)
    if wanted is None:
        return
    on = held.lists if held else frozenset()
    for name in sorted(managed_lists(mapping)):
        key = f"{lead.person_id}:{name}"
        if name in wanted and name not in on:
            yield AddToList(f"join:{key}", lead.person_id, lead.contact_id, name)
        elif name in on and name not in wanted:
            yield RemoveFromList(f"leave:{key}", lead.person_id, lead.contact_id, name)


def _once_changes(item: Desired, past: Past, now: datetime) -> Iterator[Change]:
    lead = item.lead
    for workflow in item.workflows:
        if (lead.person_id, workflow.key) not in past.enrolled:
            yield EnrolInWorkflow(
                key=f"enrol:{workflow.key}:{lead.person_id}",
                person_id=lead.person_id,
                contact_id=lead.contact_id,
                email=lead.email,
                workflow=workflow.key,
                list_name=workflow.list_name,
                trigger_property=workflow.trigger_property,
                triggered_at=int(milliseconds(now)),
                v2_workflow_id=workflow.v2_workflow_id,
            )
    for task in item.tasks:
        if task.key not in past.task_keys:
            yield CreateTask(
                key=task.key,
                person_id=lead.person_id,
                contact_id=lead.contact_id,
                subject=task.subject,
                body=task.body,
                due_at=task.due_at,
                priority=task.rule.priority,
                task_type=task.rule.task_type,
                owner_id=lead.owner_id,
            )


_MOVES_WITH_THE_CLOCK = frozenset({"triggered_at", "due_at"})


_STAMPS = frozenset({"scored_at", "data_through", "sources_through"})


def stamps_of(mapping: HubSpotMapping) -> frozenset[str]:
    """The properties that only say when: each sync moves them, and no plan is made for them alone."""
    return frozenset(item.name for item in mapping.properties if item.value in _STAMPS)


def _lasting(change: Change, stamps: frozenset[str]) -> dict[str, object]:
    """Written out: `asdict` copies every value, which takes a quarter of a plan's time."""
    fields = {name: getattr(change, name) for name in change.__slots__ if name not in _MOVES_WITH_THE_CLOCK}
    if isinstance(change, SetProperties | CreateContact):
        fields["properties"] = sorted(item for item in change.properties.items() if item[0] not in stamps)
    return fields


def fingerprint(changes: Iterable[Change], released_plans: int, stamps: frozenset[str] = frozenset()) -> str:
    """Twelve characters that stand for exactly these changes, made after so many released plans.

    Fields and properties (`stamps`) that only say "now" are left out: the same plan shown twice, and after a
    sync that brought nothing new, has one fingerprint.
    """
    rows = [(type(change).__name__, _lasting(change, stamps)) for change in changes]
    return hashlib.sha256(repr((released_plans, rows)).encode()).hexdigest()[:12]
