"""One window of calls, shared by every process."""

from __future__ import annotations

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
