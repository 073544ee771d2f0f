"""What may be written to HubSpot, what came of it, and the plan that holds it. Nothing deletes a contact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

CLEAR = ""
"""An explicit "empty this property", HubSpot's meaning of an empty string. Unknown is left out instead."""

PropertyValues = Mapping[str, str]
"""HubSpot property name -> encoded value. Values are always text on the wire."""


@dataclass(frozen=True, slots=True)
class EnsureProperty:
    """The property (or its group) must exist with this definition. `name` is HubSpot's internal name."""

    key: str
    name: str
    definition: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class EnsureList:
    """The static list of contacts must exist under this name."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class CreateContact:
    """A lead HubSpot does not know: upserted by e-mail, so that a repeat makes no second one."""

    key: str
    person_id: int
    email: str
    properties: PropertyValues


@dataclass(frozen=True, slots=True)
class SetProperties:
    """Set these properties of one contact; every other property is left alone."""

    key: str
    person_id: int
    contact_id: str
    properties: PropertyValues


@dataclass(frozen=True, slots=True)
class AddToList:
    """Put one contact on one static list, named as in mappings."""

    key: str
    person_id: int
    contact_id: str
    list_name: str


@dataclass(frozen=True, slots=True)
class RemoveFromList:
    """Take one contact off one static list of ours."""

    key: str
    person_id: int
    contact_id: str
    list_name: str


@dataclass(frozen=True, slots=True)
class EnrolInWorkflow:
    """Start one workflow for one contact: join `list_name`, set `trigger_property` to `triggered_at`
    (milliseconds since 1970, UTC) and, where `v2_workflow_id` is given, call the v2 enrolment.
    """

    key: str
    person_id: int
    contact_id: str
    email: str
    workflow: str
    list_name: str
    trigger_property: str
    triggered_at: int
    v2_workflow_id: str = ""


@dataclass(frozen=True, slots=True)
class CreateTask:
    """A task for a person in sales. `key` is our natural key; it is written into the body as a marker so
    that a repeat is found by reading. `due_at` is UTC.
    """

    key: str
    person_id: int
    contact_id: str
    subject: str
    body: str
    due_at: datetime
    priority: Literal["HIGH", "MEDIUM", "LOW", "NONE"] = "HIGH"
    task_type: Literal["TODO", "CALL", "EMAIL"] = "CALL"
    owner_id: str = ""


@dataclass(frozen=True, slots=True)
class Unenrol:
    """End a contact's run through a workflow, by the v2 call. What was mailed before stays mailed."""

    key: str
    person_id: int
    contact_id: str
    email: str
    workflow: str
    v2_workflow_id: str


@dataclass(frozen=True, slots=True)
class WithdrawTask:
    """Archive the task that was made under `task_key`, if it stands as we made it: open, its subject ours."""

    key: str
    person_id: int
    contact_id: str
    task_key: str
    subject: str


SetupChange = EnsureProperty | EnsureList
LeadChange = (
    Unenrol
    | WithdrawTask
    | CreateContact
    | SetProperties
    | RemoveFromList
    | AddToList
    | EnrolInWorkflow
    | CreateTask
)
Change = SetupChange | LeadChange

CANONICAL_ORDER: tuple[type, ...] = (
    EnsureProperty,
    EnsureList,
    Unenrol,
    WithdrawTask,
    CreateContact,
    SetProperties,
    RemoveFromList,
    AddToList,
    EnrolInWorkflow,
    CreateTask,
)
"""Plans are sorted by this, then by key: contacts, properties, leave list, join list, enrol, task. What an
undo stops (mail that is still to come, a task nobody has begun) it stops first.
"""


FOR_THE_MOMENT = "for the moment"
"""How the reason begins where HubSpot refused what it may take another time: the lead is tried again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one change, judged per item (a 207 is not a success).

    "rejected" is final until a person acts; `reason` is HubSpot's category and our line, never a body.
    "superseded" was not sent, since something newer than the plan stands in its way: a newer score, another
    plan's task, a person's edit; `reason` says which. `contact_id` is filled for a created contact,
    `modified_at` where HubSpot says when it last changed the contact.
    """

    key: str
    status: Literal["done", "rejected", "superseded"]
    reason: str = ""
    contact_id: str = ""
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """HubSpot's record as read just now. `properties` holds only those asked for; `lists` the names of *our*
    lists the contact is on, and of the pilot list. `modified_at` is HubSpot's own stamp of that state, None
    where it is not known.
    """

    contact_id: str
    email: str
    properties: Mapping[str, str]
    lists: frozenset[str] = frozenset()
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True, order=True)
class Withheld:
    """Something a lead should have and does not get: a property, workflow or task by name, and why.

    `reason` is a verdict of the gate, or "human_edit" with the `value` that stands there instead.
    """

    person_id: int
    subject: str
    reason: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Use:
    """What a plan takes of one limit of the day: `amount`, of the `most` that a day may let through while
    nobody looks; None where nothing is judged. `words` say what the amount is, `setting` where the limit
    stands.
    """

    amount: float
    most: float | None
    words: str
    setting: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one apply would do, in canonical order, with the limits it passes.

    `fingerprint` covers the changes alone: the same changes have the same one. `unsafe` lists the limits
    that were passed, empty when unattended apply is allowed. `counts` is changes by kind, `withheld` what is
    kept back from leads, `uses` what it takes of the day's limits, by name.
    """

    changes: tuple[Change, ...]
    fingerprint: str
    unsafe: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    withheld: tuple[Withheld, ...] = ()
    uses: Mapping[str, Use] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a check found, and what a person does about it. `severity` "error" stops writes."""

    severity: Literal["error", "warning"]
    subject: str
    message: str
