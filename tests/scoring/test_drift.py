"""Drift: what chance does to a sample is no change, and a change is not taken for chance."""

from __future__ import annotations

import numpy as np
import pytest

from app.domain.scoring.drift import Profile, counts_in, drifted, profile_of

FEW = [(1_500, 80, 150), (1_500, 80, 440), (3_000, 150, 400), (30_000, 200, 300), (30_000, 200, 1_000)]


def spread_of(levels: int) -> np.ndarray:
    """A few frequent levels and many rare ones, as job titles are."""
    shares = 1 / np.arange(1, levels + 1) ** 0.7
    return shares / shares.sum()


def told(profile: Profile, now: np.ndarray, learnt: int) -> bool:
    return bool(drifted(["title"], [profile], counts_in([profile], now[:, None]), learnt))


@pytest.mark.parametrize(("learnt", "levels", "rows"), FEW)
def test_a_sample_of_the_same_leads_has_not_drifted(learnt: int, levels: int, rows: int) -> None:
    shares, alarms = spread_of(levels), 0
    for seed in range(40):
        chance = np.random.default_rng(seed)
        then, now = (chance.choice(levels, size, p=shares).astype(float) for size in (learnt, rows))
        alarms += told(profile_of(then, levels=levels + 2), now, learnt)
    assert alarms <= 2


@pytest.mark.parametrize(("learnt", "levels", "rows"), FEW)
def test_leads_of_other_kinds_have_drifted(learnt: int, levels: int, rows: int) -> None:
    shares, alarms = spread_of(levels), 0
    for seed in range(10):
        chance = np.random.default_rng(seed)
        then = chance.choice(levels, learnt, p=shares).astype(float)
        now = chance.choice(levels, rows, p=shares[::-1]).astype(float)
        alarms += told(profile_of(then, levels=levels + 2), now, learnt)
    assert alarms == 10


@pytest.mark.parametrize(("learnt", "levels", "rows"), FEW)
@pytest.mark.parametrize("place", [-1, 0], ids=["the rarest level", "a level never seen"])
def test_a_quarter_of_the_leads_in_one_rare_level_has_drifted(
    learnt: int, levels: int, rows: int, place: int
) -> None:
    shares, alarms = spread_of(levels), 0
    for seed in range(10):
        chance = np.random.default_rng(seed)
        then, now = (chance.choice(levels, size, p=shares).astype(float) for size in (learnt, rows))
        now[: rows // 4] = levels + place
        alarms += told(profile_of(then, levels=levels + 2), now, learnt)
    assert alarms >= 9


@pytest.mark.parametrize("rows", [100, 300, 1_000])
def test_a_number_that_moved_by_half_its_spread_has_drifted_and_an_unmoved_one_has_not(rows: int) -> None:
    chance = np.random.default_rng(1)
    profile = profile_of(chance.normal(0, 1, 5_000))
    assert told(profile, chance.normal(1, 1, rows), 5_000)
    assert not told(profile, chance.normal(0, 1, rows), 5_000)
