"""A model of leads, trained once a run: trees and curves together, so that every kind of part is in it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import lru_cache

import numpy as np

from app.domain.feature_table import FEATURES
from app.domain.records import Features
from app.domain.scoring.columns import Table
from app.domain.scoring.lead_scores import ModelRules
from app.domain.scoring.lead_table import lead_table
from app.domain.scoring.selection import learners_for
from app.domain.scoring.training import TrainingOptions, train
from app.domain.standing import starts_by_score
from mappings.load import load_mappings

MAPPINGS = load_mappings()
TABLE = MAPPINGS.features.before_the_outcome()
TITLES = ("Directora", "Analista", "CEO", "Técnico")


def floor_of(probability: float) -> int:
    """By its written digits: 0.29 is 29, though as a binary fraction it lies below."""
    return int(100 * Decimal(repr(probability)))


def features(chance: np.random.Generator) -> Features:
    """One lead's."""
    found: dict[str, float | str | None] = dict.fromkeys(FEATURES)
    found["job_title"] = str(chance.choice(TITLES))
    found["engagement_score"] = float(chance.exponential(8))
    found["email_clicks"] = float(chance.integers(0, 5)) if chance.random() < 0.7 else None
    return found


@lru_cache(maxsize=1)
def model_rules() -> ModelRules:
    """The model as training chose it."""
    chance = np.random.default_rng(4)
    rows = [features(chance) for _ in range(600)]
    margin = [
        float(row["engagement_score"] or 0) / 8 + (row["job_title"] == "CEO") - 2.5  # type: ignore[arg-type]  # a number
        for row in rows
    ]
    converted = ["1" if chance.random() < 1 / (1 + np.exp(-one)) else "0" for one in margin]
    table = Table({**lead_table(rows, TABLE).columns, "converted": converted}, len(rows))
    model = train(table, TrainingOptions("converted", accepted=FEATURES), lambda _: None).model
    assert model is not None
    return ModelRules("model 1", model, TABLE, MAPPINGS.scoring, starts_by_score(MAPPINGS.scoring.bands))


@lru_cache(maxsize=1)
def blended_rules() -> ModelRules:
    """The same with a part of every family: trees that part engagement, and a curve that it moves along."""
    rules = model_rules()
    chance = np.random.default_rng(7)
    rows = [features(chance) for _ in range(600)]
    matrix = rules.model.vocabulary.matrix(lead_table(rows, TABLE))
    converted = (rules.model.probability(matrix) > chance.random(len(rows))).astype(np.float64)
    families = {one.family: one for one in learners_for(1000, len(rows))}.values()
    parts = tuple(one.fit(rules.model.vocabulary, matrix, converted, 0) for one in families)
    return replace(rules, name="model 2", model=replace(rules.model, parts=parts))
