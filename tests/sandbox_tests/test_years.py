"""Years of leads come one by one, the same for the same seed and number, and hold together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sandbox.world import make_world
from tests.sandbox.years import LONG, Life, count, lives, make_calendar

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def crowd() -> list[Life]:
    return list(lives(7, 2_000, NOW))


@settings(max_examples=20)
@given(
    seed=st.integers(0, 10_000),
    leads=st.integers(1, 12),
    first=st.integers(0, 1_000_000),
    years=st.floats(0.1, 5),
)
def test_the_same_seed_and_number_live_the_same_life_wherever_one_begins(
    seed: int, leads: int, first: int, years: float
) -> None:
    whole = list(lives(seed, leads, NOW, years, first))
    assert whole == list(lives(seed, leads, NOW, years, first))
    half = leads // 2
    assert whole[half:] == list(lives(seed, leads - half, NOW, years, first + half))
    assert whole[0].lead != next(lives(seed + 1, 1, NOW, years, first)).lead


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), years=st.floats(0.2, 5))
def test_any_life_lies_within_its_years(seed: int, years: float) -> None:
    calendar = make_calendar(seed, NOW, years)
    earliest = calendar.begins - timedelta(days=20)  # a form may be filled in before the first evening
    for life in lives(seed, 10, NOW, years):
        for at in _moments(life):
            assert earliest <= at <= NOW
        for evening in life.evenings:
            starts = calendar.webinars[evening.webinar]
            assert all(starts <= one.joined_at < one.left_at <= starts + LONG for one in evening.segments)
            assert evening.registration.status == "approved" or not evening.segments


def _moments(life: Life) -> Iterator[datetime]:
    yield from (evening.registration.created_at for evening in life.evenings)
    yield from (act[1] for act in life.mails)
    yield from (hit.at for hit in life.visits)
    yield from (deal.created_at for deal in life.deals)


def test_the_years_hold_what_a_company_sees(crowd: list[Life]) -> None:
    counted = count(crowd)
    assert all(counted[name] > 0 for name in ("registrations", "mail acts of machines", "hits", "revenue"))
    assert counted["segments"] > counted["attendances"]  # rejoins and second devices
    deals = [deal for life in crowd for deal in life.deals]
    assert min(deal.created_at for deal in deals) < NOW - timedelta(days=700)
    assert {deal.stage for deal in deals} == {"closedwon", "closedlost", "qualifiedtobuy"}
    assert all(deal.closed_at <= NOW for deal in deals if deal.stage != "qualifiedtobuy")
    assert max(sum(deal.stage == "closedwon" for deal in life.deals) for life in crowd) > 1


def test_the_hidden_propensity_shows_in_what_they_do_and_in_revenue(crowd: list[Life]) -> None:
    by_propensity = sorted(crowd, key=lambda life: life.lead.propensity)
    low, high = count(by_propensity[:1_000]), count(by_propensity[1_000:])
    for name in ("attendances", "hits", "revenue"):
        assert high[name] > 1.3 * low[name], name


def test_nobody_is_made_before_they_are_asked_for() -> None:
    endless = lives(7, 10**9, NOW)
    assert len(list(islice(endless, 3))) == 3


def test_deals_of_a_world_reach_back_as_far_as_it_is_told() -> None:
    def oldest(days: int) -> datetime:
        return min(deal.created_at for deal in make_world(7, 500, 1, NOW, days).deals)

    assert NOW - timedelta(days=200) <= oldest(200)
    assert oldest(1_000) < NOW - timedelta(days=400)
