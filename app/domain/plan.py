"""The plan: what to write, from what should be and what is, and the brake that stops a dangerous one."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

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
)
from app.domain.desired import Desired, HubSpotMapping, milliseconds, worth_writing
from app.domain.values import same_value


@dataclass(frozen=True, slots=True)
class Limits:
    """The brake: counts are per plan, shares are of all leads HubSpot shows a score of ours for."""

    max_new_contacts: int
    max_list_joins: int
    max_enrolments: int
    max_tasks: int
    max_band_moves: float
    max_clears: float
    max_mean_score_move: float
    minimum_population: int


@dataclass(frozen=True, slots=True)
class Past:
    """What was already done once and must not be done again, how many plans were ever released, and the
    population: the leads HubSpot shows a score of ours for.
    """

    enrolled: frozenset[tuple[int, str]]
    task_keys: frozenset[str]
    released_plans: int
    population: int


def make_plan(
    desired: Sequence[Desired],
    current: Mapping[str, Contact],
    past: Past,
    mapping: HubSpotMapping,
    limits: Limits,
    now: datetime,
    *,
    setup: Sequence[SetupChange] = (),
    create_contacts: bool = True,
) -> Plan:
    """Every change that brings HubSpot from `current` (by contact id) to `desired`, in canonical order.

    `setup` is what the portal itself still lacks. A lead whose contact is gone from HubSpot gets nothing;
    a lead HubSpot never knew is created, if it has an e-mail and `create_contacts` allows. The answer does
    not depend on the order of `desired`.
    """
    changes: list[Change] = list(setup)
    for item in desired:
        held = current.get(item.lead.contact_id)
        if held is None and not (create_contacts and _worth_creating(item)):
            continue
        changes += _lead_changes(item, held, past, mapping, now)
    ordered = tuple(sorted(changes, key=canonical_place))
    return Plan(
        changes=ordered,
        fingerprint=fingerprint(ordered, past.released_plans),
        unsafe=tuple(_unsafe(ordered, desired, current, past, mapping, limits)),
        counts=dict(Counter(type(change).__name__ for change in ordered)),
    )


def _worth_creating(item: Desired) -> bool:
    """A lead HubSpot never knew, with an address, who registered: a host or a panelist never did."""
    registered = any(activity.kind == "webinar_registration" for activity in item.lead.activities)
    return registered and not item.lead.contact_id and bool(item.lead.email)


def canonical_place(change: Change) -> tuple[int, str]:
    """Where a change stands in a plan: by kind, then by key. "group:" sorts before "property:"."""
    return CANONICAL_ORDER.index(type(change)), change.key


def _lead_changes(
    item: Desired, held: Contact | None, past: Past, mapping: HubSpotMapping, now: datetime
) -> Iterator[Change]:
    yield from _property_changes(item, held, mapping)
    yield from _list_changes(item, held, mapping)
    yield from _once_changes(item, past, now)


def _property_changes(item: Desired, held: Contact | None, mapping: HubSpotMapping) -> Iterator[Change]:
    lead = item.lead
    if held is None:
        properties = {**lead.details, **item.properties}
        yield CreateContact(f"create:{lead.person_id}", lead.person_id, lead.email, properties)
    elif worth_writing(mapping, item.properties, held.properties):
        different = {
            name: value
            for name, value in item.properties.items()
            if not same_value(value, held.properties.get(name, CLEAR))
        }
        yield SetProperties(f"set:{lead.person_id}", lead.person_id, lead.contact_id, different)


def _list_changes(item: Desired, held: Contact | None, mapping: HubSpotMapping) -> Iterator[Change]:
    """Band lists only: the lists that start workflows are joined by enrolment and never left."""
    lead = item.lead
    on = held.lists if held else frozenset()
    for name in sorted({entry.name for entry in mapping.lists}):
        key = f"{lead.person_id}:{name}"
        if name in item.lists and name not in on:
            yield AddToList(f"join:{key}", lead.person_id, lead.contact_id, name)
        elif name in on and name not in item.lists:
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


def fingerprint(changes: Iterable[Change], released_plans: int) -> str:
    """Twelve characters that stand for exactly these changes, made after so many released plans.

    Fields that only say "now" are left out: the same plan shown twice has one fingerprint.
    """
    rows = [
        [type(change).__name__, {k: v for k, v in asdict(change).items() if k not in _MOVES_WITH_THE_CLOCK}]
        for change in changes
    ]
    text = json.dumps([released_plans, rows], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _unsafe(
    changes: Sequence[Change],
    desired: Sequence[Desired],
    current: Mapping[str, Contact],
    past: Past,
    mapping: HubSpotMapping,
    limits: Limits,
) -> Iterator[str]:
    """Each limit the plan passes, in words for the operator."""
    if not past.released_plans and changes:
        yield "the first plan always waits for a person"
    counts = Counter(type(change) for change in changes)
    for kind, limit, setting in (
        (CreateContact, limits.max_new_contacts, "max_new_contacts"),
        (AddToList, limits.max_list_joins, "max_list_joins"),
        (EnrolInWorkflow, limits.max_enrolments, "max_enrolments"),
        (CreateTask, limits.max_tasks, "max_tasks"),
    ):
        if counts[kind] > limit:
            yield f"{counts[kind]} {kind.__name__}, {setting} is {limit}"
    if past.population >= limits.minimum_population:
        yield from _unsafe_shares(changes, desired, current, past.population, mapping, limits)


def _unsafe_shares(
    changes: Sequence[Change],
    desired: Sequence[Desired],
    current: Mapping[str, Contact],
    population: int,
    mapping: HubSpotMapping,
    limits: Limits,
) -> Iterator[str]:
    band_lists = {entry.name for entry in mapping.lists}
    moves = sum(isinstance(change, RemoveFromList) and change.list_name in band_lists for change in changes)
    if moves / population > limits.max_band_moves:
        yield f"{moves} of {population} leads change band, max_band_moves is {limits.max_band_moves:.0%}"
    clears = sum(
        isinstance(change, SetProperties) and CLEAR in change.properties.values() for change in changes
    )
    if clears / population > limits.max_clears:
        yield f"{clears} of {population} leads lose a value, max_clears is {limits.max_clears:.0%}"
    move = _score_moves(desired, current, mapping) / population
    if abs(move) > limits.max_mean_score_move:
        yield f"the mean score moves by {move:+.1f}, max_mean_score_move is {limits.max_mean_score_move:g}"


def _score_moves(
    desired: Sequence[Desired], current: Mapping[str, Contact], mapping: HubSpotMapping
) -> float:
    """Sum of new minus held score over the leads whose contact already shows one."""
    name = next((item.name for item in mapping.properties if item.value == "score"), "")
    return sum(
        item.lead.score.value - float(held)
        for item in desired
        if item.lead.contact_id in current
        and (held := current[item.lead.contact_id].properties.get(name, CLEAR)) != CLEAR
    )


def owned_names(mapping: HubSpotMapping) -> tuple[str, ...]:
    """The HubSpot properties a plan must know the current value of."""
    triggers = (workflow.trigger_property for workflow in mapping.workflows)
    return (*(item.name for item in mapping.properties), *triggers)
