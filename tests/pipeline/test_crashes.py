"""Killed between a call and the ledger, or hung up on: going on repeats nothing and leaves nothing out."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from app.domain.changes import CreateContact, CreateTask, EnrolInWorkflow
from app.domain.errors import TryLater
from app.pipeline import steps
from app.services import Services
from tests.line import Town, living_in, town
from tests.pipeline.writes import Stumbling, carry_out, end_state, learn, ledger_states, show


@pytest.fixture
def undisturbed(database: sa.Engine, clock) -> dict[str, Any]:
    """The end state of a run nothing happened to."""
    with town(type(clock)(clock.now)) as place, living_in(place, database) as services:
        learn(services)
        carry_out(services, show(services).plan)
        state = end_state(place)
    with database.begin() as conn:
        tables = [name for name in sa.inspect(conn).get_table_names() if name != "alembic_version"]
        conn.execute(sa.text(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE"))
    return state


def twice(place: Town) -> list[Any]:
    """What happened more than once: a workflow started, a task made, an address taken."""
    portal = place.portal
    counted: list[Counter[Any]] = [
        Counter((each.workflow_id, each.contact_id) for each in portal.enrolments),
        Counter(task.properties["hs_task_body"] for task in portal.tasks.values()),
        Counter(contact.properties.get("email") for contact in portal.contacts.values()),
    ]
    return [name for counter in counted for name, times in counter.items() if name and times > 1]


KINDS = {"a contact": CreateContact, "an enrolment": EnrolInWorkflow, "a task": CreateTask}


@pytest.mark.parametrize("tells", [False, True], ids=["before any outcome", "after some"])
@pytest.mark.parametrize("what", KINDS)
def test_a_writer_killed_after_a_call_is_gone_on_with_and_repeats_nothing(
    place: Town, living: Services, undisturbed: dict[str, Any], what: str, tells: bool
) -> None:
    learn(living)
    plan = show(living).plan
    kinds = [type(change) for change in plan.changes]
    stop_at = kinds.index(KINDS[what]) + kinds.count(KINDS[what]) // 2
    dying = replace(living, destination=Stumbling(living.destination, stop_at, tells=tells))
    with pytest.raises(KeyboardInterrupt):
        carry_out(dying, plan)
    assert ledger_states(living)["intent"] > 0
    place.clock.move(minutes=3)
    steps.write_back(living, living.clock())  # the next worker finds the plan interrupted
    assert twice(place) == []
    assert ledger_states(living)["intent"] == 0
    assert end_state(place) == undisturbed


FAULTS = [
    ("hang_up_after_apply", "contacts"),
    ("hang_up_after_apply", "tasks"),
    ("hang_up_after_apply", "memberships"),
    ("truncated_json", "tasks"),
    ("502", "batch"),
    ("500_html", "tasks"),
]


@pytest.mark.parametrize(("fault", "matching"), FAULTS, ids=[f"{kind} at {path}" for kind, path in FAULTS])
def test_a_call_of_unknown_fate_is_looked_up_before_it_is_repeated(
    place: Town, in_both_versions: Services, undisturbed: dict[str, Any], fault: Any, matching: str
) -> None:
    services = in_both_versions
    learn(services)
    plan = show(services).plan
    place.portal.faults.next(fault, times=1, matching=matching)
    try:
        carry_out(services, plan)
    except TryLater:
        place.clock.move(minutes=3)
        steps.write_back(services, services.clock())
    assert twice(place) == []
    assert set(ledger_states(services)) == {"done"}
    assert end_state(place) == undisturbed


def test_a_portal_that_is_away_for_long_is_tried_later_and_then_all_is_written(
    place: Town, living: Services, undisturbed: dict[str, Any]
) -> None:
    learn(living)
    plan = show(living).plan
    place.portal.token_expires_at = place.clock.now.timestamp() - 1
    with pytest.raises(Exception, match="HubSpot"):
        carry_out(living, plan)
    place.portal.token_expires_at = None
    steps.write_back(living, living.clock())
    assert end_state(place) == undisturbed
