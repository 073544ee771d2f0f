"""Leads -> scores by a trained model, many at once: one prediction for all, receipts for those that moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.domain.engagement import Engagement
from app.domain.features import FeatureTable
from app.domain.records import Band, Features, FeatureValue, Reason, Score
from app.domain.scoring.lead_table import lead_table
from app.domain.scoring.model import NO_VALUE, TrainedModel
from app.domain.scoring.points import MODEL_BASE, MODEL_CODE, PointsRules, points_score
from app.domain.scoring.receipt import scores_of, whole_points
from app.domain.standing import Starts, band_at


@dataclass(frozen=True, slots=True)
class ScoredLead:
    """What a model scores a lead by: `features` as shown, `learnt` as they were learnt by."""

    features: Features
    learnt: Features
    engagement: Engagement


@dataclass(frozen=True, slots=True)
class ModelRules:
    """What a score by model depends on beside the lead: the model and its name, tables, the bands' starts."""

    name: str
    model: TrainedModel
    features: FeatureTable
    points: PointsRules
    starts: Starts


@dataclass(frozen=True, slots=True)
class Printed:
    """What anybody sees of a score; while it is the same no receipt is made again."""

    value: int
    band: Band
    method: str
    engagement: int


def printed(score: Score) -> Printed:
    """What anybody sees of `score`."""
    return Printed(score.value, score.band, score.method, round(score.engagement))


def score_by_model(
    leads: Sequence[ScoredLead], held: Sequence[Score | None], rules: ModelRules
) -> tuple[list[Score | None], list[float]]:
    """For each lead its new score, or None where what is printed is what it holds already; and every
    probability.
    """
    if not leads:
        return [], []
    matrix = rules.model.vocabulary.matrix(lead_table([lead.learnt for lead in leads], rules.features))
    probability = rules.model.probability(matrix)
    values = scores_of(probability)
    found: list[Score | None] = [None] * len(leads)
    moved = [
        place
        for place, lead in enumerate(leads)
        if (old := held[place]) is None
        or printed(old)
        != Printed(
            int(values[place]),
            band_at(float(probability[place]), rules.starts),
            rules.name,
            round(lead.engagement.total),
        )
    ]
    if moved:
        rows = np.array(moved)
        base, shares = rules.model.attributions(matrix[rows])
        receipts = whole_points(100 * base, 100 * shares, values[rows])
        for row, place in enumerate(moved):
            receipt = _receipt(leads[place], int(receipts.base[row]), receipts.points[row].tolist(), rules)
            found[place] = _score(leads[place], float(probability[place]), receipt, rules)
    return found, [float(one) for one in probability]


def _score(lead: ScoredLead, probability: float, receipt: tuple[Reason, ...], rules: ModelRules) -> Score:
    """The grid is by the points rules under every method: two leads' letters can be compared."""
    return Score(
        value=sum(reason.points for reason in receipt),
        band=band_at(probability, rules.starts),
        receipt=receipt,
        method=rules.name,
        engagement=lead.engagement.total,
        probability=probability,
        grid=points_score(lead.features, lead.engagement, rules.points).grid,
    )


def _receipt(lead: ScoredLead, base: int, points: Sequence[int], rules: ModelRules) -> tuple[Reason, ...]:
    """Base first, then fit, then engagement, what adds most before what takes most away."""
    reasons = [
        Reason(f"{MODEL_CODE}{name}", earned, rules.points.model[name].part, shown(lead.learnt, name))
        for name, earned in zip(rules.model.vocabulary.names, points, strict=True)
        if earned
    ]
    reasons.sort(key=lambda reason: (reason.part != "fit", -reason.points, reason.code))
    return (Reason(MODEL_BASE, base, "base"), *reasons)


def shown(features: Mapping[str, FeatureValue], name: str) -> str:
    """A feature's value as a receipt names it."""
    value = features.get(name)
    if value is None or value == "":
        return NO_VALUE
    return value if isinstance(value, str) else f"{value:.0f}"
