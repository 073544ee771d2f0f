"""Scores become a plan, from what HubSpot holds now; what needs no write leaves the work list."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from app.domain.changes import Contact, Plan, SetupChange
from app.domain.desired import Desired, make_desired, worth_writing
from app.domain.edits import Memory
from app.domain.errors import BadConfig, Fault
from app.domain.experiments import Assignment, Dealt, Trial, assign, first_eligible
from app.domain.gate import Gate
from app.domain.past import Past
from app.domain.plan import make_plan
from app.domain.portal import managed_lists
from app.domain.portal_schema import wanted_schema
from app.domain.ports import Destination
from app.pipeline.bill import held_by_bill
from app.pipeline.current import Current, before_images, read_current, remembered
from app.pipeline.leads import load_leads
from app.pipeline.limits import held_by_lists, limits_of
from app.pipeline.release import gate_of, note_marketing, rules_of
from app.services import Services
from app.store import day_totals, ledger, mirror, plans, switches, work_list
from app.store.work_list import Waiting

LARGEST_PLAN = 20_000
"""Leads considered in one plan: what a person can look at, and well under a minute of reading HubSpot."""

LARGEST_TURN = 2_500
"""The same where nobody looks: more than a second of calls, and little memory."""

LARGEST_AHEAD = 1_000
"""The same while another plan is in memory."""

LOADED = 500
"""Leads whose facts are in memory at once."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A plan as shown: its changes, and how many leads were looked at. `waits` is the fingerprint of the plan
    that waits for a person in place of this one, which was not kept.
    """

    plan: Plan
    leads: int
    more: bool
    waits: str = ""


def show_plan(
    services: Services,
    now: datetime,
    *,
    with_setup: bool = False,
    hot_only: bool = False,
    enrol: bool = False,
    but: Collection[int] = (),
    run_id: int | None = None,
) -> Shown:
    """Make and keep the plan for the leads that wait, or those a webhook spoke of. HubSpot is only read, and
    nobody is dealt an arm: carrying the plan out does that.

    `with_setup` is for a person: it also looks for properties and lists that the portal lacks, and reads all
    contacts anew. `enrol` looks at everybody and includes the enrolments and tasks that rules not yet
    released would bring; carrying that plan out releases them. `but` are people in plans that are under way:
    hot ones are left to plans between those. With `run_id` nobody looks: then a plan that has to wait is not
    kept while another one waits, which was told; what it holds is planned anew after that one. Raises
    BadConfig when the portal cannot hold what we write.
    """
    destination = destination_of(services)
    setup = _missing_setup(services, destination, now) if with_setup else []
    most = LARGEST_PLAN if with_setup else LARGEST_AHEAD if but else LARGEST_TURN
    hot = True if hot_only else False if but else None
    with services.database.begin() as conn:
        if enrol:
            work_list.add_everyone(conn, now)
        waiting = work_list.first(conn, most, hot=hot, but=but)
        scene = _scene(services, conn, waiting, now, enrol=enrol, afresh=with_setup)
    current = read_current(services, destination, scene.candidates, scene.known)
    arms = _new_arms(scene, current.contacts, services)
    dealt = Dealt(scene.trial, tuple(arms)) if scene.trial and arms else None
    plan = _plan(services, scene, current.contacts, arms, setup, now)
    with services.database.begin() as conn:
        waits = _waits_already(conn, plan, now, whole=not hot_only) if run_id is not None else ""
        if not waits:
            releases = rules_of(services, conn) if enrol else None
            _keep(conn, plan, scene, current.contacts, now, run_id, releases=releases, dealt=dealt)
        _note(conn, plan, scene, current, now)
    return Shown(plan, scene.leads, more=len(scene.waiting) == most, waits=waits)


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the store says of the leads that wait, before HubSpot is asked."""

    waiting: Sequence[Waiting]
    candidates: Sequence[Desired]
    leads: int
    past: Past
    gate: Gate
    trial: Trial | None
    known: Mapping[str, Contact]


def _scene(
    services: Services,
    conn: sa.Connection,
    waiting: Sequence[Waiting],
    now: datetime,
    *,
    enrol: bool,
    afresh: bool,
) -> _Scene:
    person_ids = [row.person_id for row in waiting]
    mapping = services.mappings.hubspot
    desired = [
        make_desired(lead, mapping, now)
        for first in range(0, len(person_ids), LOADED)
        for lead in load_leads(services, conn, person_ids[first : first + LOADED])
    ]
    held, memories = mirror.recall(conn, person_ids)
    past = _past(conn, person_ids, memories, now)
    gate, trial = gate_of(services, conn, person_ids, enrol=enrol)
    candidates = [
        item for item in desired if _may_need_write(item, held.get(item.lead.person_id), past, services)
    ]
    known = {} if afresh else remembered(services, conn, candidates, held, past, gate, now)
    return _Scene(waiting, candidates, len(desired), past, gate, trial, known)


def _plan(
    services: Services,
    scene: _Scene,
    current: Mapping[str, Contact],
    new_arms: Sequence[Assignment],
    setup: Sequence[SetupChange],
    now: datetime,
) -> Plan:
    arms = {**scene.gate.arms, **{item.person_id: item.arm for item in new_arms}}
    plan = make_plan(
        scene.candidates,
        current,
        scene.past,
        services.mappings.hubspot,
        limits_of(services),
        now,
        gate=replace(scene.gate, arms=arms),
        setup=setup,
        create_contacts=services.settings.hubspot.create_contacts,
    )
    return held_by_bill(services, held_by_lists(services, plan, current, scene.past))


def _new_arms(scene: _Scene, current: Mapping[str, Contact], services: Services) -> list[Assignment]:
    if scene.trial is None:
        return []
    mapping = services.mappings.hubspot
    creates = services.settings.hubspot.create_contacts
    leads = first_eligible(
        scene.candidates, current, scene.past, scene.gate, mapping, create_contacts=creates
    )
    return assign(leads, scene.trial.salt, scene.trial.holdout_share)


def _missing_setup(services: Services, destination: Destination, now: datetime) -> list[SetupChange]:
    """What the portal lacks; that it knows marketing contacts, or does not, is noted."""
    problems, missing = destination.check(
        wanted_schema(services.mappings.hubspot, services.settings.language)
    )
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise BadConfig([Fault("HubSpot", problem.subject, problem.message) for problem in errors])
    note_marketing(services, destination, now)
    return missing


def destination_of(services: Services) -> Destination:
    """Where to write. Raises BadConfig while HubSpot has no token."""
    if services.destination is None:
        raise BadConfig([Fault("environment", "HUBSPOT_ACCESS_TOKEN", "set it: there is nowhere to write")])
    return services.destination


def _past(
    conn: sa.Connection,
    person_ids: Sequence[int],
    memories: Mapping[int, Memory],
    now: datetime,
) -> Past:
    enrolled, task_keys = ledger.done_once(conn, person_ids)
    return Past(
        frozenset(enrolled),
        frozenset(task_keys),
        released_plans=plans.count_released(conn),
        population=mirror.count(conn),
        used_today=day_totals.used(conn, now),
        memories=memories,
        withdrawn=ledger.withdrawn(conn, person_ids),
    )


def _may_need_write(item: Desired, held: Contact | None, past: Past, services: Services) -> bool:
    """By our own memory of HubSpot, without asking it: could this lead need a write?"""
    if held is None or held.contact_id != item.lead.contact_id:
        return True
    mapping = services.mappings.hubspot
    return (
        worth_writing(mapping, item.properties, held.properties)
        or item.lists != held.lists & set(managed_lists(mapping))
        or any((item.lead.person_id, workflow.key) not in past.enrolled for workflow in item.workflows)
        or any(task.key not in past.task_keys for task in item.tasks)
    )


def _waits_already(conn: sa.Connection, plan: Plan, now: datetime, *, whole: bool) -> str:
    """The fingerprint of the plan that was told to wait, if this one has to wait as well. One for everybody
    that need not wait ends the waiting.
    """
    if plan.unsafe:
        return plans.told_waiting(conn, now) or ""
    if whole:
        plans.waits_no_more(conn)
    return ""


def _keep(
    conn: sa.Connection,
    plan: Plan,
    scene: _Scene,
    current: Mapping[str, Contact],
    now: datetime,
    run_id: int | None,
    *,
    releases: str | None,
    dealt: Dealt | None,
) -> None:
    if plan.changes:
        changing = _changing(plan)
        score_ids = {
            item.lead.person_id: item.lead.score_id
            for item in scene.candidates
            if item.lead.person_id in changing
        }
        before = before_images(plan.changes, current)
        plans.save(conn, plan, score_ids, before, now, run_id, releases=releases, dealt=dealt)
        work_list.stamp(conn, [row for row in scene.waiting if row.person_id in changing], now)
    elif releases is not None:  # nobody is concerned: there is no plan to release them by
        switches.turn(conn, "released_rules", releases, now)


def _changing(plan: Plan) -> set[int]:
    return {getattr(change, "person_id", 0) for change in plan.changes} - {0}


def _note(conn: sa.Connection, plan: Plan, scene: _Scene, current: Current, now: datetime) -> None:
    """What was learnt while the plan was made."""
    _drop_quiet(conn, plan, scene)
    _remember(conn, plan, scene, current, now)
    _note_edits(conn, plan, scene, current.contacts)


def _drop_quiet(conn: sa.Connection, plan: Plan, scene: _Scene) -> None:
    """Leads the plan does not touch are done waiting."""
    changing = _changing(plan)
    work_list.drop(conn, [row for row in scene.waiting if row.person_id not in changing])


def _remember(conn: sa.Connection, plan: Plan, scene: _Scene, current: Current, now: datetime) -> None:
    """What was read is remembered, and of leads that need no change that HubSpot shows their score."""
    changing = _changing(plan)
    score_ids = {
        item.lead.person_id: item.lead.score_id
        for item in scene.candidates
        if item.lead.person_id not in changing
    }
    read: dict[int, Contact] = {}
    known: set[int] = set()
    for lead in (item.lead for item in scene.candidates if item.lead.contact_id in current.contacts):
        if lead.contact_id in current.read:
            read[lead.person_id] = current.contacts[lead.contact_id]
        elif lead.person_id not in changing:
            known.add(lead.person_id)
    mirror.save(conn, read, score_ids, now, read=True)
    mirror.shows(conn, {person_id: score_ids[person_id] for person_id in known})


def _note_edits(conn: sa.Connection, plan: Plan, scene: _Scene, current: Mapping[str, Contact]) -> None:
    """Other people's edits are remembered until they end, so that the next plan knows them for theirs."""
    edits: dict[int, dict[str, str]] = {
        item.lead.person_id: {} for item in scene.candidates if item.lead.contact_id in current
    }
    for item in plan.withheld:
        if item.reason == "human_edit":
            edits[item.person_id][item.subject] = item.value
    mirror.note_edits(conn, edits)
