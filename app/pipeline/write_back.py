"""Scores become a plan, from what HubSpot holds now; what needs no write leaves the work list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.domain.changes import (
    AddToList,
    Change,
    Contact,
    EnrolInWorkflow,
    Plan,
    RemoveFromList,
    SetProperties,
    SetupChange,
)
from app.domain.desired import Desired, make_desired, wanted_schema, worth_writing
from app.domain.errors import BadConfig, Fault
from app.domain.plan import Limits, Past, make_plan, owned_names
from app.domain.ports import Destination
from app.pipeline.leads import load_leads
from app.services import Services
from app.store import ledger, mirror, plans
from app.store.ledger import Before
from app.store.mirror import Waiting

LARGEST_PLAN = 20_000
"""Leads considered in one plan: what a person can look at, and well under a minute of reading HubSpot."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A plan as shown: its changes, and how many leads were looked at."""

    plan: Plan
    leads: int
    more: bool


def show_plan(
    services: Services,
    now: datetime,
    *,
    with_setup: bool = False,
    hot_only: bool = False,
    run_id: int | None = None,
) -> Shown:
    """Make and keep the plan for the leads that wait, or only for those a webhook spoke of. Writes nothing
    to HubSpot.

    `with_setup` also looks for properties and lists that the portal lacks, which costs a few calls. Raises
    BadConfig when the portal cannot hold what we write.
    """
    destination = destination_of(services)
    mapping = services.mappings.hubspot
    setup = _missing_setup(services, destination) if with_setup else []
    with services.database.begin() as conn:
        waiting = mirror.waiting(conn, LARGEST_PLAN, hot_only=hot_only)
        desired, past = _desired(services, conn, [row.person_id for row in waiting], now)
        held = mirror.read(conn, [item.lead.person_id for item in desired])
    candidates = [
        item for item in desired if _may_need_write(item, held.get(item.lead.person_id), past, services)
    ]
    contact_ids = sorted({item.lead.contact_id for item in candidates if item.lead.contact_id})
    current = destination.read(contact_ids, owned_names(mapping))
    plan = make_plan(
        candidates,
        current,
        past,
        mapping,
        limits_of(services),
        now,
        setup=setup,
        create_contacts=services.settings.hubspot.create_contacts,
    )
    with services.database.begin() as conn:
        _keep(conn, plan, candidates, current, now, run_id)
        _drop_quiet(conn, plan, waiting, candidates, current, now)
    return Shown(plan, len(desired), more=len(waiting) == LARGEST_PLAN)


def _missing_setup(services: Services, destination: Destination) -> list[SetupChange]:
    problems, missing = destination.check(
        wanted_schema(services.mappings.hubspot, services.settings.language)
    )
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise BadConfig([Fault("HubSpot", problem.subject, problem.message) for problem in errors])
    return missing


def destination_of(services: Services) -> Destination:
    """Where to write. Raises BadConfig while HubSpot has no token."""
    if services.destination is None:
        raise BadConfig([Fault("environment", "HUBSPOT_ACCESS_TOKEN", "set it: there is nowhere to write")])
    return services.destination


def limits_of(services: Services) -> Limits:
    """The brake as configured."""
    values = services.settings.write_back.model_dump()
    return Limits(**{name: values[name] for name in Limits.__slots__})


def _desired(
    services: Services, conn: sa.Connection, person_ids: Sequence[int], now: datetime
) -> tuple[list[Desired], Past]:
    leads = load_leads(services, conn, person_ids)
    enrolled, task_keys = ledger.done_once(conn, person_ids)
    past = Past(
        frozenset(enrolled),
        frozenset(task_keys),
        released_plans=plans.count_released(conn),
        population=mirror.count(conn),
    )
    return [make_desired(lead, services.mappings.hubspot, now) for lead in leads], past


def _may_need_write(item: Desired, held: Contact | None, past: Past, services: Services) -> bool:
    """By our own memory of HubSpot, without asking it: could this lead need a write?"""
    if held is None or held.contact_id != item.lead.contact_id:
        return True
    mapping = services.mappings.hubspot
    band_lists = {entry.name for entry in mapping.lists}
    return (
        worth_writing(mapping, item.properties, held.properties)
        or item.lists != held.lists & band_lists
        or any((item.lead.person_id, workflow.key) not in past.enrolled for workflow in item.workflows)
        or any(task.key not in past.task_keys for task in item.tasks)
    )


def _keep(
    conn: sa.Connection,
    plan: Plan,
    candidates: Sequence[Desired],
    current: Mapping[str, Contact],
    now: datetime,
    run_id: int | None,
) -> None:
    if plan.changes:
        changing = {getattr(change, "person_id", None) for change in plan.changes}
        score_ids = {
            item.lead.person_id: item.lead.score_id for item in candidates if item.lead.person_id in changing
        }
        plans.save(conn, plan, score_ids, before_images(plan.changes, current), now, run_id)


def before_images(changes: Sequence[Change], current: Mapping[str, Contact]) -> dict[str, Before]:
    """What HubSpot held before each change, by change key: what undo writes back."""
    images: dict[str, Before] = {}
    for change in changes:
        match change:
            case SetProperties() if change.contact_id in current:
                held = current[change.contact_id].properties
                images[change.key] = {name: held.get(name, "") for name in change.properties}
            case EnrolInWorkflow() if change.contact_id in current:
                contact = current[change.contact_id]
                images[change.key] = {
                    "member": change.list_name in contact.lists,
                    change.trigger_property: contact.properties.get(change.trigger_property, ""),
                }
            case AddToList() | RemoveFromList() if change.contact_id in current:
                images[change.key] = {"member": change.list_name in current[change.contact_id].lists}
            case _:
                pass
    return images


def _drop_quiet(
    conn: sa.Connection,
    plan: Plan,
    waiting: Sequence[Waiting],
    candidates: Sequence[Desired],
    current: Mapping[str, Contact],
    now: datetime,
) -> None:
    """Leads the plan does not touch are done waiting; what was read of them is remembered."""
    changing = {getattr(change, "person_id", None) for change in plan.changes}
    mirror.drop_waiting(conn, [row for row in waiting if row.person_id not in changing])
    read = {
        item.lead.person_id: current[item.lead.contact_id]
        for item in candidates
        if item.lead.contact_id in current and item.lead.person_id not in changing
    }
    score_ids = {item.lead.person_id: item.lead.score_id for item in candidates}
    mirror.save(conn, read, score_ids, now)
