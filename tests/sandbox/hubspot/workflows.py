"""Workflows: what starts them, and every start recorded."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ListTrigger:
    """Starts when a contact joins the list of this name."""

    list_name: str


@dataclass(frozen=True, slots=True)
class PropertyTrigger:
    """Starts when this property really changes to another, non-empty value."""

    property: str


@dataclass(frozen=True, slots=True)
class V2Trigger:
    """Starts by the v2 enrolment call alone (which starts any other workflow too)."""


Trigger = ListTrigger | PropertyTrigger | V2Trigger


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One start of one workflow for one contact, at a moment in seconds since 1970."""

    contact_id: str
    workflow_id: str
    at: float


@dataclass(slots=True)
class Workflow:
    """`re_enrolment` False lets a contact in once, by whatever trigger. `running`: who is in it now."""

    workflow_id: str
    name: str
    trigger: Trigger
    re_enrolment: bool
    enabled: bool = True
    suppresses: tuple[str, ...] = ()
    """Names of the lists whose members it keeps out."""
    entered: set[str] = field(default_factory=set)
    running: set[str] = field(default_factory=set)


class Workflows:
    """All workflows of a portal and the enrolments they had, in order of time."""

    def __init__(self) -> None:
        self.by_id: dict[str, Workflow] = {}
        self.enrolments: list[Enrolment] = []

    def on_value(self, contact_id: str, name: str, value: str, at: float) -> None:
        """A property of a contact changed."""
        if value:
            self._fire(PropertyTrigger(name), contact_id, at)

    def on_join(self, contact_id: str, list_name: str, at: float) -> None:
        """A contact joined a list."""
        self._fire(ListTrigger(list_name), contact_id, at)

    def enrol(self, workflow: Workflow, contact_id: str, at: float) -> None:
        """Start the workflow for the contact, unless it may not enter again."""
        if not workflow.enabled or (contact_id in workflow.entered and not workflow.re_enrolment):
            return
        workflow.entered.add(contact_id)
        workflow.running.add(contact_id)
        self.enrolments.append(Enrolment(contact_id, workflow.workflow_id, at))

    def _fire(self, trigger: Trigger, contact_id: str, at: float) -> None:
        for workflow in self.by_id.values():
            if workflow.trigger == trigger:
                self.enrol(workflow, contact_id, at)
