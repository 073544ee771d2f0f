"""Batches go out several at once; what comes of them is told in order, and a failure loses no outcome."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.changes import Outcome, SetProperties
from app.domain.errors import TryLater
from connectors.hubspot.in_flight import IN_FLIGHT, write_together

Judged = tuple[SetProperties, Outcome]


def change(number: int, contact: int | None = None) -> SetProperties:
    return SetProperties(f"set:{number}", number, str(number if contact is None else contact), {})


def contact_of(one: SetProperties) -> str:
    return one.contact_id


def all_done(batch: Sequence[SetProperties]) -> Iterator[Judged]:
    yield from ((one, Outcome(one.key, "done")) for one in batch)


@given(sizes=st.lists(st.integers(1, 4), max_size=20))
def test_outcomes_come_in_the_order_of_the_changes(sizes: list[int]) -> None:
    numbers = iter(range(100))
    batches = [[change(next(numbers)) for _ in range(size)] for size in sizes]
    told = [one.key for one, _ in write_together(batches, all_done, contact_of)]
    assert told == [one.key for batch in batches for one in batch]


def test_as_many_are_in_flight_as_the_session_has_connections() -> None:
    together = threading.Barrier(IN_FLIGHT, timeout=10)

    def meet(batch: Sequence[SetProperties]) -> Iterator[Judged]:
        together.wait()  # each waits for the others: one after the other would break the barrier
        return all_done(batch)

    batches = [[change(number)] for number in range(2 * IN_FLIGHT)]
    assert len(list(write_together(batches, meet, contact_of))) == 2 * IN_FLIGHT


def test_two_batches_about_one_contact_are_never_in_flight_together() -> None:
    busy: set[str] = set()

    def write(batch: Sequence[SetProperties]) -> Iterator[Judged]:
        contacts = {one.contact_id for one in batch}
        assert busy.isdisjoint(contacts)
        busy.update(contacts)
        done = list(all_done(batch))
        busy.difference_update(contacts)
        return iter(done)

    batches = [[change(number, contact=number % 3)] for number in range(12)]
    assert len(list(write_together(batches, write, contact_of))) == 12


def test_a_failure_is_raised_after_every_outcome_that_was_given_and_starts_no_more() -> None:
    begun: list[str] = []

    def write(batch: Sequence[SetProperties]) -> Iterator[Judged]:
        begun.append(batch[0].key)
        yield batch[0], Outcome(batch[0].key, "done")
        if batch[0].person_id == 0:
            raise TryLater("HubSpot is away")
        yield batch[1], Outcome(batch[1].key, "done")

    batches = [[change(2 * number), change(2 * number + 1)] for number in range(50)]
    told: list[str] = []
    with pytest.raises(TryLater, match="away"):
        told.extend(one.key for one, _ in write_together(batches, write, contact_of))
    assert told[0] == "set:0"
    assert "set:1" not in told
    assert len(begun) < 50
    assert {f"set:{int(key[4:]) + 1}" for key in begun if key != "set:0"} <= set(told)
