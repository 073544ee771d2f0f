"""Leads -> scores by a trained model, many at once: one prediction for all, receipts for those that moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.domain.engagement import Engagement
from app.domain.feature_table import FeatureTable
from app.domain.records import BANDS, Features, FeatureValue, Reason, Score
from app.domain.scoring.columns import Floats, Table
from app.domain.scoring.levels import band_places, model_levels
from app.domain.scoring.model import NO_VALUE, TrainedModel
from app.domain.scoring.points import MODEL_BASE, MODEL_CODE, PointsRules, points_grid
from app.domain.scoring.receipt import Points, scores_of, whole_points
from app.domain.standing import Printed, Starts, band_at


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
class LeadColumns:
    """Many leads side by side: `learnt` is the table the model reads, `totals` their engagement, and `lead`
    gives the one at a place, for its receipt.
    """

    learnt: Table
    totals: Floats
    lead: Callable[[int], ScoredLead]


@dataclass(frozen=True, slots=True)
class ModelScores:
    """Every lead's probability; by place the scores of those of whom something else is printed now; and, for
    these and the ones asked for, the engagement at which that may change again.
    """

    probability: Floats
    scores: Mapping[int, Score]
    levels: Mapping[int, float]


def score_by_model(
    leads: LeadColumns, held: Sequence[Printed | None], rules: ModelRules, due: Sequence[bool] | None = None
) -> ModelScores:
    """Score leads of whom `held` is printed. `due` are those whose next change is asked for in any case."""
    matrix = rules.model.vocabulary.matrix(leads.learnt)
    margins = rules.model.margins(matrix)
    probability = rules.model.probability_by(margins)
    values, places = scores_of(probability), band_places(probability, rules.starts)
    told = zip(values.tolist(), places.tolist(), leads.totals.tolist(), held, strict=True)
    moved = [
        row
        for row, (value, place, total, old) in enumerate(told)
        if old != (value, BANDS[place], rules.name, round(total))
    ]
    asked = np.union1d(np.array(moved, np.intp), np.flatnonzero(due if due is not None else []))
    moving = [name for name, row in rules.features.features.items() if row.from_engagement]
    margins_asked = [margin[asked] for margin in margins]
    levels = model_levels(
        rules.model, moving, rules.starts, matrix[asked], margins_asked, leads.totals[asked]
    )
    return ModelScores(
        probability,
        _scores(leads, moved, matrix, probability, values, rules),
        dict(zip(asked.tolist(), levels.tolist(), strict=True)),
    )


def _scores(
    leads: LeadColumns,
    moved: Sequence[int],
    matrix: Floats,
    probability: Floats,
    values: Points,
    rules: ModelRules,
) -> dict[int, Score]:
    if not moved:
        return {}
    rows = np.array(moved)
    base, shares = rules.model.attributions(matrix[rows])
    receipts = whole_points(100 * base, 100 * shares, values[rows])
    found = {}
    for row, place in enumerate(moved):
        lead = leads.lead(place)
        receipt = _receipt(lead, int(receipts.base[row]), receipts.points[row].tolist(), rules)
        found[place] = _score(lead, float(probability[place]), receipt, rules)
    return found


def _score(lead: ScoredLead, probability: float, receipt: tuple[Reason, ...], rules: ModelRules) -> Score:
    """The grid is by the points rules under every method: two leads' letters can be compared."""
    return Score(
        value=sum(reason.points for reason in receipt),
        band=band_at(probability, rules.starts),
        receipt=receipt,
        method=rules.name,
        engagement=lead.engagement.total,
        probability=probability,
        grid=points_grid(lead.features, lead.engagement, rules.points),
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
