"""Everything of ours in a HubSpot portal: the shape of mappings/hubspot.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from app.domain.records import Band


@dataclass(frozen=True, slots=True)
class PropertyGroup:
    """The one group that holds every property of ours."""

    name: str
    label_es: str
    label_en: str


@dataclass(frozen=True, slots=True)
class OwnedProperty:
    """One HubSpot property of ours.

    `value` names the lead value it shows. `write` says when a difference is worth a call: "changed" always,
    "step" when the number moved by `step`, "rides" never by itself: it goes along with the others.
    `human_edit` says what becomes of a value that a person or another tool put there after us: "wins" leaves
    it until they empty the property, "overwrite" writes ours again.
    """

    name: str
    value: str
    label_es: str
    label_en: str
    type: Literal["string", "number", "enumeration", "datetime", "bool"]
    field_type: Literal["text", "textarea", "number", "select", "date", "booleancheckbox"]
    write: Literal["changed", "step", "rides"]
    step: float = 0.0
    human_edit: Literal["wins", "overwrite"] = "wins"
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer a person may pick."""

    value: str
    es: str
    en: str


@dataclass(frozen=True, slots=True)
class AskedProperty:
    """A HubSpot property we make and people fill in: we read it back and never write it."""

    name: str
    label_es: str
    label_en: str
    options: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class BandList:
    """The static list that holds the leads of one band."""

    band: Band
    name: str


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow the marketer built, and how a lead is put into it: once, when first in `band`."""

    key: str
    band: Band
    list_name: str
    trigger_property: str
    label_es: str
    label_en: str
    v2_workflow_id: str = ""


@dataclass(frozen=True, slots=True)
class TaskRule:
    """A task for sales, once per lead, when first in `band`. Texts may hold {score} and {reasons}."""

    key: str
    band: Band
    subject: str
    body: str
    due_hours: float
    priority: Literal["HIGH", "MEDIUM", "LOW", "NONE"] = "HIGH"
    task_type: Literal["TODO", "CALL", "EMAIL"] = "CALL"


@dataclass(frozen=True, slots=True)
class Mailability:
    """The properties of HubSpot's own that say whether it mails a contact: read, never written.

    `list_name` is the list of leads who lack nothing but the marketing status, for the marketer to decide.
    """

    marketable: str
    opted_out: str
    bounced: str
    list_name: str


@dataclass(frozen=True, slots=True)
class PauseProperty:
    """The property by which a person takes one contact out of Savia's hands: defined by us, set by them."""

    name: str
    label_es: str
    label_en: str


@dataclass(frozen=True, slots=True)
class WhyText:
    """Why a lead did or did not get an enrolment or task, in both languages. May hold {what}."""

    es: str
    en: str


@dataclass(frozen=True, slots=True)
class HubSpotMapping:
    """Everything of ours in a portal: `hubspot.toml` as read. `prefix` begins every property's name; `why` is
    the wording of each answer of the gate.
    """

    prefix: str
    group: PropertyGroup
    properties: tuple[OwnedProperty, ...]
    asked: tuple[AskedProperty, ...]
    lists: tuple[BandList, ...]
    workflows: tuple[Workflow, ...]
    tasks: tuple[TaskRule, ...]
    mailability: Mailability
    pause: PauseProperty
    why: Mapping[str, WhyText]


def our_lists(mapping: HubSpotMapping) -> tuple[str, ...]:
    """The names of every list of ours: of bands, of workflows, and of who needs the marketing status."""
    return (*managed_lists(mapping), *(item.list_name for item in mapping.workflows))


def managed_lists(mapping: HubSpotMapping) -> tuple[str, ...]:
    """The lists that leads join and leave as they change; those that start workflows are only ever joined."""
    return (*(item.name for item in mapping.lists), mapping.mailability.list_name)


def owned_names(mapping: HubSpotMapping) -> tuple[str, ...]:
    """The HubSpot properties of ours that a plan must know the current value of."""
    triggers = (workflow.trigger_property for workflow in mapping.workflows)
    return (*(item.name for item in mapping.properties), *triggers)


def asked_names(mapping: HubSpotMapping) -> tuple[str, ...]:
    """What a plan reads of a contact: ours, and what the gate decides by."""
    mail = mapping.mailability
    return (*owned_names(mapping), mapping.pause.name, mail.marketable, mail.opted_out, mail.bounced)
