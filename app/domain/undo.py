"""The way back from what a run wrote: before-images again, where HubSpot still holds what the run left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.domain.changes import (
    CLEAR,
    AddToList,
    Change,
    Contact,
    CreateContact,
    CreateTask,
    EnrolInWorkflow,
    EnsureList,
    EnsureProperty,
    RemoveFromList,
    SetProperties,
    Unenrol,
    WithdrawTask,
)
from app.domain.portal import HubSpotMapping
from app.domain.values import same_value


@dataclass(frozen=True, slots=True)
class Written:
    """One change that a run made, with what HubSpot held before it and the contact it went to."""

    change: Change
    before: Mapping[str, Any]
    person_id: int
    contact_id: str


@dataclass(frozen=True, slots=True)
class WayBack:
    """The changes that restore, and by words for the operator how often something cannot be taken back."""

    changes: tuple[Change, ...]
    remains: Mapping[str, int]


@dataclass(slots=True)
class _Trail:
    """What one run did to one contact: by name, what stood there first and what the run left in the end."""

    person_id: int
    properties: dict[str, tuple[str, str]] = field(default_factory=dict)
    lists: dict[str, tuple[bool, bool]] = field(default_factory=dict)

    def set(self, name: str, before: str, after: str) -> None:
        first, _ = self.properties.get(name, (before, after))
        self.properties[name] = first, after

    def move(self, name: str, before: bool, after: bool) -> None:
        first, _ = self.lists.get(name, (before, after))
        self.lists[name] = first, after


def find_way_back(
    written: Sequence[Written],
    current: Mapping[str, Contact],
    mapping: HubSpotMapping,
    stopped: Collection[str] = (),
) -> WayBack:
    """What brings the contacts in `current` (by id) back to where they stood before `written`, oldest first.

    A value or membership that has changed since is left alone. Nothing here starts mail: a contact is put
    back on no list that starts a workflow, and a trigger property is only ever emptied. Tasks that nobody has
    begun are withdrawn, and enrolments made by the v2 call are ended by it, once: `stopped` holds the keys of
    such changes that were made before.
    """
    remains = Counter(words for item in written for words in _beyond_undo(item))
    starters = {workflow.list_name for workflow in mapping.workflows}
    triggers = {workflow.trigger_property for workflow in mapping.workflows}
    changes: list[Change] = [
        stop
        for item in written
        if item.contact_id in current
        for stop in _stops(item)
        if stop.key not in stopped
    ]
    for contact_id, trail in _trails(written, mapping.prefix).items():
        held = current.get(contact_id)
        if held is None:
            remains["contacts are gone from HubSpot, or were merged into others"] += 1
            continue
        changes += _restored(contact_id, trail, held, triggers, remains)
        changes += _rejoined(contact_id, trail, held, starters, remains)
    return WayBack(tuple(changes), dict(remains))


def _beyond_undo(item: Written) -> Iterator[str]:
    match item.change:
        case EnrolInWorkflow(v2_workflow_id=""):
            yield (
                "enrolments started mail that cannot be called back: unenrol them in the workflow itself; "
                "nobody is enrolled a second time"
            )
        case EnrolInWorkflow():
            yield "enrolments are ended, never made again, but mail that went out before stays sent"
        case CreateTask():
            yield "tasks are withdrawn if nobody began them, and never made again, not by mended rules either"
        case CreateContact() if not item.contact_id:
            yield "contacts may have been created without an answer: go on with the plan, then undo that run"
        case CreateContact():
            yield "contacts that were created stay, emptied of Savia's properties"
        case EnsureProperty() | EnsureList():
            yield "properties and lists that were defined stay"
        case _:
            pass


def _stops(item: Written) -> Iterator[Unenrol | WithdrawTask]:
    """What can still be stopped of something that cannot be taken back."""
    match item.change:
        case EnrolInWorkflow(key=key, v2_workflow_id=workflow_id) if workflow_id:
            change = item.change
            yield Unenrol(
                f"un{key}", item.person_id, item.contact_id, change.email, change.workflow, workflow_id
            )
        case CreateTask(key=key, subject=subject):
            yield WithdrawTask(f"withdraw:{key}", item.person_id, item.contact_id, key, subject)
        case _:
            pass


def _trails(written: Sequence[Written], prefix: str) -> dict[str, _Trail]:
    trails: dict[str, _Trail] = {}
    for item in written:
        if item.contact_id:
            trail = trails.setdefault(item.contact_id, _Trail(item.person_id))
            _follow(trail, item.change, item.before, prefix)
    return trails


def _follow(trail: _Trail, change: Change, before: Mapping[str, Any], prefix: str) -> None:
    match change:
        case SetProperties() | CreateContact():
            for name, value in change.properties.items():
                if name.startswith(prefix):  # the name of a contact that was created stays
                    trail.set(name, str(before.get(name, CLEAR)), value)
        case AddToList():
            trail.move(change.list_name, bool(before.get("member", False)), after=True)
        case RemoveFromList():
            trail.move(change.list_name, bool(before.get("member", True)), after=False)
        case EnrolInWorkflow():
            trail.move(change.list_name, bool(before.get("member", False)), after=True)
            stamp = str(before.get(change.trigger_property, CLEAR))
            trail.set(change.trigger_property, stamp, str(change.triggered_at))
        case _:
            pass


def _restored(
    contact_id: str, trail: _Trail, held: Contact, triggers: set[str], remains: Counter[str]
) -> Iterator[SetProperties]:
    back: dict[str, str] = {}
    for name, (before, after) in trail.properties.items():
        now = held.properties.get(name, CLEAR)
        if same_value(now, before):
            continue
        if not same_value(now, after):
            remains["values were changed since and are left alone"] += 1
        elif name in triggers and before != CLEAR:
            remains["trigger properties keep the newer moment: writing the older one would start mail"] += 1
        else:
            back[name] = before
    if back:
        yield SetProperties(f"undo:{contact_id}", trail.person_id, contact_id, back)


def _rejoined(
    contact_id: str, trail: _Trail, held: Contact, starters: set[str], remains: Counter[str]
) -> Iterator[AddToList | RemoveFromList]:
    for name, (before, after) in sorted(trail.lists.items()):
        is_on = name in held.lists
        if is_on == before or is_on != after:
            continue
        if not before:
            yield RemoveFromList(f"leave:{contact_id}:{name}", trail.person_id, contact_id, name)
        elif name in starters:
            remains["lists that start a workflow are not joined again: it would start mail"] += 1
        else:
            yield AddToList(f"join:{contact_id}:{name}", trail.person_id, contact_id, name)
