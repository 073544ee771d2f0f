"""Who is acted on: nobody who is held out, blocked, paused or outside the pilot, whatever their score."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from app.domain.gate import Gate
from app.domain.plan import make_plan
from tests.domain.leads import FRESH, MAPPING, MARKETABLE, NOW, OPEN, WIDE, desired
from tests.domain.test_plan import carried_out

MAIL, PAUSE = MAPPING.mailability, MAPPING.pause.name
NO_STATUS = Gate(released=True, marketing_contacts=False)
HELD_OUT = Gate(released=True, arms={1: "holdout"})
PILOT = Gate(released=True, pilot_list="Piloto")


def plan_of(value: int, held: dict[str, str], gate: Gate = OPEN, lists: frozenset[str] = frozenset()) -> Plan:
    one = desired(1, value)
    contact = Contact(one.lead.contact_id, one.lead.email, held, lists)
    return make_plan([one], {one.lead.contact_id: contact}, FRESH, MAPPING, WIDE, NOW, gate=gate)


def kinds(plan: Plan) -> set[str]:
    return {type(change).__name__ for change in plan.changes}


def answer(plan: Plan) -> str:
    (change,) = [change for change in plan.changes if isinstance(change, SetProperties | CreateContact)]
    return change.properties["savia_why_not"]


@pytest.mark.parametrize(
    ("held", "gate", "reason"),
    [
        ({}, OPEN, "non_marketing"),
        ({MAIL.marketable: "false"}, OPEN, "non_marketing"),
        ({**MARKETABLE, MAIL.opted_out: "true"}, OPEN, "opted_out"),
        ({**MARKETABLE, MAIL.bounced: "MAILBOX_FULL"}, OPEN, "bounced"),
        ({**MARKETABLE, PAUSE: "true"}, OPEN, "paused"),
        ({MAIL.marketable: "false"}, NO_STATUS, "non_marketing"),
        ({MAIL.opted_out: "true"}, NO_STATUS, "opted_out"),
        ({MAIL.bounced: "MAILBOX_FULL"}, NO_STATUS, "bounced"),
        (MARKETABLE, HELD_OUT, "holdout"),
        (MARKETABLE, Gate(released=False), "unreleased"),
    ],
)
def test_a_lead_that_may_not_be_acted_on_gets_its_properties_and_the_reason_alone(
    held: dict[str, str], gate: Gate, reason: str
) -> None:
    plan = plan_of(85, held, gate)
    assert not kinds(plan) & {"EnrolInWorkflow", "CreateTask"}
    assert {(item.subject, item.reason) for item in plan.withheld} == {
        ("hot_leads", reason),
        ("call_hot_lead", reason),
    }
    assert answer(plan) == MAPPING.why[reason].es.format(what="hot_leads, call_hot_lead")


def test_who_is_acted_on_is_told_so_and_a_band_without_a_sequence_as_well() -> None:
    plan = plan_of(85, MARKETABLE)
    assert kinds(plan) == {"SetProperties", "AddToList", "EnrolInWorkflow", "CreateTask"}
    assert answer(plan) == "Sí: hot_leads, call_hot_lead"
    assert answer(plan_of(10, MARKETABLE)) == MAPPING.why["no_sequence"].es


def test_a_held_out_lead_joins_no_list_leaves_those_it_is_on_and_says_that_it_is_held_out() -> None:
    plan = plan_of(85, MARKETABLE, HELD_OUT, frozenset({"Savia: warm"}))
    assert kinds(plan) == {"SetProperties", "RemoveFromList"}
    (change,) = [change for change in plan.changes if isinstance(change, SetProperties)]
    assert change.properties["savia_holdout"] == "true"


def test_a_paused_lead_keeps_the_lists_it_is_on() -> None:
    plan = plan_of(85, {**MARKETABLE, PAUSE: "true"}, lists=frozenset({"Savia: warm"}))
    assert kinds(plan) == {"SetProperties"}


def test_who_lacks_the_marketing_status_alone_is_on_the_list_for_it_and_leaves_it_with_the_status() -> None:
    joined = [change.list_name for change in plan_of(85, {}).changes if isinstance(change, AddToList)]
    assert joined == ["Savia: hot", MAIL.list_name]
    after = plan_of(85, MARKETABLE, lists=frozenset({"Savia: hot", MAIL.list_name}))
    assert [c.list_name for c in after.changes if isinstance(c, RemoveFromList)] == [MAIL.list_name]
    assert not [
        c for c in plan_of(10, {}).changes if isinstance(c, AddToList) and c.list_name == MAIL.list_name
    ]


def test_outside_the_pilot_nothing_is_written_and_inside_everything() -> None:
    outside = plan_of(85, MARKETABLE, PILOT)
    assert outside.changes == ()
    assert {item.reason for item in outside.withheld} == {"not_pilot"}
    inside = plan_of(85, MARKETABLE, PILOT, frozenset({"Piloto"}))
    assert kinds(inside) == {"SetProperties", "AddToList", "EnrolInWorkflow", "CreateTask"}


def test_a_new_contact_is_never_made_a_marketing_contact_nor_enrolled() -> None:
    one = desired(1, 85, contact_id="")
    plan = make_plan([one], {}, FRESH, MAPPING, WIDE, NOW, gate=OPEN)
    assert kinds(plan) == {"CreateContact", "AddToList"}
    assert answer(plan) == MAPPING.why["non_marketing"].es
    for gate in (PILOT, replace(PILOT, arms={1: "treated"})):
        assert make_plan([one], {}, FRESH, MAPPING, WIDE, NOW, gate=gate).changes == ()


contacts = st.fixed_dictionaries(
    {},
    optional={
        MAIL.marketable: st.sampled_from(["true", "false", ""]),
        MAIL.opted_out: st.sampled_from(["true", "false", ""]),
        MAIL.bounced: st.sampled_from(["", "UNKNOWN_USER"]),
        PAUSE: st.sampled_from(["true", "false", ""]),
    },
)
gates = st.builds(
    Gate,
    released=st.booleans(),
    pilot_list=st.sampled_from(["", "Piloto"]),
    arms=st.dictionaries(st.just(1), st.sampled_from(["treated", "holdout"])),
)
on_lists = st.frozensets(st.sampled_from(["Piloto", "Savia: hot", "Savia: cold", MAIL.list_name, "Otra"]))


@given(st.integers(0, 100), contacts, gates, on_lists)
def test_no_plan_ever_enrols_or_tasks_whom_it_must_not_nor_touches_what_it_does_not_own(
    value: int, held: dict[str, str], gate: Gate, lists: frozenset[str]
) -> None:
    plan = plan_of(value, held, gate, lists)
    must_not = (
        not gate.released
        or gate.arms.get(1) == "holdout"
        or held.get(PAUSE) == "true"
        or held.get(MAIL.marketable) != "true"
        or held.get(MAIL.opted_out) == "true"
        or bool(held.get(MAIL.bounced))
        or (gate.pilot_list != "" and gate.pilot_list not in lists)
    )
    sent = [change for change in plan.changes if isinstance(change, EnrolInWorkflow | CreateTask)]
    assert not (must_not and sent)
    for change in plan.changes:
        if isinstance(change, SetProperties):
            assert all(name.startswith(MAPPING.prefix) and name != PAUSE for name in change.properties)
        if isinstance(change, AddToList | RemoveFromList):
            assert change.list_name.startswith("Savia: ")
        if isinstance(change, AddToList):
            assert gate.arms.get(1) != "holdout"


@given(st.integers(0, 100), contacts, gates, on_lists)
def test_whatever_the_gate_says_a_plan_once_carried_out_leaves_nothing_to_plan(
    value: int, held: dict[str, str], gate: Gate, lists: frozenset[str]
) -> None:
    plan = plan_of(value, held, gate, lists)
    one = desired(1, value)
    before = {one.lead.contact_id: Contact(one.lead.contact_id, one.lead.email, held, lists)}
    after, past = carried_out(plan, before)
    assert make_plan([one], after, past, MAPPING, WIDE, NOW, gate=gate).changes == ()


@pytest.mark.parametrize("held", [{}, {MAIL.marketable: ""}, MARKETABLE])
def test_where_the_portal_knows_no_marketing_contacts_whoever_has_no_status_is_acted_on(
    held: dict[str, str],
) -> None:
    assert "EnrolInWorkflow" in kinds(plan_of(85, held, NO_STATUS))
