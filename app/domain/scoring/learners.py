"""The models that can be learnt, each returned in a form of our own that runs no code when loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from app.domain.scoring.calibration import logit
from app.domain.scoring.columns import Floats
from app.domain.scoring.linear import fit_logistic
from app.domain.scoring.tree_shares import TreeShares
from app.domain.scoring.trees import Trees, join_trees
from app.domain.scoring.vocabulary import Vocabulary

SMOOTHING = 10.0
FOREST_BINS = 64
BEYOND = 1e300  # a threshold every number passes


class Part(Protocol):
    """One model: a margin (log-odds) per row, and what each column adds to it."""

    def margin(self, matrix: Floats) -> Floats: ...

    def attributions(self, matrix: Floats) -> tuple[float, Floats]:
        """The average margin and a row-by-column array that sums, with it, to the margin."""
        ...


@dataclass(frozen=True)
class TreePart:
    """Trees over the matrix, each category code replaced by its level's place by conversion rate.

    `votes` true: the trees' mean is a probability (forest); false: their sum and `start` are a margin.
    """

    trees: Trees
    ranks: tuple[Floats, ...]
    votes: bool
    start: float = 0.0

    def margin(self, matrix: Floats) -> Floats:
        total = self.trees.total(ranked(self.ranks, matrix))
        return logit(total) if self.votes else total + self.start

    def attributions(self, matrix: Floats) -> tuple[float, Floats]:
        shares = self._tables.shares(ranked(self.ranks, matrix))
        base = self._tables.base
        if not self.votes:
            return base + self.start, shares
        total = base + shares.sum(axis=1)
        base_margin = float(logit(np.array([base]))[0])
        return base_margin, shares * stretch(total - base, logit(total) - base_margin)[:, None]

    @cached_property
    def _tables(self) -> TreeShares:
        return TreeShares(self.trees)


def stretch(before: Floats, after: Floats) -> Floats:
    """The factor that turns a row's shares of `before` into shares of `after`.

    Scaling all shares alike is the Aumann-Shapley value of a rising link over additive shares.
    """
    small = np.abs(before) < 1e-9
    return np.where(small, 0.0, after / np.where(small, 1.0, before))


def ranked(ranks: Sequence[Floats], matrix: Floats) -> Floats:
    """The matrix with category codes replaced by ranks (an empty table leaves a column as it is)."""
    replaced = np.empty(matrix.shape)
    for place, table in enumerate(ranks):
        values = matrix[:, place]
        replaced[:, place] = table[values.astype(np.intp)] if len(table) else values
    return replaced


def learn_ranks(vocabulary: Vocabulary, matrix: Floats, converted: Floats) -> tuple[Floats, ...]:
    """For each category the place of every level among the levels ordered by smoothed conversion rate."""
    rate, tables = float(converted.mean()), []
    for place in range(matrix.shape[1]):
        if not vocabulary.is_category(place):
            tables.append(np.empty(0))
            continue
        codes, size = matrix[:, place].astype(np.intp), len(vocabulary.levels[place]) + 2
        hits = np.bincount(codes, weights=converted, minlength=size)
        smoothed = (hits + SMOOTHING * rate) / (np.bincount(codes, minlength=size) + SMOOTHING)
        tables.append(np.unique(smoothed, return_inverse=True)[1].astype(np.float64))
    return tuple(tables)


@dataclass(frozen=True, slots=True)
class Learner:
    """A named model with its settings; `family` is what a reader calls it."""

    name: str
    family: str
    settings: dict[str, Any] = field(default_factory=dict)

    def fit(self, vocabulary: Vocabulary, matrix: Floats, converted: Floats, seed: int) -> Part:
        if self.family == "logistic":
            return fit_logistic(vocabulary, matrix, converted, **self.settings)
        ranks = learn_ranks(vocabulary, matrix, converted)
        fit = fit_forest if self.family == "forest" else fit_boosting
        return fit(ranks, ranked(ranks, matrix), converted, seed, self.settings)


def fit_boosting(
    ranks: tuple[Floats, ...], matrix: Floats, converted: Floats, seed: int, settings: dict[str, Any]
) -> TreePart:
    from sklearn.ensemble import HistGradientBoostingClassifier

    fitted = HistGradientBoostingClassifier(early_stopping=False, random_state=seed, **settings)
    fitted.fit(matrix, converted)
    parts = [_boosted_tree(round_[0].nodes) for round_ in fitted._predictors]
    return TreePart(join_trees(parts), ranks, votes=False, start=float(fitted._baseline_prediction[0, 0]))


def _boosted_tree(nodes: Any) -> dict[str, Any]:
    inner = nodes["is_leaf"] == 0
    return {
        "column": np.where(inner, nodes["feature_idx"], 0),
        "threshold": np.where(inner, np.clip(nodes["num_threshold"], -BEYOND, BEYOND), 0.0),
        "missing_left": nodes["missing_go_to_left"],
        "left": np.where(inner, nodes["left"], 0),
        "right": np.where(inner, nodes["right"], 0),
        "value": np.where(inner, 0.0, nodes["value"]),
        "cover": np.maximum(nodes["count"], 1),
    }


def fit_forest(
    ranks: tuple[Floats, ...], matrix: Floats, converted: Floats, seed: int, settings: dict[str, Any]
) -> TreePart:
    """The seed's random forest. Numbers are binned first, so that its thresholds are few and exact."""
    from sklearn.ensemble import RandomForestClassifier

    edges = [_edges(matrix[:, place]) for place in range(matrix.shape[1])]
    binned = np.column_stack(
        [
            np.where(np.isnan(matrix[:, place]), np.nan, np.searchsorted(edge, matrix[:, place], side="left"))
            for place, edge in enumerate(edges)
        ]
    )
    fitted = RandomForestClassifier(random_state=seed, n_jobs=1, **settings).fit(binned, converted)
    count = len(fitted.estimators_)
    parts = [_voting_tree(one.tree_, edges, count) for one in fitted.estimators_]
    return TreePart(join_trees(parts), ranks, votes=True)


def _edges(values: Floats) -> Floats:
    known = np.unique(values[~np.isnan(values)])
    if len(known) < 2:
        return np.array([known[0] if len(known) else 0.0])
    middles = (known[:-1] + known[1:]) / 2
    if len(middles) <= FOREST_BINS:
        return np.asarray(middles)
    quantiles = np.nanquantile(values, np.linspace(0, 1, FOREST_BINS + 2)[1:-1])
    return np.unique(middles[np.minimum(np.searchsorted(middles, quantiles), len(middles) - 1)])


def _voting_tree(tree: Any, edges: Sequence[Floats], count: int) -> dict[str, Any]:
    inner = tree.children_left >= 0
    column = np.where(inner, tree.feature, 0)
    threshold = np.zeros(len(column))
    for node in np.flatnonzero(inner):
        edge, place = edges[column[node]], tree.threshold[node]
        # An infinite place parts the missing from the known.
        threshold[node] = edge[max(int(place), 0)] if place < len(edge) else BEYOND
    votes = tree.value[:, 0, :]
    return {
        "column": column,
        "threshold": threshold,
        "missing_left": tree.missing_go_to_left,
        "left": np.where(inner, tree.children_left, 0),
        "right": np.where(inner, tree.children_right, 0),
        "value": np.where(inner, 0.0, votes[:, 1] / votes.sum(axis=1) / count),
        "cover": tree.weighted_n_node_samples,
    }
