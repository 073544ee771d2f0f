"""How good a set of probabilities is: ranking, calibration, and what the best tenth yields."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.domain.scoring.columns import Floats

BINS = 10


def auc(converted: Floats, scores: Floats) -> float:
    """Area under the ROC curve (ties count half); 0.5 where one class is absent."""
    hits = float(converted.sum())
    misses = len(converted) - hits
    if hits == 0 or misses == 0:
        return 0.5
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return float((rank[converted > 0.5].sum() - hits * (hits + 1) / 2) / (hits * misses))


def average_precision(converted: Floats, scores: Floats) -> float:
    """Mean precision over the conversions, tied scores taken together."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(converted[order])
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    precision = hits[last] / (last + 1)
    gained = np.diff(np.concatenate([[0.0], hits[last]]))
    return float((precision * gained).sum() / max(hits[-1], 1.0))


def brier(converted: Floats, probability: Floats) -> float:
    return float(np.mean((probability - converted) ** 2))


def row_losses(converted: Floats, probability: Floats) -> Floats:
    """The log loss of each row."""
    safe = np.clip(probability, 1e-12, 1 - 1e-12)
    return np.asarray(-(converted * np.log(safe) + (1 - converted) * np.log1p(-safe)))


def log_loss(converted: Floats, probability: Floats) -> float:
    return float(row_losses(converted, probability).mean())


def reliability(converted: Floats, probability: Floats) -> list[dict[str, float]]:
    """Ten bins of equal width: rows, mean probability and conversion rate of each that is not empty."""
    place = np.minimum((probability * BINS).astype(np.intp), BINS - 1)
    curve = []
    for index in range(BINS):
        inside = place == index
        if inside.any():
            curve.append(
                {
                    "rows": int(inside.sum()),
                    "predicted": float(probability[inside].mean()),
                    "converted": float(converted[inside].mean()),
                }
            )
    return curve


def calibration_error(converted: Floats, probability: Floats) -> float:
    """Expected calibration error over the ten bins of the reliability curve."""
    curve = reliability(converted, probability)
    return sum(one["rows"] * abs(one["predicted"] - one["converted"]) for one in curve) / len(converted)


def lift(converted: Floats, scores: Floats, share: float = 0.1) -> float:
    """Conversion rate in the best `share` of rows over the rate of all."""
    best = np.argsort(-scores, kind="stable")[: max(1, round(share * len(scores)))]
    return float(converted[best].mean() / converted.mean()) if converted.any() else 0.0


def calm_error(probability: Floats, seed: int, draws: int = 200) -> float:
    """The calibration error that 99 in 100 samples of this size do not pass where every probability is
    true."""
    chance = np.random.default_rng(seed)
    errors = [
        calibration_error((chance.random(len(probability)) < probability).astype(np.float64), probability)
        for _ in range(draws)
    ]
    return float(np.quantile(errors, 0.99))


def rates_apart(hits: float, rows: float, earlier_hits: float, earlier_rows: float) -> float:
    """How many standard errors two conversion rates lie apart; 0 where all or nobody converted."""
    together = (hits + earlier_hits) / (rows + earlier_rows)
    error = np.sqrt(together * (1 - together) * (1 / rows + 1 / earlier_rows))
    return float(abs(hits / rows - earlier_hits / earlier_rows) / error) if error > 0 else 0.0


def measure(converted: NDArray[np.bool_] | Floats, probability: Floats) -> dict[str, float]:
    """The six figures printed for every model."""
    truth = np.asarray(converted, dtype=np.float64)
    return {
        "auc": auc(truth, probability),
        "average_precision": average_precision(truth, probability),
        "brier": brier(truth, probability),
        "log_loss": log_loss(truth, probability),
        "ece": calibration_error(truth, probability),
        "lift_at_10": lift(truth, probability),
    }
