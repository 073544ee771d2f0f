"""Regularised logistic regression, kept as a curve or table per column: cheap to apply, exact to explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.domain.scoring.columns import Floats
from app.domain.scoring.vocabulary import Vocabulary

KNOT_QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)


@dataclass(frozen=True, slots=True)
class Curve:
    """One column's share of the margin: a polyline over `knots`, flat outside, or a table if there are none.

    `blank` is the share of a missing number, `mean` the average share over the rows learnt from.
    """

    knots: Floats
    shares: Floats
    blank: float
    mean: float

    def at(self, values: Floats) -> Floats:
        if not len(self.knots):
            return self.shares[values.astype(np.intp)]
        return np.where(np.isnan(values), self.blank, np.interp(values, self.knots, self.shares))


@dataclass(frozen=True, slots=True)
class Additive:
    """A margin (log-odds) that is an intercept plus one share per column."""

    intercept: float
    curves: tuple[Curve, ...]

    def margin(self, matrix: Floats) -> Floats:
        total = np.full(len(matrix), self.intercept)
        for place, curve in enumerate(self.curves):
            total += curve.at(matrix[:, place])
        return total

    def attributions(self, matrix: Floats) -> tuple[float, Floats]:
        """The average margin, and each column's Shapley value: its share less its average share."""
        shares = np.column_stack(
            [curve.at(matrix[:, place]) - curve.mean for place, curve in enumerate(self.curves)]
        )
        return self.intercept + sum(curve.mean for curve in self.curves), shares


@dataclass(frozen=True, slots=True)
class _Basis:
    """How one column enters the regression: its knots (or none), and the scale of each of its columns."""

    place: int
    knots: Floats
    size: int
    fill: float

    def design(self, values: Floats) -> Floats:
        if not len(self.knots):
            return np.asarray(values[:, None] == np.arange(self.size)[None, :], dtype=np.float64)
        blank = np.isnan(values)
        known = np.clip(np.where(blank, self.fill, values), self.knots[0], self.knots[-1])
        hinges = [np.clip(known - knot, 0.0, None) for knot in self.knots[:-1]]
        return np.column_stack([*hinges, blank.astype(np.float64)])


def fit_logistic(
    vocabulary: Vocabulary, matrix: Floats, converted: Floats, *, strength: float, straight: bool = False
) -> Additive:
    """Fit with inverse penalty `strength`; `straight` keeps a number a straight line (few conversions)."""
    from sklearn.linear_model import LogisticRegression

    bases = [_basis(vocabulary, place, matrix[:, place], straight) for place in range(matrix.shape[1])]
    blocks = [basis.design(matrix[:, basis.place]) for basis in bases]
    design = np.hstack(blocks)
    scale = _scales(bases, design)
    centre = design.mean(axis=0)
    fitted = LogisticRegression(C=strength, max_iter=500, tol=1e-4)
    fitted.fit((design - centre) / scale, converted)
    weights = fitted.coef_[0] / scale
    intercept = float(fitted.intercept_[0] - centre @ weights)
    return Additive(intercept, _curves(bases, blocks, weights))


def _basis(vocabulary: Vocabulary, place: int, values: Floats, straight: bool) -> _Basis:
    if vocabulary.is_category(place):
        return _Basis(place, np.empty(0), len(vocabulary.levels[place]) + 2, 0.0)
    known = values[~np.isnan(values)]
    if not len(known):
        return _Basis(place, np.array([0.0, 1.0]), 2, 0.0)
    knots = np.unique(np.quantile(known, KNOT_QUANTILES))
    if straight:
        knots = np.unique(knots[[0, -1]])
    if len(knots) == 1:
        knots = np.array([known.min(), known.max()])
    if knots[0] == knots[-1]:
        knots = np.array([knots[0], knots[0] + 1.0])
    return _Basis(place, knots, len(knots), float(np.median(known)))


def _scales(bases: Sequence[_Basis], design: Floats) -> Floats:
    """Numbers are scaled to one standard deviation; levels and blanks enter as they are."""
    scale, start = np.ones(design.shape[1]), 0
    for basis in bases:
        if len(basis.knots):
            hinges = slice(start, start + basis.size - 1)
            spread = design[:, hinges].std(axis=0)
            scale[hinges] = np.where(spread > 1e-9, spread, 1.0)
        start += basis.size
    return scale


def _curves(bases: Sequence[_Basis], blocks: Sequence[Floats], weights: Floats) -> tuple[Curve, ...]:
    curves, start = [], 0
    for basis, block in zip(bases, blocks, strict=True):
        own = weights[start : start + basis.size]
        start += basis.size
        mean = float((block @ own).mean())
        if not len(basis.knots):
            curves.append(Curve(basis.knots, own, 0.0, mean))
            continue
        shares = basis.design(basis.knots) @ own
        blank = float(np.interp(basis.fill, basis.knots, shares) + own[-1])
        curves.append(Curve(basis.knots, shares, blank, mean))
    return tuple(curves)
