"""The plan: what it writes, what it leaves alone, and what stops it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.brake import Limits
from app.domain.changes import (
    AddToList,
    Contact,
    CreateContact,
    CreateTask,
    EnrolInWorkflow,
    Plan,
    RemoveFromList,
    SetProperties,
)
from app.domain.desired import Desired
from app.domain.gate import Gate
from app.domain.past import Past
from app.domain.plan import canonical_place, make_plan
from tests.domain.leads import ATTENDED, FRESH, MAPPING, MARKETABLE, NOW, OPEN, WIDE, contact, desired


def plan_of(
    wanted: list[Desired],
    current: dict[str, Contact],
    past: Past = FRESH,
    limits: Limits = WIDE,
    gate: Gate = OPEN,
) -> Plan:
    return make_plan(wanted, current, past, MAPPING, limits, NOW, gate=gate)


def settled(wanted: list[Desired]) -> tuple[dict[str, Contact], Past]:
    """HubSpot and our past once everything wanted was done."""
    enrolled = frozenset((item.lead.person_id, flow.key) for item in wanted for flow in item.workflows)
    tasks = frozenset(task.key for item in wanted for task in item.tasks)
    return {item.lead.contact_id: contact(item) for item in wanted}, Past(
        enrolled, tasks, released_plans=1, population=max(60, len(wanted))
    )


def kinds(plan: Plan) -> list[str]:
    return [type(change).__name__ for change in plan.changes]


def test_a_new_hot_lead_gets_properties_list_enrolment_and_task_in_that_order() -> None:
    one = desired(1, 85)
    plan = plan_of([one], {one.lead.contact_id: Contact(one.lead.contact_id, one.lead.email, MARKETABLE)})
    assert kinds(plan) == ["SetProperties", "AddToList", "EnrolInWorkflow", "CreateTask"]


def test_nothing_is_planned_when_hubspot_holds_what_it_should() -> None:
    wanted = [desired(number, value) for number, value in enumerate((10, 45, 65, 95), start=1)]
    assert plan_of(wanted, *settled(wanted)).changes == ()


def test_a_lead_that_changes_band_leaves_one_list_and_joins_the_other() -> None:
    before, after = desired(1, 55), desired(1, 65)
    current, past = settled([before])
    plan = plan_of([after], current, past)
    assert kinds(plan) == ["SetProperties", "RemoveFromList", "AddToList", "EnrolInWorkflow"]


def test_a_lead_is_enrolled_in_a_workflow_only_once() -> None:
    one = desired(1, 85)
    _, past = settled([one])
    bare = {one.lead.contact_id: Contact(one.lead.contact_id, one.lead.email, MARKETABLE)}
    assert not {"EnrolInWorkflow", "CreateTask"} & set(kinds(plan_of([one], bare, past)))


def test_a_small_move_of_the_score_is_not_worth_a_call() -> None:
    before, after = desired(1, 85), desired(1, 87)
    assert plan_of([after], *settled([before])).changes == ()


def test_three_points_are_worth_a_call_and_take_the_reasons_along() -> None:
    before, after = desired(1, 85), desired(1, 88)
    (change,) = plan_of([after], *settled([before])).changes
    assert isinstance(change, SetProperties)
    assert change.properties == {"savia_score": "88", "savia_reasons": "+88 base"}


def test_a_lead_hubspot_never_knew_is_created_with_its_name() -> None:
    one = desired(1, 20, contact_id="")
    plan = plan_of([one], {})
    assert kinds(plan) == ["CreateContact", "AddToList"]
    created = plan.changes[0]
    assert isinstance(created, CreateContact)
    assert (created.email, created.properties["firstname"]) == ("lead1@example.com", "Ana")


def test_a_lead_without_address_or_who_never_registered_is_not_created() -> None:
    nobody = [desired(1, 20, contact_id="", email=""), desired(2, 20, contact_id="", activities=(ATTENDED,))]
    assert plan_of(nobody, {}).changes == ()


def test_a_contact_that_is_gone_from_hubspot_gets_nothing() -> None:
    assert plan_of([desired(1, 85)], {}).changes == ()


def test_only_properties_of_ours_are_ever_set_on_a_known_contact() -> None:
    one = desired(1, 85)
    plan = plan_of(
        [one],
        {one.lead.contact_id: Contact(one.lead.contact_id, one.lead.email, {**MARKETABLE, "jobtitle": "X"})},
    )
    written = {
        name for change in plan.changes if isinstance(change, SetProperties) for name in change.properties
    }
    assert written
    assert all(name.startswith(MAPPING.prefix) for name in written)


def test_the_first_plan_always_waits_for_a_person() -> None:
    one = desired(1, 20)
    first = replace(FRESH, released_plans=0)
    current = {one.lead.contact_id: Contact(one.lead.contact_id, one.lead.email, MARKETABLE)}
    assert plan_of([one], current, first).unsafe == ("the first plan always waits for a person",)
    assert plan_of([one], current, FRESH).unsafe == ()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("max_enrolments", 85), ("max_tasks", 85), ("max_list_joins", 85), ("max_new_contacts", 20)],
)
def test_each_cap_is_named_with_its_setting_when_it_is_passed(setting: str, value: int) -> None:
    made = {"contact_id": ""} if setting == "max_new_contacts" else {}
    wanted = [desired(number, value, **made) for number in range(1, 4)]
    current = {
        i.lead.contact_id: Contact(i.lead.contact_id, "", MARKETABLE) for i in wanted if i.lead.contact_id
    }
    assert plan_of(wanted, current, limits=replace(WIDE, **{setting: 3})).unsafe == ()
    (reason,) = plan_of(wanted, current, limits=replace(WIDE, **{setting: 2})).unsafe
    assert reason.endswith(f"{setting} is 2")


def test_many_band_moves_at_once_stop_the_plan() -> None:
    before = [desired(number, 55) for number in range(1, 61)]
    after = [desired(number, 65) for number in range(1, 61)]
    current, past = settled(before)
    reasons = plan_of(after, current, past, replace(WIDE, max_band_moves=0.2)).unsafe
    assert reasons == ("60 of 60 leads change band, max_band_moves is 20%",)


def test_a_jump_of_the_mean_score_stops_the_plan() -> None:
    before = [desired(number, 45) for number in range(1, 61)]
    after = [desired(number, 55) for number in range(1, 61)]
    reasons = plan_of(after, *settled(before), replace(WIDE, max_mean_score_move=5.0)).unsafe
    assert reasons == ("600 points more over 60 leads, max_mean_score_move is 5",)


def test_a_handful_of_leads_is_too_few_for_shares() -> None:
    before, after = [desired(1, 45)], [desired(1, 95)]
    tight = replace(WIDE, max_band_moves=0.0, max_mean_score_move=0.0)
    current, past = settled(before)
    assert plan_of(after, current, replace(past, population=49), tight).unsafe == ()
    assert len(plan_of(after, current, replace(past, population=50), tight).unsafe) == 2


leads = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, 100), st.sampled_from(["known", "new", "gone"])),
    unique_by=lambda item: item[0],
    max_size=25,
)


def world(found: list[tuple[int, int, str]]) -> tuple[list[Desired], dict[str, Contact]]:
    wanted = [desired(number, value, contact_id="" if how == "new" else None) for number, value, how in found]
    current = {
        item.lead.contact_id: Contact(item.lead.contact_id, item.lead.email, MARKETABLE)
        for item, (_, _, how) in zip(wanted, found, strict=True)
        if how == "known"
    }
    return wanted, current


@given(leads, st.randoms(use_true_random=False))
def test_the_order_in_which_leads_are_looked_at_changes_nothing(
    found: list[tuple[int, int, str]], chance: random.Random
) -> None:
    wanted, current = world(found)
    shuffled = chance.sample(wanted, len(wanted))
    assert plan_of(wanted, current) == plan_of(shuffled, current)


@given(leads)
def test_a_plan_once_carried_out_leaves_nothing_to_plan(found: list[tuple[int, int, str]]) -> None:
    wanted, current = world(found)
    known = [item for item in wanted if item.lead.contact_id in current]
    done, past = carried_out(plan_of(known, current), current)
    assert plan_of(known, done, past).changes == ()


def carried_out(plan: Plan, current: dict[str, Contact]) -> tuple[dict[str, Contact], Past]:
    contacts = dict(current)
    enrolled: set[tuple[int, str]] = set()
    tasks: set[str] = set()
    for change in plan.changes:
        match change:
            case SetProperties():
                held = contacts[change.contact_id]
                contacts[change.contact_id] = replace(
                    held, properties={**held.properties, **change.properties}
                )
            case AddToList():
                held = contacts[change.contact_id]
                contacts[change.contact_id] = replace(held, lists=held.lists | {change.list_name})
            case RemoveFromList():
                held = contacts[change.contact_id]
                contacts[change.contact_id] = replace(held, lists=held.lists - {change.list_name})
            case EnrolInWorkflow():
                enrolled.add((change.person_id, change.workflow))
            case CreateTask():
                tasks.add(change.key)
            case _:
                raise AssertionError(change)
    return contacts, Past(frozenset(enrolled), frozenset(tasks), released_plans=2, population=60)


@given(leads)
def test_changes_stand_in_canonical_order_and_each_key_once(found: list[tuple[int, int, str]]) -> None:
    plan = plan_of(*world(found))
    assert list(plan.changes) == sorted(plan.changes, key=canonical_place)
    keys = [change.key for change in plan.changes]
    assert len(keys) == len(set(keys))


def test_the_same_plan_shown_later_has_the_same_fingerprint() -> None:
    one = desired(1, 85)
    current = {one.lead.contact_id: Contact(one.lead.contact_id, one.lead.email, MARKETABLE)}
    later = NOW.replace(hour=13)
    first = make_plan([one], current, FRESH, MAPPING, WIDE, NOW, gate=OPEN)
    again = make_plan([one], current, FRESH, MAPPING, WIDE, later, gate=OPEN)
    assert first.fingerprint == again.fingerprint
    assert plan_of([desired(1, 84)], current).fingerprint != first.fingerprint
    assert plan_of([one], current, replace(FRESH, released_plans=2)).fingerprint != first.fingerprint
