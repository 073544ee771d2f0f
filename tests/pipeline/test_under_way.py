"""Lots go out one into the next; what needs an order has it; a plan ends when all of it is written down."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from app.domain.changes import AddToList, Change, Plan, SetProperties
from app.domain.errors import TryLater
from app.pipeline.lots import Lot
from app.pipeline.under_way import lots_under_way


class Calls:
    """Stands for the carrying out of one plan: notes what happens; `during` is what a lot's calls do."""

    def __init__(self, *lots: Lot, during: Any = lambda lot: None) -> None:
        changes = tuple(change for lot in lots for change in lot.changes)
        self.stored = SimpleNamespace(plan=Plan(changes, "fingerprint"))
        self.seen: list[tuple[str, Lot]] = []
        self._during = during

    def send(self, lot: Lot) -> None:
        self._during(lot)
        self.seen.append(("sent", lot))

    def settle(self, lot: Lot) -> None:
        self.seen.append(("settled", lot))


def lot_of(*changes: Change) -> Lot:
    return Lot(changes, (), [], {}, {})


def scores(*numbers: int) -> Lot:
    return lot_of(*(SetProperties(f"set:{n}", n, str(n), {"savia_score": "1"}) for n in numbers))


def joins(number: int) -> Lot:
    return lot_of(AddToList(f"join:{number}", number, str(number), "Savia hot"))


def test_properties_of_other_contacts_go_out_while_the_lot_before_is_still_under_way() -> None:
    first, second, third = scores(1), scores(2), scores(3)
    let_go = threading.Event()

    def call(lot: Lot) -> None:
        assert lot is second or let_go.wait(60)

    calls = Calls(first, second, third, during=call)
    with lots_under_way() as under_way:
        under_way.send(calls, first)
        under_way.send(calls, second)
        assert under_way.people() == {1, 2, 3}
        let_go.set()
        under_way.send(calls, third)
        assert calls.seen.index(("sent", first)) < calls.seen.index(("settled", first))
    assert [lot for what, lot in calls.seen if what == "settled"] == [first, second, third]


@pytest.mark.parametrize("following", [joins(2), scores(1)], ids=["a list", "the same contact"])
def test_what_needs_an_order_waits_for_the_lot_before(following: Lot) -> None:
    first, began = scores(1), threading.Event()

    def call(lot: Lot) -> None:
        if lot is first:
            began.wait(0.1)  # long enough for the other to overtake it
        else:
            began.set()

    calls = Calls(first, following, during=call)
    with lots_under_way() as under_way:
        under_way.send(calls, first)
        under_way.send(calls, following)
    sent = [lot for what, lot in calls.seen if what == "sent"]
    assert [id(lot) for lot in sent] == [id(first), id(following)]


def test_a_plan_does_not_end_where_one_of_its_lots_failed_and_all_is_written_down() -> None:
    first, last = scores(1), scores(2)
    ended: list[str] = []

    def fail(lot: Lot) -> None:
        if lot is first:
            raise TryLater("away")

    calls = Calls(first, last, during=fail)

    def carry_out() -> None:
        with lots_under_way() as under_way:
            under_way.send(calls, first)
            under_way.send(calls, last, lambda: ended.append("plan"))

    with pytest.raises(TryLater):
        carry_out()
    assert [lot for what, lot in calls.seen if what == "settled"] == [first, last]
    assert not ended
