"""Percentiles and bands by capacity: they follow the ranking and never move a probability."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.domain.records import BANDS
from app.domain.standing import Spread, band_at, percentiles, starts_by_capacity, starts_by_score, step_of
from mappings.load import load_mappings

BANDS_SHIPPED = load_mappings().scoring.bands
STANDINGS = st.lists(st.floats(0, 1), min_size=1, max_size=60)


def spread_of(standings: list[float]) -> Spread:
    return Spread(Counter(step_of(one) for one in standings))


@given(STANDINGS)
def test_a_percentile_rises_with_the_standing_and_stays_within_100(standings: list[float]) -> None:
    ranks = percentiles(spread_of(standings))
    found = [ranks[step_of(one)] for one in sorted(standings)]
    assert found == sorted(found)
    assert 0 <= found[0] <= found[-1] <= 100


@given(STANDINGS, st.data())
def test_a_percentile_is_the_share_that_stands_lower_and_half_of_the_equals(
    standings: list[float], data: st.DataObject
) -> None:
    steps = [step_of(one) for one in standings]
    mine = data.draw(st.sampled_from(steps))
    lower, equals = sum(one < mine for one in steps), steps.count(mine)
    assert percentiles(spread_of(standings))[mine] == int(100 * (lower + equals / 2) / len(steps))


@given(STANDINGS, st.integers(1, 20))
def test_by_capacity_hot_is_never_empty_nor_larger_than_capacity_but_for_equals(
    standings: list[float], capacity: int
) -> None:
    starts = starts_by_capacity(spread_of(standings), capacity)
    hot = [one for one in standings if band_at(one, starts) == "hot"]
    best = step_of(max(standings))
    assert hot
    assert len(hot) <= capacity or {step_of(one) for one in hot} == {best}
    assert max(standings) in hot
    limits = [starts[band] for band in BANDS]
    assert limits == sorted(limits, reverse=True)


@given(STANDINGS, st.integers(1, 20))
def test_a_better_standing_is_never_in_a_lower_band(standings: list[float], capacity: int) -> None:
    starts = starts_by_capacity(spread_of(standings), capacity)
    places = [BANDS.index(band_at(one, starts)) for one in sorted(standings, reverse=True)]
    assert places == sorted(places)


@given(st.integers(0, 100))
def test_the_published_bands_begin_where_the_score_says(value: int) -> None:
    starts = starts_by_score(BANDS_SHIPPED)
    wanted = "hot" if value >= 80 else "warm" if value >= 60 else "cold" if value >= 40 else "unqualified"
    assert band_at(value / 100, starts) == wanted
    if value < 100:
        assert band_at(value / 100 + 0.009, starts) == wanted  # the floor counts, nothing is rounded up


def test_nobody_stands_anywhere_before_the_first_count() -> None:
    assert percentiles(Spread({})) == []
    assert Spread({}).highest == 0
