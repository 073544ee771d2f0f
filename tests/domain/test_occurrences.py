"""Runs -> occurrences: a host who drops out and comes back is no second webinar."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.occurrences import first_runs, runs_of
from app.domain.records import Occurrence

START = datetime(2026, 11, 3, 17, 0, tzinfo=UTC)


def run(
    uuid: str, minutes: float, *, webinar_id: str = "777", ends: float | None = None, source: str = "zoom"
) -> Occurrence:
    ends_at = None if ends is None else START + timedelta(minutes=ends)
    return Occurrence(source, uuid, webinar_id, "IA 10x", START + timedelta(minutes=minutes), ends_at)


def test_a_run_that_begins_again_soon_belongs_to_the_first() -> None:
    assert first_runs([run("b", 43), run("a", 0)]) == {"a": "a", "b": "a"}


def test_a_host_who_drops_out_twice_is_still_in_one_occurrence() -> None:
    runs = [run("a", 0), run("b", 100), run("c", 260)]
    assert set(first_runs(runs).values()) == {"a"}


def test_a_week_or_a_day_later_is_another_occurrence() -> None:
    assert first_runs([run("a", 0), run("b", 24 * 60)]) == {"a": "a", "b": "b"}


def test_after_a_long_run_the_host_may_come_back_within_the_hour() -> None:
    assert first_runs([run("a", 0, ends=400), run("b", 430)]) == {"a": "a", "b": "a"}
    assert first_runs([run("a", 0, ends=400), run("b", 470)]) == {"a": "a", "b": "b"}


def test_another_webinar_at_the_same_time_is_another_one() -> None:
    assert first_runs([run("a", 0), run("b", 5, webinar_id="778")]) == {"a": "a", "b": "b"}


@given(st.lists(st.integers(0, 3_000), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_neither_order_nor_number_of_runs_matters(starts: list[int], chance: random.Random) -> None:
    runs = [run(f"run {place}", minutes) for place, minutes in enumerate(starts)]
    expected = first_runs(runs)
    chance.shuffle(runs)
    assert first_runs(runs) == expected
    assert all(expected[first] == first for first in expected.values())


def test_an_occurrence_lasts_from_its_first_run_to_the_last_known_end() -> None:
    runs = [run("a", 0, ends=40), run("b", 43, ends=75), run("c", 24 * 60)]
    assert runs_of({one.uuid: one for one in runs}).lengths == {"a": timedelta(minutes=75)}


def test_a_run_that_ended_before_it_began_has_no_length() -> None:
    assert runs_of({"a": run("a", 5, ends=5)}).lengths == runs_of({"a": run("a", 5, ends=0)}).lengths == {}


def test_a_webinar_was_announced_when_the_first_of_its_runs_was() -> None:
    told = [
        replace(run(name, 0), created_at=START - timedelta(days=days)) for name, days in (("a", 3), ("b", 9))
    ]
    runs = {one.uuid: one for one in (*told, run("c", 9), run("d", 0, webinar_id="778"))}
    assert runs_of(runs).announced == {"777": START - timedelta(days=9)}
