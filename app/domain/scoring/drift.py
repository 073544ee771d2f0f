"""Have the leads changed since training? Population stability index per column, and the base rate's shift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.domain.scoring.columns import Floats

DRIFTED = 0.25  # a population stability index above this is read as a changed population
PARTS = 10
LEAST_SHARE = 1e-4
LEAST_EXPECTED = 5
"""Bins in which fewer rows are to be expected, and fewer are found, are one bin together: an empty one would
weigh too much. A rare level that many have by now stays apart.
"""

DRAWS, SEED = 200, 7
"""How often, and from where, chance is asked what it does where nothing has changed."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How one column was spread at training: the share of rows in each bin, the missing in the last one."""

    cuts: Floats
    shares: Floats


def profile_of(values: Floats, *, levels: int = 0) -> Profile:
    """A number's profile by tenths; a category's by level when `levels` (its codes' number) is given."""
    known = values[~np.isnan(values)]
    cuts: Floats = np.empty(0)
    if levels:
        cuts = (np.arange(levels - 1) + 0.5).astype(np.float64)
    elif len(known):
        tenths = np.quantile(known, np.linspace(0, 1, PARTS + 1)[1:-1])
        cuts = np.unique(tenths).astype(np.float64)
    return Profile(cuts, _shares(_counts(cuts, values)))


def counts_in(profiles: Sequence[Profile], matrix: Floats) -> list[Floats]:
    """How many of these rows lie in each bin of each column's profile; counts of chunks add up."""
    return [_counts(profile.cuts, matrix[:, place]) for place, profile in enumerate(profiles)]


def _counts(cuts: Floats, values: Floats) -> Floats:
    place = np.where(np.isnan(values), len(cuts) + 1, np.searchsorted(cuts, values, side="left"))
    return np.bincount(place.astype(np.intp), minlength=len(cuts) + 2).astype(np.float64)


def _shares(counts: Floats) -> Floats:
    return np.asarray(counts / max(counts.sum(), 1.0))


def _index(profile: Profile, counts: Floats) -> float:
    """Population stability index of the rows counted against the profile, rare bins taken together."""
    rare = np.maximum(profile.shares * counts.sum(), counts) < LEAST_EXPECTED
    then, now = (np.append(all_of[~rare], all_of[rare].sum()) for all_of in (profile.shares, _shares(counts)))
    then, now = np.maximum(then, LEAST_SHARE), np.maximum(now, LEAST_SHARE)
    return float(((now - then) * np.log(now / then)).sum())


def _by_luck(profile: Profile, learnt: int, rows: int) -> float:
    """The index that 99 in 100 samples of so many `rows` do not pass where nothing has changed: neither they
    nor the `learnt` rows, of which the profile was made, are spread quite as all leads are.
    """
    chance, shares = np.random.default_rng(SEED), profile.shares / profile.shares.sum()
    found = [
        _index(Profile(profile.cuts, then / learnt), now.astype(np.float64))
        for then, now in zip(
            chance.multinomial(learnt, shares, DRAWS), chance.multinomial(rows, shares, DRAWS), strict=True
        )
    ]
    return float(np.quantile(found, 0.99))


def stability(
    names: Sequence[str], profiles: Sequence[Profile], counts: Sequence[Floats]
) -> dict[str, float]:
    """Population stability index of every column, largest first: 0 is alike, above 0.25 is changed."""
    indices = {name: _index(profiles[place], counts[place]) for place, name in enumerate(names)}
    return dict(sorted(indices.items(), key=lambda item: -item[1]))


def drifted(
    names: Sequence[str], profiles: Sequence[Profile], counts: Sequence[Floats], learnt: int
) -> dict[str, float]:
    """The columns whose index is above DRIFTED, and above what chance gives so few rows against a profile of
    so many `learnt`.
    """
    places = {name: place for place, name in enumerate(names)}
    return {
        name: index
        for name, index in stability(names, profiles, counts).items()
        if index > DRIFTED
        and index > _by_luck(profiles[places[name]], learnt, int(counts[places[name]].sum()))
    }


def base_rate_shift(converted: Floats, time: Floats, share: float = 0.8) -> dict[str, float]:
    """The conversion rate of the oldest `share` of rows and of the newer rest."""
    order = np.argsort(np.where(np.isnan(time), -np.inf, time), kind="stable")
    cut = int(share * len(order))
    older, newer = converted[order[:cut]], converted[order[cut:]]
    return {"older": float(older.mean()), "newer": float(newer.mean()) if len(newer) else float("nan")}
