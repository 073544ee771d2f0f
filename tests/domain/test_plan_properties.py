"""What holds of every plan, whoever the leads are: order, repetition, ownership, whom it never touches."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

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
from app.domain.desired import Desired
from app.domain.edits import Memory
from app.domain.experiments import first_eligible
from app.domain.gate import Gate
from app.domain.plan import make_plan
from app.domain.portal import managed_lists, our_lists, owned_names
from tests.domain.leads import FRESH, MAPPING, NOW, WIDE, desired
from tests.domain.test_plan import carried_out

MAIL, PAUSE, PILOT = MAPPING.mailability, MAPPING.pause.name, "Piloto"
PEOPLE = st.integers(1, 30)
NEWLY_MADE = Contact("", "", {})


@dataclass(frozen=True)
class World:
    """Leads, what HubSpot holds of them, what we remember of it, and the gate."""

    wanted: list[Desired]
    current: dict[str, Contact]
    memories: dict[int, Memory]
    gate: Gate


@st.composite
def worlds(draw: Any) -> World:
    numbers = draw(st.lists(PEOPLE, unique=True, max_size=12))
    wanted, current, memories = [], {}, {}
    for number in numbers:
        how = draw(st.sampled_from(["known", "known", "known", "new", "gone"]))
        item = desired(number, draw(st.integers(0, 100)), contact_id="" if how == "new" else None)
        wanted.append(item)
        if how == "known":
            held = draw(contacts)
            lists = draw(st.frozensets(st.sampled_from([PILOT, "Otra", *our_lists(MAPPING)])))
            current[item.lead.contact_id] = Contact(item.lead.contact_id, item.lead.email, held, lists)
            if draw(st.booleans()):
                memories[number] = Memory(item.lead.contact_id, draw(remembered), {}, {})
    return World(wanted, current, memories, draw(gates))


contacts = st.fixed_dictionaries(
    {},
    optional={
        MAIL.marketable: st.sampled_from(["true", "true", "false", ""]),
        MAIL.opted_out: st.sampled_from(["true", "false", ""]),
        MAIL.bounced: st.sampled_from(["", "UNKNOWN_USER"]),
        PAUSE: st.sampled_from(["true", "false", ""]),
        "savia_band": st.sampled_from(["hot", "cold", ""]),
        "savia_score": st.integers(0, 100).map(str),
        "lifecyclestage": st.just("customer"),
    },
)
remembered = st.fixed_dictionaries(
    {"savia_band": st.sampled_from(["hot", "warm"]), "savia_score": st.integers(0, 100).map(str)}
)
gates = st.builds(
    Gate,
    released=st.booleans(),
    pilot_list=st.sampled_from(["", "", PILOT]),
    arms=st.dictionaries(PEOPLE, st.sampled_from(["treated", "holdout"])),
    marketing_contacts=st.booleans(),
)


def plan_of(world: World) -> Plan:
    past = replace(FRESH, memories=world.memories)
    return make_plan(world.wanted, world.current, past, MAPPING, WIDE, NOW, gate=world.gate)


@given(worlds(), st.randoms(use_true_random=False))
def test_leads_in_any_order_make_the_same_plan_with_the_same_fingerprint(
    world: World, chance: random.Random
) -> None:
    shuffled = replace(world, wanted=chance.sample(world.wanted, len(world.wanted)))
    assert plan_of(world) == plan_of(shuffled)


@given(worlds())
def test_once_carried_out_there_is_nothing_left_to_plan(world: World) -> None:
    known = replace(world, wanted=[item for item in world.wanted if item.lead.contact_id in world.current])
    done, past = carried_out(plan_of(known), known.current)
    again = make_plan(
        known.wanted, done, replace(past, memories=known.memories), MAPPING, WIDE, NOW, gate=known.gate
    )
    assert again.changes == ()


@given(worlds())
def test_it_writes_what_is_ours_alone_and_never_over_somebody_elses_value(world: World) -> None:
    contact_of = {item.lead.person_id: item.lead.contact_id for item in world.wanted}
    plan = plan_of(world)
    edited = {(item.person_id, item.subject) for item in plan.withheld if item.reason == "human_edit"}
    for change in plan.changes:
        match change:
            case SetProperties():
                assert set(change.properties) <= set(owned_names(MAPPING))
                assert not {(change.person_id, name) for name in change.properties} & edited
                assert change.contact_id in world.current
            case AddToList() | RemoveFromList():
                assert change.list_name in managed_lists(MAPPING)
            case CreateContact():
                assert contact_of[change.person_id] == ""
                assert MAIL.marketable not in change.properties
            case EnrolInWorkflow():
                assert change.list_name in our_lists(MAPPING)


@given(worlds())
def test_nobody_held_out_blocked_paused_or_outside_the_pilot_is_enrolled_or_tasked(world: World) -> None:
    for change in plan_of(world).changes:
        if not isinstance(change, EnrolInWorkflow | CreateTask):
            continue
        held = world.current.get(change.contact_id, NEWLY_MADE)
        assert world.gate.released
        assert world.gate.arms.get(change.person_id) != "holdout"
        assert not world.gate.pilot_list or world.gate.pilot_list in held.lists
        status = held.properties.get(MAIL.marketable, "")
        assert status == "true" or (status == "" and not world.gate.marketing_contacts)
        blocked = (held.properties.get(name, "") for name in (MAIL.bounced, MAIL.opted_out, PAUSE))
        assert set(blocked) <= {"", "false"}


@given(worlds(), st.booleans())
def test_everybody_who_gets_something_for_the_first_time_is_dealt_an_arm_before(
    world: World, creates: bool
) -> None:
    leads = first_eligible(world.wanted, world.current, FRESH, world.gate, MAPPING, create_contacts=creates)
    dealt = {item.lead.person_id for item in leads} | set(world.gate.arms)
    plan = make_plan(
        world.wanted, world.current, FRESH, MAPPING, WIDE, NOW, gate=world.gate, create_contacts=creates
    )
    sent = {change.person_id for change in plan.changes if isinstance(change, EnrolInWorkflow | CreateTask)}
    assert sent <= dealt
    assert {item.lead.person_id for item in leads} <= sent, "nobody is dealt an arm who would get nothing"


@given(worlds())
def test_a_held_out_lead_is_put_on_no_list_and_taken_off_those_it_is_on(world: World) -> None:
    plan = plan_of(world)
    done, _ = carried_out(replace(plan, changes=known_only(plan)), world.current)
    for item in world.wanted:
        held = done.get(item.lead.contact_id)
        verdicts = {each.reason for each in plan.withheld if each.person_id == item.lead.person_id}
        if held and world.gate.arms.get(item.lead.person_id) == "holdout" and "holdout" in verdicts:
            assert not held.lists & set(managed_lists(MAPPING))


def known_only(plan: Plan) -> tuple[Any, ...]:
    return tuple(change for change in plan.changes if getattr(change, "contact_id", ""))


@given(worlds())
def test_the_counts_are_those_of_the_changes_and_every_lead_held_back_is_named_once(world: World) -> None:
    plan = plan_of(world)
    assert dict(plan.counts) == Counter(type(change).__name__ for change in plan.changes)
    assert len(plan.withheld) == len(set(plan.withheld))
