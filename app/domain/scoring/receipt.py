"""Probability -> whole points per reason that add up to the score exactly, by largest remainder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.scoring.columns import Floats
from app.domain.standing import BINARY_NOISE

DECIMALS = 9

Points = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Receipts:
    """For each row `base` points, which every lead has, and `points` (rows by reasons): summed, the score."""

    base: Points
    points: Points


def settled(probability: Floats) -> Floats:
    """Probabilities cut to the decimals that are written, so that score and written probability agree."""
    return np.asarray(np.round(np.clip(probability, 0.0, 1.0), DECIMALS), dtype=np.float64)


def scores_of(probability: Floats) -> Points:
    """The score: the floor of 100 x probability, as it is written."""
    return parts_of(probability, 100)


def parts_of(probability: Floats, parts: int) -> Points:
    """In which of so many equal parts of 0..1 each lies, one that lies where a part begins in that part."""
    return np.floor(probability * parts + BINARY_NOISE).astype(np.int64)


def whole_points(base: float, shares: Floats, scores: Points) -> Receipts:
    """Round real points (base, and shares: rows by reasons) to whole ones that sum to `scores` exactly.

    Each is rounded down; what is then lacking goes, a point each, to the largest remainders. A share of
    exactly zero never earns a point before one that is not.
    """
    real = np.column_stack([np.full(len(shares), base), shares])
    low = np.floor(real)
    lacking = scores - low.sum(axis=1).astype(np.int64)
    order = np.argsort(-(real - low), axis=1, kind="stable")
    gets = np.arange(real.shape[1])[None, :] < lacking[:, None]
    low = low.astype(np.int64)
    np.put_along_axis(low, order, np.take_along_axis(low, order, axis=1) + gets, axis=1)
    short = np.minimum(lacking, 0)  # only where rounding noise pushed the sum of floors past the score
    low[:, 0] += short + np.maximum(lacking - real.shape[1], 0)
    return Receipts(low[:, 0], low[:, 1:])
