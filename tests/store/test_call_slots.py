"""One window of calls, shared by every process."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from app.store.call_slots import SharedLimit


def waits(database: sa.Engine, holders: int, calls: int, limit: int) -> list[float]:
    """What each of `calls` would have waited, the calls taken in turn by `holders` of one limit."""
    slept: list[float] = []
    limits = [SharedLimit(database, "vendor", limit, 60.0, sleep=slept.append) for _ in range(holders)]
    for number in range(calls):
        before = len(slept)
        limits[number % holders].wait()
        if len(slept) == before:
            slept.append(0.0)
    return slept


def test_two_holders_of_one_limit_share_its_places(database: sa.Engine) -> None:
    slept = waits(database, holders=2, calls=6, limit=4)
    assert slept[:4] == [0.0] * 4
    assert all(50 < wait <= 60 for wait in slept[4:])


def test_the_second_round_of_places_is_one_window_later_again(database: sa.Engine) -> None:
    slept = waits(database, holders=1, calls=5, limit=2)
    assert slept[:2] == [0.0, 0.0]
    assert all(50 < wait <= 60 for wait in slept[2:4])
    assert 110 < slept[4] <= 120


def test_limits_of_other_names_are_apart(database: sa.Engine) -> None:
    slept: list[float] = []
    for name in ("one", "two", "three"):
        SharedLimit(database, name, 1, 60.0, sleep=slept.append).wait()
    assert slept == []


def test_a_call_that_is_made_late_is_booked_at_the_moment_it_is_made(database: sa.Engine) -> None:
    moments = iter([0.0, 0.0, 0.0, 0.0, 61.0])  # a second after the minute that was to be waited
    limit = SharedLimit(database, "vendor", 1, 60.0, sleep=lambda _seconds: None, clock=lambda: next(moments))
    limit.wait()
    with database.connect() as conn:
        first = conn.scalar(sa.text("SELECT max(at) FROM call_slot"))
    limit.wait()
    with database.connect() as conn:
        second = conn.scalar(sa.text("SELECT max(at) FROM call_slot"))
        booked = conn.scalar(sa.text("SELECT count(*) FROM call_slot"))
    assert booked == 2
    assert (second - first).total_seconds() < 50, "moved from its place a minute on to now, when it was made"


def test_a_vendor_that_allows_less_is_believed_and_more_is_never_taken(database: sa.Engine) -> None:
    slept: list[float] = []
    limit = SharedLimit(database, "vendor", 3, 60.0, sleep=slept.append)
    limit.at_most(2)
    for _ in range(3):
        limit.wait()
    assert len(slept) == 1
    limit.at_most(100)
    limit.wait()
    assert len(slept) == 2


def test_threads_of_one_process_book_over_one_connection(database: sa.Engine) -> None:
    limit = SharedLimit(database, "vendor", 100, 60.0)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: limit.wait(), range(40)))
    with database.connect() as conn:
        assert conn.scalar(sa.text("SELECT count(*) FROM call_slot")) == 40


def test_a_place_counts_from_when_the_vendor_may_have_counted_its_call_at_the_latest(
    database: sa.Engine,
) -> None:
    limit = SharedLimit(database, "vendor", 10, 60.0, longest_way=0.2)

    def place_after_now() -> float:
        with database.connect() as conn:
            text = "SELECT extract(epoch FROM max(at) - clock_timestamp()) FROM call_slot"
            return float(conn.scalar(sa.text(text)))

    limit.wait()
    assert place_after_now() > 0, "not answered: it may still be on its way"
    limit.answered()
    assert place_after_now() <= 0


def test_however_long_calls_take_no_window_holds_more_than_the_vendor_allows(database: sa.Engine) -> None:
    """Two processes with three threads each; what is measured is when calls come to the vendor."""
    calls, window = 4, 0.3
    limits = [SharedLimit(database, "vendor", calls, window, longest_way=1.0) for _ in range(2)]
    came: list[float] = []

    def work(place: int) -> None:
        way, limit = random.Random(place), limits[place % 2]
        for _ in range(4):
            limit.wait()
            time.sleep(way.uniform(0, 0.05))
            came.append(time.monotonic())
            time.sleep(way.uniform(0, 0.1))
            limit.answered()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    came.sort()
    assert len(came) == 24
    assert all(last - first > window for first, last in zip(came, came[calls:], strict=False))


class _AwayAfter:
    """A database that is lost after so many transactions."""

    def __init__(self, database: sa.Engine, transactions: int) -> None:
        self._database, self._left = database, transactions

    def begin(self) -> object:
        self._left -= 1
        if self._left < 0:
            raise sa.exc.OperationalError("BEGIN", {}, Exception("gone"))
        return self._database.begin()


def test_an_answer_is_not_lost_with_the_database_that_should_book_it(
    database: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    away = _AwayAfter(database, transactions=1)
    limit = SharedLimit(away, "vendor", 10, 60.0, longest_way=0.2)  # type: ignore[arg-type]
    limit.wait()
    limit.answered()
    assert "could not be booked" in caplog.text
    limit.answered()  # nothing is left to be booked
