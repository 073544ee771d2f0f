"""A plan goes out lot by lot: about a second of calls each, the ledger a lot ahead of HubSpot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from app.domain.changes import (
    AddToList,
    Change,
    CreateContact,
    EnrolInWorkflow,
    Outcome,
    SetProperties,
)
from app.pipeline import lot_sizes
from app.pipeline.lot_sizes import CALLS, LOT, lots_of
from app.services import Services
from tests.line import Town
from tests.pipeline.writes import carry_out, learn, ledger_states, show


def set_one(number: int) -> SetProperties:
    return SetProperties(f"set:{number}", number, str(number), {"savia_score": "1"})


def create(number: int) -> CreateContact:
    return CreateContact(f"create:{number}", number, f"p{number}@example.com", {})


def join(number: int) -> AddToList:
    return AddToList(f"join:{number}", number, str(number), "Savia hot")


def enrol(number: int, call: str) -> EnrolInWorkflow:
    return EnrolInWorkflow(f"enrol:{number}", number, str(number), "", "hot", "Savia", "savia_at", 1, call)


@given(st.lists(st.sampled_from([set_one, create, lambda number: enrol(number, "7")]), max_size=60))
def test_lots_hold_every_change_in_its_order_and_new_contacts_by_themselves(kinds: list[Any]) -> None:
    changes = [make(number) for number, make in enumerate(kinds)]
    found = list(lots_of(changes))
    assert [change for lot in found for change in lot] == changes
    assert all(len({isinstance(change, CreateContact) for change in lot}) == 1 for lot in found)


def test_a_lot_is_as_large_as_its_calls_allow() -> None:
    assert [len(lot) for lot in lots_of([set_one(n) for n in range(2_500)])] == [1_000, 1_000, 500]
    assert [len(lot) for lot in lots_of([join(n) for n in range(LOT + 1)])] == [LOT, 1]
    assert [len(lot) for lot in lots_of([enrol(n, "7") for n in range(12)])] == [CALLS // 2, CALLS // 2, 2]
    assert [len(lot) for lot in lots_of([enrol(n, "") for n in range(700)])] == [500, 200]


def test_a_lot_of_a_plan_that_is_old_has_room_for_reading_its_contacts_again() -> None:
    joins = [join(n) for n in range(1_100)]
    assert [len(lot) for lot in lots_of(joins, lambda: True)] == [500, 500, 100]
    both = [*map(set_one, range(250)), *map(join, range(250))]
    assert [len(lot) for lot in lots_of(both, lambda: True)] == [500], "a contact is read once"
    ages = iter([False, True, True])
    assert [len(lot) for lot in lots_of([set_one(n) for n in range(1_400)], lambda: next(ages))] == [
        1_000,
        334,
        66,
    ]


class Watching:
    """A destination that notes, during each lot's calls, how many intents are written down."""

    name = "hubspot"

    def __init__(self, real: Any, services: Services) -> None:
        self._real, self._services = real, services
        self.seen: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def apply(self, changes: Iterable[Change]) -> Iterator[Outcome]:
        lot = list(changes)
        yield from self._real.apply(lot)
        with self._services.database.connect() as conn:
            query = sa.text("SELECT count(*) FROM ledger WHERE change_key = ANY(:keys)")
            self.seen.append(conn.scalar(query, {"keys": [change.key for change in lot]}) - len(lot))


def test_no_call_is_made_before_its_intent_is_committed(
    place: Town, living: Services, monkeypatch: Any
) -> None:
    monkeypatch.setattr(lot_sizes, "LOT", 7)
    learn(living)
    plan = show(living).plan
    watching = Watching(living.destination, living)
    applied = carry_out(replace(living, destination=watching), plan)
    assert len(watching.seen) > 3
    assert set(watching.seen) == {0}
    assert (applied.finished, applied.done) == (True, plan.counts)
    assert set(ledger_states(living)) == {"done"}
