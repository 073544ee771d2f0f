"""Reading ahead: no page is skipped, doubled or out of its turn, and few are read in vain."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import TryLater
from app.domain.records import Page, Record
from app.pipeline.ahead import AHEAD, in_few, pages_ahead


class Vendor:
    """So many numbered pages, then the failure if there is one. `asked` counts how often it was called."""

    def __init__(self, pages: int, failure: BaseException | None = None, says_more: bool = False) -> None:
        self.pages, self.failure, self.asked, self.says_more = pages, failure, 0, says_more

    def listing(self) -> Iterator[Page]:
        for number in range(self.pages):
            self.asked += 1
            yield Page((), {"page": number}, goes_on=self.says_more and number + 1 < self.pages)
        if self.failure is not None:
            self.asked += 1
            raise self.failure


def numbers(lot: list[Page]) -> list[int]:
    return [page.cursor["page"] for page in lot]


@given(st.integers(0, 30), st.lists(st.booleans(), max_size=30), st.booleans())
def test_every_page_comes_once_and_in_its_turn_and_a_failure_behind_them(pages, stops, fails) -> None:
    vendor = Vendor(pages, TryLater("busy") if fails else None)
    said = iter(stops)
    read: list[int] = []
    with pages_ahead(vendor.listing(), stop=lambda: next(said, False)) as lots:
        try:
            for lot in lots:
                assert 1 <= len(lot) <= AHEAD
                read += numbers(lot)
        except TryLater:
            assert fails
        else:
            assert not fails
    assert read == list(range(pages))


@given(st.integers(0, 30), st.integers(0, 4))
def test_whoever_leaves_early_has_read_a_few_pages_in_vain_and_no_more(pages, taken) -> None:
    vendor = Vendor(pages)
    with pages_ahead(vendor.listing(), stop=lambda: True) as lots:
        read = [number for lot, _ in zip(lots, range(taken), strict=False) for number in numbers(lot)]
    assert read == list(range(min(taken, pages)))
    assert vendor.asked <= taken + 1 + AHEAD
    assert "pages ahead" not in {thread.name for thread in threading.enumerate()}


def test_told_to_stop_it_gives_one_page_at_a_time() -> None:
    with pages_ahead(Vendor(7).listing(), stop=lambda: True) as lots:
        assert [numbers(lot) for lot in lots] == [[number] for number in range(7)]


@given(st.integers(1, 20), st.integers(0, 20))
def test_told_to_stop_it_asks_for_nothing_behind_a_page_that_goes_on(pages, until) -> None:
    vendor = Vendor(pages, says_more=True)
    read: list[int] = []
    with pages_ahead(vendor.listing(), stop=lambda: vendor.asked > until) as lots:
        for lot in lots:
            read += numbers(lot)
    assert read == list(range(min(pages, until + 1)))
    assert vendor.asked == len(read), "none in vain"


def test_pages_that_came_meanwhile_are_one_lot() -> None:
    all_read = threading.Event()

    def listing() -> Iterator[Page]:
        yield from Vendor(AHEAD - 1).listing()
        all_read.set()

    with pages_ahead(listing(), stop=lambda: False) as lots:
        assert all_read.wait(10)
        assert numbers(next(lots)) == list(range(AHEAD - 1))


def test_the_next_page_is_asked_for_while_the_one_before_is_stored() -> None:
    asked = threading.Event()

    def listing() -> Iterator[Page]:
        yield Page((), {"page": 0})
        asked.set()
        yield Page((), {"page": 1})

    with pages_ahead(listing(), stop=lambda: True) as lots:
        assert numbers(next(lots)) == [0]
        assert asked.wait(10)  # the first page is still in our hands


@pytest.mark.parametrize(
    "failure", [KeyboardInterrupt(), KeyError("gap")], ids=lambda one: type(one).__name__
)
def test_a_failure_nobody_foresaw_is_raised_where_the_page_was_wanted(failure: BaseException) -> None:
    read: list[int] = []

    def take_all() -> None:
        with pages_ahead(Vendor(2, failure).listing(), stop=lambda: False) as lots:
            for lot in lots:
                read.extend(numbers(lot))

    with pytest.raises(type(failure)):
        take_all()
    assert read == [0, 1]


def test_a_caller_that_fails_ends_the_reading_too() -> None:
    vendor = Vendor(100)

    def fail() -> None:
        with pages_ahead(vendor.listing(), stop=lambda: False) as lots:
            next(lots)
            raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        fail()
    assert vendor.asked <= 2 * AHEAD + 1
    assert "pages ahead" not in {thread.name for thread in threading.enumerate()}


PAGES = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["", "", "day 1", "day 2"])), max_size=8)


@given(PAGES)
def test_pages_put_together_hold_the_same_records_and_who_replaces_stays_alone(shapes) -> None:
    pages = [
        Page(
            tuple(Record("ga4", "days", {"page": place, "row": row}) for row in range(rows)),
            {"page": place},
            replaces,
        )
        for place, (rows, replaces) in enumerate(shapes)
    ]
    few = list(in_few(pages))
    assert [one for _, made_of in few for one in made_of] == pages
    assert [record for page, _ in few for record in page.records] == [
        r for page in pages for r in page.records
    ]
    assert all(page.cursor == made_of[-1].cursor for page, made_of in few)
    assert [page for page, _ in few if page.replaces] == [page for page in pages if page.replaces]
    assert not any(one.replaces == other.replaces == "" for (one, _), (other, _) in pairwise(few))
