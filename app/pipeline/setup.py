"""What the vendors need before the line can run: HubSpot's properties and lists, registered webhooks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.changes import Plan, Problem, SetupChange
from app.domain.desired import wanted_schema
from app.domain.errors import BadConfig, Fault
from app.domain.gate import Gate
from app.domain.past import Past
from app.domain.plan import make_plan
from app.pipeline.apply import apply_plan, writing
from app.pipeline.limits import limits_of
from app.pipeline.run_record import recorded
from app.pipeline.vendor_checkup import note_portal, portal_problems
from app.services import Services
from app.store import plans

NOBODY = Past(frozenset(), frozenset(), released_plans=0, population=0)


@dataclass(frozen=True, slots=True)
class SetupPlan:
    """What `setup` would make: the part for HubSpot, and what is to be registered by vendor."""

    portal: Plan
    registrations: Mapping[str, tuple[str, ...]]
    problems: tuple[Problem, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Is everything there?"""
        return not self.portal.changes and not any(self.registrations.values())

    @property
    def fingerprint(self) -> str:
        """The same for the same changes, whenever they are shown."""
        told = [
            self.portal.fingerprint,
            *(f"{name}: {what}" for name, what in sorted(self.registrations.items())),
        ]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]


@dataclass(slots=True)
class SetupDone:
    """What was made, what HubSpot refused, what was registered."""

    made: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    registered: dict[str, Sequence[str]] = field(default_factory=dict)


def show_setup(services: Services, now: datetime) -> SetupPlan:
    """What is missing; nothing is made. Raises TryLater and BadCredentials."""
    problems: tuple[Problem, ...] = ()
    missing: list[SetupChange] = []
    if services.destination is not None:
        wanted = wanted_schema(services.mappings.hubspot, services.settings.language)
        found, missing = services.destination.check(wanted)
        problems = tuple(found)
    if services.portal is not None:
        problems += tuple(portal_problems(services, services.portal))
    mapping, shut = services.mappings.hubspot, Gate(released=False)
    portal = make_plan([], {}, NOBODY, mapping, limits_of(services), now, gate=shut, setup=missing)
    registrations = {item.name: item.missing() for item in services.registrations}
    return SetupPlan(portal, {name: what for name, what in registrations.items() if what}, problems)


def carry_out_setup(services: Services, fingerprint: str, now: datetime) -> SetupDone:
    """Make what was shown under `fingerprint`. Raises BadConfig where that is no longer what is missing, or
    where something of HubSpot's stands in the way.
    """
    plan = show_setup(services, now)
    errors = [problem for problem in plan.problems if problem.severity == "error"]
    if errors:
        raise BadConfig([Fault("HubSpot", problem.subject, problem.message) for problem in errors])
    if plan.fingerprint != fingerprint:
        message = "is not what is missing now: run setup to see the current plan"
        raise BadConfig([Fault("--apply", fingerprint, message)])
    if services.portal is not None:
        note_portal(services, services.portal, now)
    done = SetupDone()
    if plan.portal.changes:
        _make(services, plan.portal, done, now)
    for registration in services.registrations:
        if registered := registration.register():
            done.registered[registration.name] = registered
    return done


def _make(services: Services, portal: Plan, done: SetupDone, now: datetime) -> None:
    with writing(services) as fence, recorded(services, "setup", now) as (run_id, report):
        with services.database.begin() as conn:
            plans.save(conn, portal, {}, {}, now, run_id)
        applied = apply_plan(services, portal.fingerprint, fence, released=True, run_id=run_id)
        done.made, done.refused = dict(applied.done), dict(applied.rejected)
        report.result = {"done": done.made, "rejected": done.refused}
