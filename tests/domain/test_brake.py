"""The brake: an empty source empties no list, and no day sends more than it may, however it is cut up."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.brake import Limits, passed_limits, uses_of
from app.domain.changes import (
    CLEAR,
    AddToList,
    Change,
    Contact,
    CreateContact,
    CreateTask,
    EnrolInWorkflow,
    RemoveFromList,
    SetProperties,
)
from tests.domain.leads import FRESH, MAPPING, NOW, WIDE

HOT = "Savia: hot"
SCORE = next(item.name for item in MAPPING.properties if item.value == "score")


def leave(number: int) -> Change:
    return RemoveFromList(f"leave:{number}", number, str(number), HOT)


def join(number: int) -> Change:
    return AddToList(f"join:{number}", number, str(number), HOT)


def enrol(number: int) -> Change:
    return EnrolInWorkflow(f"enrol:{number}", number, str(number), "", "hot_leads", "l", "t", 1)


def task(number: int) -> Change:
    return CreateTask(f"call:{number}", number, str(number), "", "", NOW)


def create(number: int) -> Change:
    return CreateContact(f"create:{number}", number, f"lead{number}@example.com", {})


def clear(number: int) -> Change:
    return SetProperties(f"set:{number}", number, str(number), {"savia_reasons": CLEAR})


def score(number: int, value: int) -> Change:
    return SetProperties(f"set:{number}", number, str(number), {SCORE: str(value)})


def shown_fifty(changes: list[Change]) -> dict[str, Contact]:
    """Everybody's contact, with a score of 50."""
    ids = {str(getattr(change, "contact_id", "")) for change in changes} - {""}
    return {name: Contact(name, "", {SCORE: "50"}) for name in ids}


def judged(changes: list[Change], past=FRESH, limits: Limits = WIDE):
    uses = uses_of(changes, shown_fifty(changes), past, MAPPING, limits)
    return uses, list(passed_limits(changes, uses, past, limits))


def reasons(changes: list[Change], past=FRESH, **limits: float) -> list[str]:
    return judged(changes, past, replace(WIDE, **limits))[1]


def test_a_list_that_would_lose_more_than_its_share_stops_the_plan() -> None:
    past = replace(FRESH, list_sizes={HOT: 20})
    leaving = [leave(number) for number in range(11)]
    (reason,) = reasons(leaving, past, max_list_leaves=0.5)
    assert reason == "11 of 20 members leave Savia: hot, max_list_leaves is 50%"
    assert reasons(leaving[:10], past, max_list_leaves=0.5) == []
    assert reasons([*leaving, join(30), join(31)], past, max_list_leaves=0.5) == []


def test_who_left_earlier_that_day_counts_as_having_left() -> None:
    past = replace(FRESH, list_sizes={HOT: 12}, used_today={f"leaves {HOT}": 8})
    leaving = [leave(number) for number in range(3)]
    (reason,) = reasons(leaving, past, max_list_leaves=0.5)
    assert reason == "3 of 20 members leave Savia: hot after 8 in the last 24 hours, max_list_leaves is 50%"
    assert reasons(leaving[:2], past, max_list_leaves=0.5) == []


def test_a_handful_of_members_may_leave_their_list() -> None:
    past = replace(FRESH, list_sizes={HOT: 9})
    assert reasons([leave(number) for number in range(9)], past, max_list_leaves=0.5) == []


@pytest.mark.parametrize(
    ("make", "sent", "limits", "setting"),
    [
        (enrol, "EnrolInWorkflow", {"max_enrolments_per_day": 10}, "max_enrolments_per_day is 10"),
        (task, "CreateTask", {"max_tasks_per_day": 10}, "max_tasks_per_day is 10"),
        (
            create,
            "CreateContact",
            {"max_new_contacts": 10, "max_new_contacts_share": 0.0},
            "max_new_contacts_share is 0%",
        ),
        (
            join,
            "AddToList",
            {"max_list_joins": 3, "max_list_joins_share": 10 / 60},
            "max_list_joins_share is 17%",
        ),
        (clear, "clears", {"max_clears": 10 / 60}, "max_clears is 17%"),
        (leave, "band moves", {"max_band_moves": 10 / 60}, "max_band_moves is 17%"),
    ],
)
def test_what_went_out_in_the_last_day_counts(make, sent: str, limits, setting: str) -> None:
    changes = [make(number) for number in range(3)]
    assert reasons(changes, replace(FRESH, used_today={sent: 7}), **limits) == []
    (reason,) = reasons(changes, replace(FRESH, used_today={sent: 8}), **limits)
    assert "after 8 in the last 24 hours" in reason
    assert reason.endswith(setting)
    assert reasons([], replace(FRESH, used_today={sent: 99}), **limits) == []


def test_scores_that_fall_do_not_hide_those_that_rise() -> None:
    swapped = [score(number, 20 if number % 2 else 80) for number in range(60)]
    found = reasons(swapped, max_mean_score_move=5.0)
    assert [reason.split(" over")[0] for reason in found] == ["900 points less", "900 points more"]


KINDS = (leave, join, enrol, task, create, clear, lambda n: score(n, 90), lambda n: score(n, 10))
TIGHT = Limits(
    max_new_contacts=4,
    max_list_joins=6,
    max_enrolments=5,
    max_tasks=5,
    max_enrolments_per_day=9,
    max_tasks_per_day=7,
    max_new_contacts_share=0.1,
    max_list_joins_share=0.2,
    max_band_moves=0.3,
    max_clears=0.1,
    max_list_leaves=0.5,
    max_mean_score_move=5.0,
    minimum_population=50,
)


@given(
    st.lists(st.lists(st.sampled_from(KINDS), min_size=1, max_size=12), min_size=1, max_size=30),
    st.integers(10, 40),
)
def test_however_changes_are_cut_into_plans_a_day_lets_no_more_through(plans, members: int) -> None:
    used: Counter[str] = Counter()
    out: list[Change] = []
    number, on_list = 0, members
    for kinds in plans:
        changes = []
        for make in kinds:
            number += 1
            changes.append(make(number))
        past = replace(FRESH, used_today=used, list_sizes={HOT: on_list})
        uses, passed = judged(changes, past, TIGHT)
        if not passed:
            out += changes
            used.update({name: use.amount for name, use in uses.items()})
            counts = Counter(type(change) for change in changes)
            on_list += counts[AddToList] - counts[RemoveFromList]
    total = Counter(type(change) for change in out)
    joined, left = total[AddToList], total[RemoveFromList]
    assert total[EnrolInWorkflow] <= 9
    assert total[CreateTask] <= 7
    assert total[CreateContact] <= 6  # 10 % of 60 leads
    assert joined <= 12
    assert left <= 18  # 30 % of 60 leads change band
    assert left <= 0.5 * (members + joined)
    sets = [change for change in out if isinstance(change, SetProperties)]
    assert sum(CLEAR in change.properties.values() for change in sets) <= 6
    moves = [float(change.properties[SCORE]) - 50 for change in sets if SCORE in change.properties]
    assert sum(move for move in moves if move > 0) <= 300
    assert -sum(move for move in moves if move < 0) <= 300


@pytest.mark.parametrize(("population", "members", "lot"), [(10_000, 1_000, 400), (2_000, 100, 50)])
def test_a_list_that_everybody_leaves_lot_by_lot_keeps_half_its_members(
    population: int, members: int, lot: int
) -> None:
    limits = replace(WIDE, max_list_leaves=0.5)
    used: Counter[str] = Counter()
    on_list, share = members, max(1, lot * members // population)
    while on_list:
        past = replace(FRESH, population=population, used_today=used, list_sizes={HOT: on_list})
        uses, passed = judged([leave(number) for number in range(min(share, on_list))], past, limits)
        if passed:
            break
        used.update({name: use.amount for name, use in uses.items()})
        on_list -= min(share, on_list)
    assert members // 2 <= on_list <= members // 2 + share
