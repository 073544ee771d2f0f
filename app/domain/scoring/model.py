"""A trained model: rows of a table -> probability, score, and a receipt that adds up to the score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.domain.scoring.calibration import Calibration
from app.domain.scoring.columns import Cells, Floats, Table
from app.domain.scoring.drift import Profile, counts_in, drifted, stability
from app.domain.scoring.learners import Part, stretch
from app.domain.scoring.receipt import Points, Receipts, scores_of, settled, whole_points
from app.domain.scoring.vocabulary import Vocabulary

NO_VALUE = "–"
LONGEST_VALUE = 60


@dataclass(frozen=True)
class TrainedModel:
    """What `train` returns and a model file holds. `report` is the training report, plain JSON values.

    The margin is the mean of the parts' margins; the calibration turns it into a probability.
    """

    vocabulary: Vocabulary
    parts: tuple[Part, ...]
    calibration: Calibration
    profiles: tuple[Profile, ...]
    report: Mapping[str, Any]

    def probability(self, matrix: Floats) -> Floats:
        """Calibrated probability of each row of `vocabulary.matrix(table)`."""
        return self.probability_by(self.margins(matrix))

    def margins(self, matrix: Floats) -> list[Floats]:
        """Each part's margin of each row."""
        return [part.margin(matrix) for part in self.parts]

    def probability_by(self, margins: Sequence[Floats]) -> Floats:
        """Calibrated probability of each row of which the parts have these margins."""
        return settled(self.calibration.probability(np.mean(margins, axis=0)))

    def attributions(self, matrix: Floats) -> tuple[float, Floats]:
        """The base probability and each column's share (rows by columns); a row sums to its probability.

        Shapley values of the margin, carried to the probability by one factor per row (Aumann-Shapley).
        """
        explained = [part.attributions(matrix) for part in self.parts]
        base_margin = float(np.mean([base for base, _ in explained]))
        shares = np.mean([share for _, share in explained], axis=0)
        gained = shares.sum(axis=1)
        base = float(self.calibration.probability(np.array([base_margin]))[0])
        probability = self.calibration.probability(base_margin + gained)
        return base, shares * stretch(gained, probability - base)[:, None]

    def receipts(self, matrix: Floats) -> Receipts:
        """Whole points per column, base included, that sum to each row's score."""
        base, shares = self.attributions(matrix)
        return whole_points(100 * base, 100 * shares, scores_of(self.probability(matrix)))

    def score(self, table: Table) -> Scored:
        """Probability, score and receipt of every row, in the table's order."""
        return self.score_matrix(self.vocabulary.matrix(table))

    def score_matrix(self, matrix: Floats) -> Scored:
        """As `score`, for rows read already."""
        probability = self.probability(matrix)
        scores = scores_of(probability)
        base, shares = self.attributions(matrix)
        receipts = whole_points(100 * base, 100 * shares, scores)
        return Scored(probability, scores, receipts)

    def reasons(self, table: Table, receipts: Receipts, most: int = 3) -> list[tuple[str, ...]]:
        """For each row the `most` reasons with the largest points either way: "column: value (+points)"."""
        names = self.vocabulary.names
        strongest = np.argsort(-np.abs(receipts.points), axis=1, kind="stable")[:, :most]
        told = []
        for row, places in enumerate(strongest):
            texts = [
                f"{names[place]}: {_shown(table.columns.get(names[place]), row)} "
                f"({receipts.points[row, place]:+d})"
                for place in places
                if receipts.points[row, place]
            ]
            told.append(tuple(texts + [""] * (most - len(texts))))
        return told

    def drift(self, table: Table) -> dict[str, float]:
        """Population stability index of these rows against the rows learnt from, by column."""
        counts = counts_in(self.profiles, self.vocabulary.matrix(table))
        return stability(self.vocabulary.names, self.profiles, counts)

    def drifted(self, table: Table) -> dict[str, float]:
        """The columns that are spread otherwise than at training, by more than chance does."""
        counts = counts_in(self.profiles, self.vocabulary.matrix(table))
        return drifted(self.vocabulary.names, self.profiles, counts, self.report["rows"])


@dataclass(frozen=True, slots=True)
class Scored:
    """What scoring says of each row, in the table's order."""

    probability: Floats
    score: Points
    receipts: Receipts


def _shown(cells: Cells | None, row: int) -> str:
    if cells is None:
        return NO_VALUE
    value = cells[row]
    text = " ".join(value.split()) if isinstance(value, str) else ("" if np.isnan(value) else f"{value:g}")
    return (text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…") or NO_VALUE
