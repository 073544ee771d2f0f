"""Training: the published rule, honest figures, calibration that survives any order of the file."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import BadConfig
from app.domain.scoring.calibration import fit_calibration
from app.domain.scoring.columns import Table
from app.domain.scoring.drift import DRIFTED
from app.domain.scoring.folds import forward_folds, shuffled_folds
from app.domain.scoring.metrics import (
    auc,
    average_precision,
    brier,
    calibration_error,
    lift,
    log_loss,
    measure,
)
from app.domain.scoring.ranking import auc_of_counts
from app.domain.scoring.selection import learners_for
from app.domain.scoring.training import Training, TrainingOptions, train
from tests.scoring.worlds import as_text, history, table_of


def trained(rows: int, rate: float, *, ordered: bool = False, **options: object) -> Training:
    columns, converted, _ = history(rows, rate, 11, strength=0.8)
    table = table_of({**as_text(columns), "won": ["yes" if one else "no" for one in converted]})
    if ordered:
        table = table.take(np.argsort(~converted, kind="stable"))
    return train(table, TrainingOptions("won", **options), lambda _: None)  # type: ignore[arg-type]


def test_under_forty_conversions_there_is_no_model() -> None:
    training = trained(400, 0.08)
    assert training.conversions < 40
    assert training.model is None


def test_from_forty_to_120_it_is_a_logistic_with_a_wide_interval() -> None:
    model = trained(500, 0.15).model
    assert model is not None
    assert model.report["model"] == "logistic"
    assert model.report["calibration"] == "none"
    assert model.report["wide"]
    interval = model.report["interval"]
    assert interval["low"] < model.report["metrics"]["auc"] < interval["high"]


@pytest.mark.parametrize(
    ("conversions", "families"),
    [(39, set()), (40, {"logistic"}), (120, {"logistic"}), (121, {"logistic", "forest", "boosting"})],
)
def test_the_published_rule(conversions: int, families: set[str]) -> None:
    assert {learner.family for learner in learners_for(conversions, 5000)} == families


@pytest.mark.parametrize("ordered", [False, True])
def test_calibration_survives_a_shuffled_and_an_ordered_file_alike(ordered: bool) -> None:
    model = trained(2500, 0.3, ordered=ordered).model
    assert model is not None
    assert model.report["metrics"]["ece"] < 0.04
    fresh, converted, _ = history(4000, 0.3, 12, strength=0.8)
    probability = model.score(table_of(as_text(fresh))).probability
    assert calibration_error(converted.astype(float), probability) < 0.05
    assert measure(converted, probability)["auc"] == pytest.approx(model.report["metrics"]["auc"], abs=0.04)


def test_with_a_time_column_it_is_judged_forward_and_the_shift_is_told() -> None:
    columns, converted, chance = history(1500, 0.3, 11)
    late = np.arange(1500) > 1200
    converted = converted | (late & (chance.random(1500) < 0.3))
    text = {**as_text(columns), "won": ["1" if one else "0" for one in converted]}
    text["entered"] = [f"2026-{1 + row // 150:02d}-{1 + row % 28:02d}" for row in range(1500)]
    training = train(table_of(text), TrainingOptions("won", time="entered"), lambda _: None)
    assert training.model is not None
    assert training.model.report["judged"] == "forward in time"
    shift = training.model.report["base_rate_shift"]
    assert shift["newer"] > shift["older"] + 0.1
    assert "entered" not in training.model.vocabulary.names


def test_forward_folds_never_learn_from_what_comes_later() -> None:
    time = np.random.default_rng(0).permutation(500).astype(float)
    converted = (np.arange(500) % 3 == 0).astype(float)
    for learn, test in forward_folds(converted, time):
        assert time[learn].max() < time[test].min()


def test_shuffled_folds_test_every_row_once_and_share_out_conversions() -> None:
    converted = (np.arange(503) < 60).astype(float)
    folds = shuffled_folds(converted, 1)
    assert np.array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(503))
    assert {int(converted[test].sum()) for _, test in folds} == {12}


def test_an_excluded_column_is_not_learnt_and_an_unknown_name_is_a_fault() -> None:
    model = trained(500, 0.3, excluded=("pages",), ids=("noise",)).model
    assert model is not None
    assert set(model.vocabulary.names) == {"minutes", "channel", "country"}
    with pytest.raises(BadConfig, match="no column"):
        trained(300, 0.3, excluded=("nothing",))


def test_the_report_says_what_the_quality_page_shows() -> None:
    model = trained(1200, 0.3).model
    assert model is not None
    report = model.report
    assert {"metrics", "reliability", "bands", "learning_curve", "importance", "contest", "empty_hot"} <= set(
        report
    )
    assert next(iter(report["importance"])) == "minutes"
    assert [point["rows"] for point in report["learning_curve"]] == [240, 480, 960]


def test_drift_names_the_column_that_moved() -> None:
    model = trained(1200, 0.3).model
    assert model is not None
    alike, _, _ = history(1000, 0.3, 5)
    assert max(model.drift(table_of(as_text(alike))).values()) < 0.1
    moved = {**alike, "minutes": np.asarray(alike["minutes"]) + 15, "channel": ["Fax"] * 1000}
    drift = model.drift(table_of(as_text(moved)))
    assert {name for name, index in drift.items() if index > DRIFTED} == {"minutes", "channel"}


def dated(rows: int, outcome: list[str]) -> Table:
    """A row a day, the oldest first."""
    days = [str(date(2025, 1, 1) + timedelta(days=row)) for row in range(rows)]
    return table_of({"came": days, "visits": [str(row % 7) for row in range(rows)], "won": outcome})


def test_rows_younger_than_the_horizon_are_left_out_whatever_happened_to_them() -> None:
    table = dated(100, ["yes" if row % 3 else "no" for row in range(100)])
    found = train(table, TrainingOptions("won", time="came", horizon_days=30), lambda _: None)
    assert (found.rows, found.left_out) == (70, 30)
    assert train(table, TrainingOptions("won", time="came"), lambda _: None).left_out == 0


def test_a_conversion_after_the_horizon_is_none() -> None:
    soon = [row + (50 if row % 2 else 5) for row in range(100)]
    won = [str(date(2025, 1, 1) + timedelta(days=day)) if day % 5 else "" for day in soon]
    found = train(dated(100, won), TrainingOptions("won", time="came", horizon_days=30), lambda _: None)
    assert (found.rows, found.conversions) == (70, 28)


@pytest.mark.parametrize(
    "options", [{}, {"time": "visits"}, {"time": "came", "horizon_days": 99}], ids=["none", "number", "long"]
)
def test_a_horizon_that_cannot_be_counted_is_a_fault(options: dict[str, Any]) -> None:
    table = dated(100, ["yes" if row % 3 else "no" for row in range(100)])
    with pytest.raises(BadConfig, match="--horizon"):
        train(table, TrainingOptions("won", **{"horizon_days": 30, **options}), lambda _: None)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=1, max_size=40))
def test_an_auc_by_counts_is_that_of_the_rows(rows: list[tuple[bool, int]]) -> None:
    hits, misses = (Counter(place for hit, place in rows if hit is kind) for kind in (True, False))
    converted, places = (np.array(one, dtype=float) for one in zip(*rows, strict=True))
    assert auc_of_counts(hits, misses) == pytest.approx(auc(converted, places))


def test_metrics_agree_with_scikit_learn() -> None:
    from sklearn import metrics

    chance = np.random.default_rng(0)
    truth, score = (chance.random(500) < 0.3).astype(float), np.round(chance.random(500), 2)
    assert auc(truth, score) == pytest.approx(metrics.roc_auc_score(truth, score))
    assert average_precision(truth, score) == pytest.approx(metrics.average_precision_score(truth, score))
    assert brier(truth, score) == pytest.approx(metrics.brier_score_loss(truth, score))
    safe = np.clip(score, 0.01, 0.99)
    assert log_loss(truth, safe) == pytest.approx(metrics.log_loss(truth, safe))
    assert lift(truth, truth) == pytest.approx(1 / truth.mean())


@pytest.mark.parametrize("kind", ["sigmoid", "isotonic", "none"])
def test_a_calibration_never_falls(kind: str) -> None:
    chance = np.random.default_rng(3)
    margin = chance.normal(size=1200)
    converted = (chance.random(1200) < 1 / (1 + np.exp(-2 * margin))).astype(float)
    probability = fit_calibration(kind, margin, converted).probability(np.linspace(-9, 9, 500))
    assert (np.diff(probability) >= 0).all()
    assert probability[0] > 0
    assert probability[-1] < 1
