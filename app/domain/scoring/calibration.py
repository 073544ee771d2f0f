"""From a model's margin to a probability that means what it says; measured on rows the model has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.scoring.columns import Floats
from app.domain.scoring.metrics import log_loss

ISOTONIC_ROWS = 1000
WORTHWHILE = 0.0003  # log loss a calibration must save before it is used
MOST_MARGIN = 12.0

Rows = NDArray[np.intp]
Split = tuple[Rows, Rows]


@dataclass(frozen=True, slots=True)
class Calibration:
    """`sigmoid`: slope and shift of the margin; `isotonic`: a rising polyline; `none`: the margin itself."""

    name: str
    x: Floats
    y: Floats

    def probability(self, margin: Floats) -> Floats:
        if self.name == "isotonic":
            return np.asarray(np.interp(margin, self.x, self.y))
        if self.name == "sigmoid":
            margin = self.x[0] * margin + self.y[0]
        return sigmoid(margin)


UNCALIBRATED = Calibration("none", np.empty(0), np.empty(0))


def sigmoid(margin: Floats) -> Floats:
    safe = np.clip(margin, -MOST_MARGIN, MOST_MARGIN)
    return np.asarray(1.0 / (1.0 + np.exp(-safe)))


def logit(probability: Floats) -> Floats:
    safe = np.clip(probability, 1e-3, 1 - 1e-3)
    return np.asarray(np.log(safe) - np.log1p(-safe))


def fit_calibration(name: str, margin: Floats, converted: Floats) -> Calibration:
    """Fit by name on margins of rows the model did not learn from."""
    if name == "sigmoid":
        from sklearn.linear_model import LogisticRegression

        fitted = LogisticRegression(C=1e4, max_iter=200).fit(margin[:, None], converted)
        slope = max(float(fitted.coef_[0, 0]), 0.0)
        return Calibration("sigmoid", np.array([slope]), np.array([float(fitted.intercept_[0])]))
    if name == "isotonic":
        from sklearn.isotonic import IsotonicRegression

        low, high = 0.5 / len(margin), 1 - 0.5 / len(margin)
        fitted = IsotonicRegression(y_min=low, y_max=high, out_of_bounds="clip").fit(margin, converted)
        return Calibration("isotonic", fitted.X_thresholds_, fitted.y_thresholds_)
    return UNCALIBRATED


def calibrated_apart(name: str, margin: Floats, converted: Floats, splits: Sequence[Split]) -> Floats:
    """Probabilities of each split's second rows under a calibration fitted on its first rows."""
    probability = sigmoid(margin)
    for learn, test in splits:
        probability[test] = fit_calibration(name, margin[learn], converted[learn]).probability(margin[test])
    return probability


def choose_calibration(margin: Floats, converted: Floats, splits: Sequence[Split]) -> str:
    """The kind with the lowest log loss on rows held apart; none unless another is worth its doubt."""
    kinds = ["sigmoid", "isotonic"] if len(margin) >= ISOTONIC_ROWS else ["sigmoid"]
    held = np.concatenate([test for _, test in splits])
    best, lowest = "none", log_loss(converted[held], sigmoid(margin)[held]) - WORTHWHILE
    for kind in kinds:
        loss = log_loss(converted[held], calibrated_apart(kind, margin, converted, splits)[held])
        if loss < lowest:
            best, lowest = kind, loss
    return best
