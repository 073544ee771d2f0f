"""What tests of safe writing do: learn, show, carry out, and look at the portal."""

from __future__ import annotations

from typing import Any

from app.domain.changes import Plan
from app.pipeline.apply import Applied, apply_plan, writing
from app.pipeline.pull import pull_source
from app.pipeline.run_record import recorded
from app.pipeline.understand import rescore_touched
from app.pipeline.write_back import show_plan
from app.services import Services
from tests.line import Town


def learn(services: Services) -> None:
    """Pull every source and score whom that touched."""
    for source in services.sources:
        pull_source(services, source, services.clock())
    while rescore_touched(services, services.clock()).more:
        pass


def show(services: Services, **asked: Any) -> Plan:
    """The plan for the leads that wait, with what the portal lacks."""
    return show_plan(services, services.clock(), with_setup=True, **asked).plan


def carry_out(services: Services, plan: Plan) -> tuple[Applied, int]:
    """Apply a plan as a person does; also answers with the run that wrote it."""
    with writing(services) as fence, recorded(services, "test", services.clock()) as (run_id, _):
        return apply_plan(services, plan.fingerprint, fence, released=True, run_id=run_id), run_id


def first_plan(services: Services) -> tuple[Plan, int]:
    """Everything learnt and the first plan carried out, rules released; that plan, and its run."""
    learn(services)
    plan = show(services, enrol=True)
    applied, run_id = carry_out(services, plan)
    assert not applied.rejected
    return plan, run_id


def shown_of(place: Town) -> dict[str, Any]:
    """The portal's contacts and the lists that have members: what an undo must restore."""
    dump = place.portal.dump()
    return {
        "contacts": dump["contacts"],
        "lists": {name: members for name, members in dump["lists"].items() if members},
    }
