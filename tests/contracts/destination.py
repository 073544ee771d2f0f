"""What every destination must promise. Subclass it as Test... and fill in the fixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.changes import (
    AddToList,
    Change,
    CreateContact,
    CreateTask,
    EnrolInWorkflow,
    EnsureList,
    EnsureProperty,
    Outcome,
    RemoveFromList,
    SetProperties,
)
from app.domain.ports import Destination

GROUP = EnsureProperty("a:group", "savia", {"group": True, "name": "savia", "label": "Savia"})
SCORE = EnsureProperty(
    "b:score",
    "savia_score",
    {"name": "savia_score", "label": "Score", "groupName": "savia", "type": "number", "fieldType": "number"},
)
TRIGGER = EnsureProperty(
    "c:trigger",
    "savia_trigger",
    {
        "name": "savia_trigger",
        "label": "Start",
        "groupName": "savia",
        "type": "datetime",
        "fieldType": "date",
    },
)
HOT = EnsureList("d:hot", "Savia hot")
COLD = EnsureList("e:cold", "Savia cold")
SETUP = (GROUP, SCORE, TRIGGER, HOT, COLD)
TRIGGERED_AT = 1_795_341_600_000
ASKED = ("savia_score", "savia_trigger", "firstname")

Snapshot = Callable[[], Mapping[str, Any]]


class DestinationContract:
    """The destination starts without any of `SETUP`; the tests make it themselves."""

    @pytest.fixture
    def destination(self) -> Destination:
        raise NotImplementedError

    @pytest.fixture
    def contact_ids(self) -> Sequence[str]:
        """At least 105 contacts that are there."""
        raise NotImplementedError

    @pytest.fixture
    def unknown_id(self) -> str:
        """An id no contact has."""
        raise NotImplementedError

    @pytest.fixture
    def snapshot(self) -> Snapshot:
        """Takes everything kept there, by contact id or, for other things, by name; without time stamps."""
        raise NotImplementedError

    @pytest.fixture
    def ready(self, destination: Destination) -> Destination:
        """The destination with its properties and lists in place."""
        assert all(outcome.status == "done" for outcome in destination.apply(SETUP))
        return destination

    def test_set_up_is_missing_then_made_then_complete(self, destination: Destination):
        assert destination.check(tuple(reversed(SETUP))) == ([], [GROUP, TRIGGER, SCORE, COLD, HOT])
        assert destination.find_applied(SETUP) == set()
        assert destination.lacks(["email", SCORE.name]) == {SCORE.name}
        assert_all_done(SETUP, destination.apply(SETUP))
        assert destination.check(SETUP) == ([], [])
        assert destination.lacks(["email", SCORE.name]) == set()
        assert destination.find_applied(SETUP) == {change.key for change in SETUP}
        assert_all_done(SETUP, destination.apply(SETUP))

    def test_every_change_of_a_plan_has_exactly_one_outcome(
        self, ready: Destination, contact_ids: Sequence[str]
    ):
        changes = plan(contact_ids[:20])
        assert_all_done(changes, ready.apply(changes))

    def test_a_plan_may_be_handed_over_as_a_stream(self, ready: Destination, contact_ids: Sequence[str]):
        changes = plan(contact_ids[:3])
        assert_all_done(changes, ready.apply(iter(changes)))

    def test_one_bad_value_of_100_rejects_that_contact_alone(
        self, ready: Destination, contact_ids: Sequence[str]
    ):
        changes = [set_score(contact_id, "7") for contact_id in contact_ids[:100]]
        changes[41] = set_score(contact_ids[41], "seven")
        assert_only_rejected(changes, [41], ready.apply(changes))
        found = ready.read(contact_ids[:100], ["savia_score"])
        assert [found[c.contact_id].properties["savia_score"] for c in changes[40:43]] == ["7", "", "7"]

    def test_one_unknown_contact_of_100_is_rejected_alone(
        self, ready: Destination, contact_ids: Sequence[str], unknown_id: str
    ):
        ids = [*contact_ids[:57], unknown_id, *contact_ids[57:99]]
        for changes in (
            [set_score(each, "8") for each in ids],
            [AddToList(f"add:{each}", 1, each, "Savia hot") for each in ids],
            [RemoveFromList(f"remove:{each}", 1, each, "Savia hot") for each in ids],
            [enrol(each) for each in ids],
            [task(each) for each in ids],
        ):
            assert_only_rejected(changes, [57], ready.apply(changes))

    def test_one_bad_new_contact_of_100_is_rejected_alone_and_the_others_get_their_ids(
        self, ready: Destination
    ):
        changes = [create(position) for position in range(100)]
        changes[13] = replace(changes[13], properties={"savia_score": "many"})
        outcomes = list(ready.apply(changes))
        assert_only_rejected(changes, [13], outcomes)
        done = [outcome for outcome in outcomes if outcome.status == "done"]
        found = ready.read([outcome.contact_id for outcome in done], [])
        emails = {change.key: change.email for change in changes}
        assert [found[outcome.contact_id].email for outcome in done] == [emails[each.key] for each in done]

    def test_a_list_that_is_not_there_rejects_its_members_and_no_others(
        self, ready: Destination, contact_ids: Sequence[str]
    ):
        changes = [
            AddToList("add:1", 1, contact_ids[0], "Savia hot"),
            AddToList("add:2", 2, contact_ids[1], "Savia nowhere"),
            AddToList("add:3", 3, contact_ids[2], "Savia hot"),
        ]
        assert_only_rejected(changes, [1], ready.apply(changes))

    def test_applying_again_changes_nothing(
        self, ready: Destination, contact_ids: Sequence[str], snapshot: Snapshot
    ):
        changes = plan(contact_ids[:10])
        assert_all_done(changes, ready.apply(changes))
        before = snapshot()
        applied = ready.find_applied(changes)
        assert applied == {change.key for change in changes}
        again = [change for change in changes if not isinstance(change, CreateTask)]
        assert_all_done(again, ready.apply(again))
        assert snapshot() == before

    def test_what_was_applied_is_found_and_nothing_else(self, ready: Destination, contact_ids: Sequence[str]):
        changes = plan(contact_ids[:10])
        left = [change for change in changes if isinstance(change, RemoveFromList)]
        assert ready.find_applied(changes) == {change.key for change in left}, "nobody is on the list yet"
        half = changes[::2]
        assert_all_done(half, ready.apply(half))
        assert ready.find_applied(changes) == {change.key for change in [*half, *left]}

    def test_nothing_but_the_changes_is_touched(
        self, ready: Destination, contact_ids: Sequence[str], snapshot: Snapshot
    ):
        before = snapshot()
        assert_all_done(None, ready.apply([set_score(contact_ids[0], "55")]))
        after = dict(snapshot())
        mine = dict(after.pop(contact_ids[0]))
        theirs = dict(before)
        assert mine.pop("savia_score") == "55"
        assert mine == theirs.pop(contact_ids[0])
        assert after == theirs

    def test_reading_gives_what_was_asked_for_and_our_lists(
        self, ready: Destination, contact_ids: Sequence[str], unknown_id: str
    ):
        assert_all_done(None, ready.apply(plan(contact_ids[:1])))
        found = ready.read([*contact_ids, unknown_id], ASKED)
        assert set(found) == set(contact_ids)
        assert found[contact_ids[0]].lists == {"Savia hot"}
        assert found[contact_ids[1]].lists == frozenset()
        assert all(set(contact.properties) == set(ASKED) for contact in found.values())
        assert found[contact_ids[0]].properties["savia_score"] == "60"

    def test_reading_nobody_and_applying_nothing_asks_nothing(self, ready: Destination):
        assert ready.read([], ASKED) == {}
        assert list(ready.apply([])) == []
        assert ready.find_applied([]) == set()

    def test_clearing_a_property_empties_it(self, ready: Destination, contact_ids: Sequence[str]):
        clear = set_score(contact_ids[0], "")
        assert_all_done(None, ready.apply([set_score(contact_ids[0], "9"), clear]))
        assert ready.read(contact_ids[:1], ["savia_score"])[contact_ids[0]].properties == {"savia_score": ""}
        assert ready.find_applied([clear]) == {clear.key}

    def test_a_task_found_by_its_key_is_that_key_alone(self, ready: Destination, contact_ids: Sequence[str]):
        made, other = task(contact_ids[0]), replace(task(contact_ids[0]), key=f"task:{contact_ids[0]}:2")
        assert_all_done(None, ready.apply([other]))
        assert ready.find_applied([made, other]) == {other.key}


def set_score(contact_id: str, score: str) -> SetProperties:
    return SetProperties(f"set:{contact_id}:{score}", 1, contact_id, {"savia_score": score})


def create(position: int) -> CreateContact:
    return CreateContact(
        f"create:{position:03}", position, f"new{position}@example.com", {"savia_score": "1"}
    )


def enrol(contact_id: str) -> EnrolInWorkflow:
    return EnrolInWorkflow(
        f"enrol:{contact_id}", 1, contact_id, "", "nurture", "Savia hot", "savia_trigger", TRIGGERED_AT
    )


def task(contact_id: str) -> CreateTask:
    due = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    return CreateTask(
        f"task:{contact_id}", 1, contact_id, "Llamar hoy", "Vio el webinar entero.\nPidió precio.", due
    )


def plan(contact_ids: Sequence[str]) -> list[Change]:
    """Every kind of lead change, in canonical order."""
    return [
        *(create(position) for position in range(len(contact_ids))),
        *(set_score(contact_id, "60") for contact_id in contact_ids),
        *(RemoveFromList(f"remove:{each}", 1, each, "Savia cold") for each in contact_ids),
        *(AddToList(f"add:{each}", 1, each, "Savia hot") for each in contact_ids),
        *(enrol(contact_id) for contact_id in contact_ids),
        *(task(contact_id) for contact_id in contact_ids),
    ]


def assert_all_done(changes: Iterable[Change] | None, outcomes: Iterable[Outcome]) -> None:
    outcomes = list(outcomes)
    assert [outcome for outcome in outcomes if outcome.status != "done"] == []
    if changes is not None:
        assert sorted(outcome.key for outcome in outcomes) == sorted(change.key for change in changes)


def assert_only_rejected(
    changes: Sequence[Change], places: Sequence[int], outcomes: Iterable[Outcome]
) -> None:
    outcomes = list(outcomes)
    assert sorted(outcome.key for outcome in outcomes) == sorted(change.key for change in changes)
    rejected = [outcome for outcome in outcomes if outcome.status == "rejected"]
    assert {outcome.key for outcome in rejected} == {changes[place].key for place in places}
    assert all(outcome.reason and "\n" not in outcome.reason for outcome in rejected)
