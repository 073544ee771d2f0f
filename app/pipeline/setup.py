"""What the vendors need before the line can run: HubSpot's properties and lists, registered webhooks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from app.domain.changes import Plan, Problem, SetupChange
from app.domain.errors import BadConfig, Fault, SaviaError
from app.domain.gate import Gate
from app.domain.past import Past
from app.domain.plan import make_plan
from app.domain.portal_schema import wanted_schema
from app.domain.ports import Destination, PortalCheck
from app.pipeline.apply import PATIENCE_BY_HAND, apply_plan, writing
from app.pipeline.checkup import database_problem
from app.pipeline.delivery_checkup import delivery_problems
from app.pipeline.limits import limits_of
from app.pipeline.run_record import recorded
from app.pipeline.vendor_checkup import (
    connection_problems,
    failure,
    note_portal,
    portal_is_shut,
    portal_problems,
    workflow_problems,
)
from app.services import Services
from app.store import plans

Made = TypeVar("Made")

NOBODY = Past(frozenset(), frozenset(), released_plans=0, population=0)


@dataclass(frozen=True, slots=True)
class SetupPlan:
    """What `setup` would make: the part for HubSpot, and what is to be registered by vendor.

    `problems` is all that was found, of any vendor; `in_the_way` those of them for which nothing can be made
    in HubSpot until a person mends them; `to_build` what is wrong with the workflows that a marketer builds.
    """

    portal: Plan
    registrations: Mapping[str, tuple[str, ...]]
    problems: tuple[Problem, ...] = ()
    in_the_way: tuple[Problem, ...] = ()
    to_build: tuple[Problem, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Is everything there?"""
        return not self.portal.changes and not any(self.registrations.values())

    @property
    def can_be_made(self) -> bool:
        """Is something missing that can be made now?"""
        return bool(self.registrations) or bool(self.portal.changes and not self.in_the_way)

    @property
    def stands_still(self) -> bool:
        """Must a person mend something before everything can be made?"""
        return bool(self.in_the_way) or any(problem.severity == "error" for problem in self.problems)

    @property
    def fingerprint(self) -> str:
        """The same for the same changes, whenever they are shown."""
        told = [
            "" if self.in_the_way else self.portal.fingerprint,
            *(f"{name}: {what}" for name, what in sorted(self.registrations.items())),
        ]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]


@dataclass(slots=True)
class SetupDone:
    """What was made, what HubSpot refused, what was registered, and by vendor why its part failed."""

    made: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    registered: dict[str, Sequence[str]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Found:
    """What the questions to the vendors brought, as it comes."""

    problems: list[Problem] = field(default_factory=list)
    in_the_way: list[Problem] = field(default_factory=list)
    to_build: list[Problem] = field(default_factory=list)
    missing: list[SetupChange] = field(default_factory=list)
    registrations: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def all_problems(self) -> tuple[Problem, ...]:
        """Each once; what is in the way first."""
        return tuple(dict.fromkeys([*self.in_the_way, *self.problems, *self.to_build]))


def show_setup(services: Services, now: datetime) -> SetupPlan:
    """What is missing; nothing is made. Every vendor that is on is asked, and one that refuses, or does not
    answer, is a problem beside what the others need. Without its database Savia asks nobody: the limits that
    its processes share are kept there.
    """
    found = _Found()
    unfit = database_problem(services)
    if unfit is None:
        _ask_everybody(services, found, now)
    else:
        found.in_the_way.append(unfit)
    mapping, shut = services.mappings.hubspot, Gate(released=False)
    portal = make_plan([], {}, NOBODY, mapping, limits_of(services), now, gate=shut, setup=found.missing)
    problems, in_the_way = found.all_problems(), tuple(found.in_the_way)
    return SetupPlan(portal, found.registrations, problems, in_the_way, tuple(found.to_build))


def _ask_everybody(services: Services, found: _Found, now: datetime) -> None:
    found.problems += connection_problems(services)
    if portal_is_shut(found.problems):
        found.in_the_way += [each for each in found.problems if each.subject == "hubspot"]
    else:
        _look_at_portal(services, found)
    _look_at_webhooks(services, found)
    with services.database.connect() as conn:
        refused = delivery_problems(conn, services, now)
        found.problems += [problem for problem in refused if problem.severity == "error"]


def _look_at_portal(services: Services, found: _Found) -> None:
    try:
        if services.destination is not None:
            _look_at_schema(services, services.destination, found)
        if services.portal is not None:
            _look_at_account(services, services.portal, found)
    except SaviaError as reason:
        found.in_the_way.append(failure("hubspot", reason))


def _look_at_schema(services: Services, destination: Destination, found: _Found) -> None:
    wanted = wanted_schema(services.mappings.hubspot, services.settings.language)
    problems, found.missing = destination.check(wanted)
    found.problems += problems
    found.in_the_way += [problem for problem in problems if problem.severity == "error"]


def _look_at_account(services: Services, portal: PortalCheck, found: _Found) -> None:
    found.in_the_way += portal_problems(services, portal)
    found.problems += portal.rights()
    properties = sum(change.key.startswith("property:") for change in found.missing)
    if properties:
        found.problems += portal.room(properties)
    found.to_build += workflow_problems(services, portal)


def _look_at_webhooks(services: Services, found: _Found) -> None:
    for item in services.registrations:
        try:
            if what := item.missing():
                found.registrations[item.name] = what
        except SaviaError as reason:
            unseen = Problem("error", item.name, f"its webhooks cannot be looked at: {reason}")
            told = [each for each in found.problems if each.subject == item.name and each.severity == "error"]
            found.problems += [] if told else [unseen]


def carry_out_setup(services: Services, fingerprint: str, now: datetime) -> SetupDone:
    """Make what was shown under `fingerprint`, each vendor's part on its own: one that fails stops no other.

    Raises BadConfig where that is no longer what is missing, or where something stands in the way of all.
    """
    plan = show_setup(services, now)
    faults = [Fault("setup", problem.subject, problem.message) for problem in plan.in_the_way]
    if plan.fingerprint != fingerprint:
        message = "is not what is missing now: run setup to see the current plan"
        raise BadConfig([Fault("--apply", fingerprint, message), *faults])
    if faults and not plan.can_be_made:
        raise BadConfig(faults)
    done = SetupDone()
    if not plan.in_the_way:
        _attempt("hubspot", done, lambda: _make(services, plan.portal, done, now))
    for registration in services.registrations:
        if registered := _attempt(registration.name, done, registration.register):
            done.registered[registration.name] = registered
    return done


def _attempt(name: str, done: SetupDone, act: Callable[[], Made]) -> Made | None:
    try:
        return act()
    except SaviaError as reason:
        done.failed[name] = str(reason)
        return None


def _make(services: Services, portal: Plan, done: SetupDone, now: datetime) -> None:
    if services.portal is not None:
        note_portal(services, services.portal, now)
    if not portal.changes:
        return
    with writing(services, PATIENCE_BY_HAND) as fence, recorded(services, "setup", now) as (run_id, report):
        with services.database.begin() as conn:
            plans.save(conn, portal, {}, {}, now, run_id)
        applied = apply_plan(services, portal.fingerprint, fence, released=True, run_id=run_id)
        done.made, done.refused = dict(applied.done), dict(applied.rejected)
        report.result = {"done": done.made, "rejected": done.refused}
