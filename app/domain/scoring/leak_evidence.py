"""What the leak guard judges a column by: its rows, and how well columns rank alone and together."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.domain.scoring.columns import Floats
from app.domain.scoring.folds import grouped_folds
from app.domain.scoring.learners import Learner
from app.domain.scoring.metrics import auc
from app.domain.scoring.repeats import Groups
from app.domain.scoring.selection import margins_apart
from app.domain.scoring.vocabulary import Vocabulary

FEWEST_ROWS = 20
"""Of those that a column tells apart: about fewer nothing is said."""

WIDEST_BINS = 32
REPEATS = 3

Flags = NDArray[np.bool_]


@dataclass
class Evidence:
    """The rows to judge by, and whose each is. `entered` and `ended` are days (NaN unknown): lead came in,
    lead converted.
    """

    vocabulary: Vocabulary
    matrix: Floats
    converted: Floats
    filled: dict[str, Flags]
    leads: Groups
    seed: int
    entered: Floats | None = None
    ended: Floats | None = None
    _together: dict[frozenset[int], float] = field(default_factory=dict)

    def together(self, places: Collection[int]) -> float:
        """The AUC these columns reach together out of fold: the better of a boosting and a logistic."""
        key = frozenset(places)
        if key not in self._together:
            self._together[key] = self._reach(sorted(key)) if key else 0.5
        return self._together[key]

    def _reach(self, places: list[int]) -> float:
        vocabulary, matrix = self.vocabulary.only(places), self.matrix[:, places]
        settings = {"max_iter": 80, "learning_rate": 0.08, "max_leaf_nodes": 12, "min_samples_leaf": 15}
        learners = (
            Learner("boosting", "boosting", {**settings, "l2_regularization": 1.0}),
            Learner("logistic", "logistic", {"strength": 0.1, "straight": False}),
        )
        folds = grouped_folds(self.converted, self.leads, self.seed)
        reached = [
            auc(self.converted, margins_apart(one, vocabulary, matrix, self.converted, folds, self.seed))
            for one in learners
        ]
        return max(reached)

    def alone(self, place: int) -> float:
        """The AUC one column reaches alone: the mean over repeated folds of its smoothed conversion rates.

        A number is also judged by its plain order, whichever way it points.
        """
        values = self.matrix[:, place]
        codes = values.astype(np.intp) if self.vocabulary.is_category(place) else _bins(values)
        reached = []
        for repeat in range(REPEATS):
            for learn, test in grouped_folds(self.converted, self.leads, self.seed + repeat):
                reached.append(self._fold_auc(codes, learn, test))
        best = float(np.mean(reached))
        if not self.vocabulary.is_category(place) and not np.isnan(values).any():
            plain = auc(self.converted, values)
            best = max(best, plain, 1 - plain)
        return best

    def _fold_auc(self, codes: NDArray[np.intp], learn: NDArray[np.intp], test: NDArray[np.intp]) -> float:
        size = int(codes.max()) + 1
        hits = np.bincount(codes[learn], weights=self.converted[learn], minlength=size)
        rows = np.bincount(codes[learn], minlength=size)
        rate = float(self.converted[learn].mean())
        return auc(self.converted[test], ((hits + 5 * rate) / (rows + 5))[codes[test]])


def _bins(values: Floats) -> NDArray[np.intp]:
    """Numbers as up to 32 bins of about equal size, the missing in one of their own."""
    known = values[~np.isnan(values)]
    distinct = np.unique(known)
    size = int(np.clip(len(known) // 25, 4, WIDEST_BINS))
    if len(distinct) > size:
        # The commonest value keeps a bin of its own, so that a pile of zeros does not blur the rest.
        values_, counts = np.unique(known, return_counts=True)
        common = values_[np.argmax(counts)]
        rest = known[known != common]
        cuts = np.unique(np.concatenate([np.quantile(rest, np.linspace(0, 1, size)), [common]]))
    else:
        cuts = distinct
    codes = 2 * np.searchsorted(cuts, values, side="left") + np.isin(values, cuts)
    return np.where(np.isnan(values), 2 * len(cuts) + 2, codes).astype(np.intp)
