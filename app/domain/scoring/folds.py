"""Which rows learn and which test: shuffled and stratified, or forward in time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from app.domain.scoring.calibration import Split
from app.domain.scoring.columns import Floats
from app.domain.scoring.repeats import Groups, converted_leads

FOLDS = 5
FIRST_SHARE = 0.5  # forward in time, the oldest half only learns


def shuffled_folds(converted: Floats, seed: int, folds: int = FOLDS) -> list[Split]:
    """Every row tests once; each fold holds its share of conversions; the order of the file plays no part."""
    chance = np.random.default_rng(seed)
    place = np.empty(len(converted), dtype=np.intp)
    for kind in (0.0, 1.0):
        rows = chance.permutation(np.flatnonzero(converted == kind))
        place[rows] = np.arange(len(rows)) % folds
    return [(np.flatnonzero(place != fold), np.flatnonzero(place == fold)) for fold in range(folds)]


def forward_folds(converted: Floats, time: Floats, folds: int = FOLDS) -> list[Split]:
    """Learn from what came before, test on what came next. Rows without a time count as the oldest.

    A fold that would learn or test on one class alone is left out.
    """
    order = np.argsort(np.where(np.isnan(time), -np.inf, time), kind="stable")
    cuts = np.linspace(FIRST_SHARE * len(order), len(order), folds + 1).astype(np.intp)
    splits = [(order[:start], order[start:end]) for start, end in pairwise(cuts)]
    return [split for split in splits if all(0 < converted[rows].mean() < 1 for rows in split)]


def forward_calibration(folds: list[Split]) -> list[Split]:
    """The same walk for a calibration: each tested block after the first learns from those before it."""
    blocks = [test for _, test in folds]
    return [(np.concatenate(blocks[:place]), blocks[place]) for place in range(1, len(blocks))]


def grouped_folds(converted: Floats, leads: Groups, seed: int, folds: int = FOLDS) -> list[Split]:
    """As `shuffled_folds`, all rows of a lead in the same fold."""
    splits = shuffled_folds(converted_leads(converted, leads), seed, folds)
    return [
        (np.flatnonzero(np.isin(leads, learn)), np.flatnonzero(np.isin(leads, test)))
        for learn, test in splits
    ]


def without_tested(splits: list[Split], converted: Floats, leads: Groups) -> list[Split]:
    """The same splits, but no row learns whose lead is tested. A fold that is left with one class alone to
    learn from is left out.
    """
    apart = [(learn[~np.isin(leads[learn], leads[test])], test) for learn, test in splits]
    return [(learn, test) for learn, test in apart if len(np.unique(converted[learn])) == 2]
