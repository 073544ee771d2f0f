"""The brake: an empty source empties no list, and no day sends more than it may."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.brake import passed_limits
from app.domain.changes import AddToList, Change, CreateTask, EnrolInWorkflow, RemoveFromList
from tests.domain.leads import FRESH, MAPPING, NOW, WIDE


def leave(number: int) -> Change:
    return RemoveFromList(f"leave:{number}", number, str(number), "Savia: hot")


def join(number: int) -> Change:
    return AddToList(f"join:{number}", number, str(number), "Savia: hot")


def enrol(number: int) -> Change:
    return EnrolInWorkflow(f"enrol:{number}", number, str(number), "", "hot_leads", "l", "t", 1)


def task(number: int) -> Change:
    return CreateTask(f"call:{number}", number, str(number), "", "", NOW)


def reasons(changes: list[Change], past=FRESH, **limits: float) -> list[str]:
    return list(passed_limits(changes, [], {}, past, MAPPING, replace(WIDE, **limits)))


def test_a_list_that_would_lose_more_than_its_share_stops_the_plan() -> None:
    past = replace(FRESH, list_sizes={"Savia: hot": 20})
    leaving = [leave(number) for number in range(11)]
    (reason,) = reasons(leaving, past, max_list_leaves=0.5)
    assert reason == "Savia: hot goes from 20 to 9 members, max_list_leaves is 50%"
    assert reasons(leaving[:10], past, max_list_leaves=0.5) == []
    assert reasons([*leaving, join(30)], past, max_list_leaves=0.5) == []


def test_a_handful_of_members_may_leave_their_list() -> None:
    past = replace(FRESH, list_sizes={"Savia: hot": 9})
    assert reasons([leave(number) for number in range(9)], past, max_list_leaves=0.5) == []


@pytest.mark.parametrize(
    ("make", "sent", "setting"),
    [(enrol, "enrolments_today", "max_enrolments_per_day"), (task, "tasks_today", "max_tasks_per_day")],
)
def test_what_went_out_in_the_last_day_counts(make, sent: str, setting: str) -> None:
    changes = [make(number) for number in range(3)]
    assert reasons(changes, replace(FRESH, **{sent: 7}), **{setting: 10}) == []
    (reason,) = reasons(changes, replace(FRESH, **{sent: 8}), **{setting: 10})
    assert "after 8 in the last 24 hours" in reason
    assert reason.endswith(f"{setting} is 10")
    assert reasons([], replace(FRESH, **{sent: 99}), **{setting: 10}) == []
