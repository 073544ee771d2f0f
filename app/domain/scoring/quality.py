"""The training report: how good the model is on rows it has not seen, what it looks at, what to watch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.records import BANDS
from app.domain.scoring.calibration import Split, sigmoid
from app.domain.scoring.columns import Floats
from app.domain.scoring.drift import base_rate_shift
from app.domain.scoring.levels import bands_of
from app.domain.scoring.metrics import auc, log_loss, measure, reliability
from app.domain.scoring.model import TrainedModel
from app.domain.scoring.ranking import auc_interval, by_band
from app.domain.scoring.receipt import parts_of, settled
from app.domain.scoring.selection import FULL_CHOICE_CONVERSIONS, Choice
from app.domain.standing import STEPS, BandLimits, Spread

CURVE_SHARES = (0.25, 0.5, 1.0)
EXPLAINED_ROWS = 2000
OUTERMOST = 0.01


def quality_report(
    model: TrainedModel,
    choice: Choice,
    matrix: Floats,
    converted: Floats,
    apart: Floats,
    held: NDArray[np.intp],
    first_fold: Split,
    *,
    time: Floats | None,
    lines: float,
    band_limits: BandLimits,
    seed: int,
) -> dict[str, Any]:
    """Plain JSON values. `apart` holds probabilities out of fold, `held` the rows that have one; `lines` is
    on how many of them a lead stands: intervals count leads.
    """
    truth, probability = converted[held], settled(apart[held])
    figures = measure(truth, probability)
    starts = band_limits.starts_among(spread_of(probability), len(held) / len(converted))
    bands = bands_of(probability, starts)
    report: dict[str, Any] = {
        "rows": len(converted),
        "conversions": int(converted.sum()),
        "base_rate": float(converted.mean()),
        "model": choice.name,
        "learners": [learner.name for learner in choice.learners],
        "calibration": model.calibration.name,
        "judged": "forward in time" if len(held) < len(converted) else "shuffled folds",
        "metrics": figures,
        "log_loss_of_rate": log_loss(truth, np.full(len(truth), truth.mean())),
        "interval": auc_interval(
            figures["auc"], float(truth.sum()) / lines, float((1 - truth).sum()) / lines
        ),
        "rate_interval": rate_interval(truth, lines),
        "wide": bool(min(converted.sum(), (1 - converted).sum()) <= lines * FULL_CHOICE_CONVERSIONS),
        "contest": choice.contest,
        "reliability": reliability(truth, probability),
        "bands": by_band(truth, bands, BANDS),
        "band_starts": dict(starts),
        "capacity_per_week": band_limits.capacity,
        "empty_hot": "hot" not in bands,
        "hot_rate_needed": starts["hot"],
        "highest_probability": float(probability.max()),
        "learning_curve": learning_curve(model, choice, matrix, converted, first_fold, seed),
        "importance": importance(model, matrix, seed),
        "seed": seed,
    }
    if time is not None:
        report["base_rate_shift"] = base_rate_shift(converted, time)
    return report


def spread_of(probability: Floats) -> Spread:
    """How many rows stand where."""
    steps, rows = np.unique(parts_of(probability, STEPS), return_counts=True)
    return Spread(dict(zip(steps.tolist(), rows.tolist(), strict=True)))


def weeks_of(days: Floats) -> float:
    """How many weeks these days (NaN unknown) span. The first and the last in a hundred are left out: a
    mistyped year would make weeks of decades.
    """
    first = np.nanquantile(days, OUTERMOST, method="higher")
    last = np.nanquantile(days, 1 - OUTERMOST, method="lower")
    return max(1.0, float(last - first) / (1 - 2 * OUTERMOST) / 7)


def rate_interval(converted: Floats, lines: float) -> dict[str, float]:
    """The 95 % Wilson interval of the conversion rate of leads that stand on so many `lines` each."""
    rows, rate, z = len(converted) / lines, float(converted.mean()), 1.96
    centre = (rate + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z * np.sqrt(rate * (1 - rate) / rows + z * z / (4 * rows * rows)) / (1 + z * z / rows)
    return {"low": float(centre - half), "high": float(centre + half)}


def learning_curve(
    model: TrainedModel, choice: Choice, matrix: Floats, converted: Floats, fold: Split, seed: int
) -> list[dict[str, float]]:
    """AUC and log loss on one held-out fold after learning from more and more rows."""
    learn, test = fold
    shuffled = np.random.default_rng(seed).permutation(learn)
    curve = []
    for share in CURVE_SHARES:
        rows = shuffled[: int(share * len(shuffled))]
        if not 10 <= converted[rows].sum() <= len(rows) - 10:
            continue
        parts = [one.fit(model.vocabulary, matrix[rows], converted[rows], seed) for one in choice.learners]
        margin = np.mean([part.margin(matrix[test]) for part in parts], axis=0)
        loss = log_loss(converted[test], sigmoid(margin))
        curve.append({"rows": len(rows), "auc": auc(converted[test], margin), "log_loss": loss})
    return curve


def importance(model: TrainedModel, matrix: Floats, seed: int) -> dict[str, float]:
    """Mean points (either way) each column moves a score, largest first."""
    chance = np.random.default_rng(seed)
    rows = chance.permutation(len(matrix))[:EXPLAINED_ROWS]
    _, shares = model.attributions(matrix[rows])
    points = 100 * np.abs(shares).mean(axis=0)
    named = zip(model.vocabulary.names, points, strict=True)
    return {name: float(value) for name, value in sorted(named, key=lambda item: -item[1])}
