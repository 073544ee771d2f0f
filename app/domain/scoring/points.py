"""features + engagement -> score, by points anyone can add up: base, fit, engagement (`scoring.toml`).

It serves from the first day, before there are outcomes to learn from, and never pretends to be a probability.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import exp, floor, isfinite
from typing import Literal

from app.domain.engagement import Engagement, EngagementRules
from app.domain.feature_table import FEATURES, FeatureTable, is_number
from app.domain.features import fold
from app.domain.records import Features, FeatureValue, Reason, Score
from app.domain.scoring.bands import Bands, Language, Wording, band_faults, band_of

HIGHEST_SCORE = 100
MODEL_CODE = "model."
"""Begins the code of a reason that a trained model gives; the feature's name follows."""

MODEL_BASE = "model_base"
_BASE = "base"
_OTHER_ACTIVITY = "other_activity"


@dataclass(frozen=True, slots=True)
class Step:
    """A number of `at_least` earns `points`."""

    at_least: float
    points: int


@dataclass(frozen=True, slots=True)
class Level:
    """A text earns `points` when it holds one of the phrases as whole words, or is one of `equals`. Case,
    accents and signs do not matter.
    """

    points: int
    contains: tuple[str, ...] = ()
    equals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeaturePoints:
    """What one feature earns: of `steps` the highest reached, of `levels` the first that matches. `reason` is
    the code of its wording; `part` the half of the receipt it stands in.
    """

    reason: str
    part: Literal["fit", "engagement"] = "fit"
    steps: tuple[Step, ...] = ()
    levels: tuple[Level, ...] = ()


@dataclass(frozen=True, slots=True)
class EngagementPoints:
    """Engagement earns up to `most` points, with less for each more: most x (1 - e^(-total / scale))."""

    most: int
    scale: float


@dataclass(frozen=True, slots=True)
class GridRules:
    """From how many points of fit a lead is an A, a B, else a C; of engagement a 1, a 2, else a 3."""

    fit: tuple[int, int]
    engagement: tuple[int, int]


@dataclass(frozen=True, slots=True)
class ModelReason:
    """How a trained model's receipt words one feature, and the half of the receipt it stands in."""

    part: Literal["fit", "engagement"]
    es: str
    en: str


@dataclass(frozen=True, slots=True)
class PointsRules:
    """`scoring.toml` as read. Wordings are by reason code; engagement's codes are the kinds of activity."""

    base: int
    engagement: EngagementPoints
    features: Mapping[str, FeaturePoints]
    bands: Bands
    reason: Mapping[str, Wording]
    grid: GridRules
    model: Mapping[str, ModelReason]


def points_score(features: Features, engagement: Engagement, rules: PointsRules) -> Score:
    """The score of one lead and the receipt that adds up to it: base first, then the largest of each part.

    Stays within 0 and 100 by the rules themselves (`points_faults`), never by cutting off.
    """
    earned = [*_feature_reasons(features, rules), *_engagement_reasons(engagement, rules)]
    earned.sort(key=lambda reason: (reason.part != "fit", -reason.points, reason.code))
    receipt = (Reason(_BASE, rules.base, "base"), *earned)
    value = sum(reason.points for reason in receipt)
    grid = grid_of(receipt, rules.grid)
    return Score(value, band_of(value, rules.bands), receipt, "points", engagement.total, grid=grid)


def grid_of(receipt: Iterable[Reason], grid: GridRules) -> str:
    """A1 to C3: the two halves of a points receipt apart, what the lead is and what it does."""
    points = {"base": 0, "fit": 0, "engagement": 0}
    for reason in receipt:
        points[reason.part] += reason.points
    return _grid(points["fit"], points["engagement"], grid)


def points_grid(features: Features, engagement: Engagement, rules: PointsRules) -> str:
    """The grid of the lead's `points_score`, for who asks for no more: no reason is named or ordered."""
    points = {"fit": 0, "engagement": 0}
    for name, rule in rules.features.items():
        points[rule.part] += _points(rule, features.get(name))
    if sum(engagement.by_kind.values()) > 0:  # else there is no kind to earn them
        points["engagement"] += engagement_points(engagement.total, rules.engagement)
    return _grid(points["fit"], points["engagement"], rules.grid)


def _grid(fit: int, engagement: int, grid: GridRules) -> str:
    return "ABC"[_step(fit, grid.fit)] + "123"[_step(engagement, grid.engagement)]


def _step(points: int, limits: tuple[int, int]) -> int:
    return sum(points < limit for limit in limits)


def _feature_reasons(features: Features, rules: PointsRules) -> Iterator[Reason]:
    for name, rule in rules.features.items():
        value = features.get(name)
        points = _points(rule, value)
        if points:
            yield Reason(rule.reason, points, rule.part, _shown(value))


def _points(rule: FeaturePoints, value: FeatureValue) -> int:
    """0 for the unknown: it neither earns nor costs."""
    if isinstance(value, str):
        folded = fold(value)
        return next((level.points for level in rule.levels if _matches(level, folded)), 0)
    if value is None:
        return 0
    reached = [step for step in rule.steps if value >= step.at_least]
    return max(reached, key=lambda step: step.at_least).points if reached else 0


def _matches(level: Level, folded: str) -> bool:
    if folded in map(fold, level.equals):
        return True
    among = f" {folded} "
    return any(f" {phrase} " in among for phrase in map(fold, level.contains))


def _shown(value: FeatureValue) -> str:
    return value if isinstance(value, str) else f"{value or 0:.0f}"


# --- engagement ------------------------------------------------------------------------------------------


def _engagement_reasons(engagement: Engagement, rules: PointsRules) -> Iterator[Reason]:
    earned = engagement_points(engagement.total, rules.engagement)
    codes: dict[str, float] = {}
    for kind, share in engagement.by_kind.items():
        code = kind if kind in rules.reason else _OTHER_ACTIVITY
        codes[code] = codes.get(code, 0.0) + share
    for code, points in split(earned, codes).items():
        if points:
            yield Reason(code, points, "engagement")


def engagement_points(total: float, rule: EngagementPoints) -> int:
    """The points an engagement of `total` earns, rounded half up."""
    return floor(rule.most * (1 - exp(-total / rule.scale)) + 0.5)


def split(points: int, shares: Mapping[str, float]) -> dict[str, int]:
    """`points` in whole parts in proportion to `shares`, adding up exactly (largest remainder method)."""
    total = sum(shares.values())
    if total <= 0:
        return {}
    # Whole units, so that no rounding of floats can break the sum.
    units = {name: round(share / total * 10**9) for name, share in shares.items()}
    whole = sum(units.values())
    parts = {name: points * unit // whole for name, unit in units.items()}
    by_remainder = sorted(units, key=lambda name: (-(points * units[name] % whole), name))
    for name in by_remainder[: points - sum(parts.values())]:
        parts[name] += 1
    return parts


# --- wording ---------------------------------------------------------------------------------------------


def wording(reason: Reason, language: Language, rules: PointsRules) -> str:
    """The reason as a person reads it; the bare code where the rules no longer know it (an old score)."""
    known = rules.reason.get(reason.code)
    if reason.code.startswith(MODEL_CODE):
        learnt = rules.model.get(reason.code.removeprefix(MODEL_CODE))
        known = None if learnt is None else Wording(learnt.es, learnt.en)
    return known.text(language).replace("{value}", reason.value) if known else reason.code


# --- the rules -------------------------------------------------------------------------------------------


def points_faults(rules: PointsRules) -> list[tuple[str, str]]:
    """What is wrong with the rules, as (key, what would be right): among it every way a score could leave
    0 to 100.
    """
    faults = band_faults(rules.bands)
    highest = rules.base + rules.engagement.most + sum(max(_range(rule)) for rule in rules.features.values())
    lowest = rules.base + sum(min(_range(rule)) for rule in rules.features.values())
    if highest != HIGHEST_SCORE:
        faults.append(("base", f"the most a lead can earn must be 100 in all; now it is {highest}"))
    if lowest < 0:
        faults.append(("base", f"the least a lead can earn must be 0 or more; now it is {lowest}"))
    if rules.engagement.most < 0:
        faults.append(("engagement.most", "must be 0 or more"))
    if not (rules.engagement.scale > 0 and isfinite(rules.engagement.scale)):
        faults.append(("engagement.scale", "must be more than 0"))
    for code in (_BASE, _OTHER_ACTIVITY, MODEL_BASE):
        if code not in rules.reason:
            faults.append((f"reason.{code}", "is missing"))
    faults += [
        (f"model.{name}", "is missing: a model may name it") for name in FEATURES if name not in rules.model
    ]
    for half, limits in (("fit", rules.grid.fit), ("engagement", rules.grid.engagement)):
        if limits[0] <= limits[1]:
            faults.append((f"grid.{half}", "must fall: the better step first"))
    for name, rule in rules.features.items():
        faults.extend(
            (f"features.{name}{key}", message) for key, message in _feature_faults(name, rule, rules)
        )
    return faults


def _range(rule: FeaturePoints) -> list[int]:
    """Every number of points the feature can earn; 0 when unknown."""
    return [0, *(step.points for step in rule.steps), *(level.points for level in rule.levels)]


def _feature_faults(name: str, rule: FeaturePoints, rules: PointsRules) -> Iterator[tuple[str, str]]:
    if name not in FEATURES:
        yield "", "is not one of the features"
    if rule.reason not in rules.reason:
        yield ".reason", f"has no wording: add [reason.{rule.reason}] with es and en"
    if bool(rule.steps) == bool(rule.levels):
        yield "", "needs steps (for a number) or levels (for a text), one of them"
    if len({step.at_least for step in rule.steps}) < len(rule.steps):
        yield ".steps", "must not begin twice at the same number"


def cross_faults(
    points: PointsRules, table: FeatureTable, engagement: EngagementRules
) -> list[tuple[str, str]]:
    """What of `scoring.toml` does not fit the other two tables, as (key, what would be right)."""
    faults = [
        (f"reason.{kind}", "is missing: engagement.toml weighs this kind of activity")
        for kind in engagement.kinds
        if kind not in points.reason
    ]
    for name, rule in points.features.items():
        row = table.features.get(name)
        if row is not None and is_number(row) != bool(rule.steps):
            wanted = "steps: the feature is a number" if is_number(row) else "levels: the feature is a text"
            faults.append((f"features.{name}", f"needs {wanted}"))
    return faults
