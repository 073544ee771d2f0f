"""What is expected and not seen in time ends the process, and nothing else does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.watchdog import Watchdog


def counting() -> tuple[Watchdog, list[str]]:
    ends: list[str] = []
    return Watchdog(end=lambda: ends.append("end")), ends


@given(within=st.integers(1, 20), seen=st.lists(st.integers(1, 20), max_size=20))
def test_the_process_ends_when_and_only_when_something_is_overdue(within: int, seen: list[int]) -> None:
    watchdog, ends = counting()
    watchdog.expect("a look", within)
    overdue = 0
    for looks in seen:
        for _ in range(looks):
            watchdog.look()
        overdue += max(0, looks - within)
        watchdog.saw("a look")
        assert len(ends) == overdue


def test_what_is_forgotten_is_not_missed_and_what_was_never_expected_is_not_begun() -> None:
    watchdog, ends = counting()
    watchdog.expect("a step", 1)
    watchdog.forget("a step")
    watchdog.saw("a step")
    for _ in range(5):
        watchdog.look()
    assert ends == []


def test_asking_again_gives_no_more_time() -> None:
    watchdog, ends = counting()
    for _ in range(3):
        watchdog.expect("the end", 2)
        watchdog.look()
    assert ends == ["end"]


def test_a_frozen_process_is_not_blamed_for_the_time_it_was_frozen() -> None:
    """No look, no time: nothing here reads a clock."""
    watchdog, ends = counting()
    watchdog.expect("a look", 1)
    watchdog.look()
    assert ends == []
