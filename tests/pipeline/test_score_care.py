"""What the operator sees of the score, who is due, and bands by how many leads sales can take."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.config import BandSettings
from app.domain.scoring.metrics import calibration_error, calm_error
from app.pipeline.checkup import check_up
from app.pipeline.model_watch import alarms
from app.pipeline.steps import decay
from app.pipeline.understand import rescore_after, rescore_due
from app.services import Services
from app.store import scores, spread
from tests.line import Moment
from tests.pipeline.past import act, keep, live, profile, score_all

# --- what the operator sees -------------------------------------------------------------------------------


def test_an_empty_hot_band_is_said_and_bands_by_capacity_are_offered(services: Services) -> None:
    live(services.database, services.clock(), 120)
    score_all(services)
    decay(services, services.clock())
    (said,) = _problems(services, "bands")
    assert "reaches 80" in said
    assert "capacity_per_week = 50" in said
    settings = services.settings.model_copy(update={"bands": BandSettings(capacity_per_week=50)})
    assert _problems(replace(services, settings=settings), "bands") == []


def _problems(services: Services, subject: str) -> list[str]:
    found = check_up(services, services.clock(), ask_vendors=False).problems
    return [problem.message for problem in found if problem.subject == subject]


LEARNT = {"base_rate": 0.1, "conversions": 200, "rows": 2_000}


def seen_since(rows: int, conversions: int, ece: float) -> dict[str, Any]:
    rate = conversions / rows
    figures = {"metrics": {"ece": ece}, "ece_by_luck": 0.04}
    return {"rows": rows, "conversions": conversions, "base_rate": rate, **figures}


@pytest.mark.parametrize(
    ("changed", "since", "said"),
    [
        ({"job_title": 0.3}, {"rows": 0}, "job_title is spread otherwise"),
        ({}, seen_since(200, 20, ece=0.06), "calibration error"),
        ({}, seen_since(200, 60, ece=0.01), "30.0% convert since training"),
    ],
)
def test_an_alarm_names_what_left_its_limits(changed: Any, since: Any, said: str) -> None:
    (alarm,) = alarms(changed, since, LEARNT)
    assert alarm.startswith(said)
    assert "train again" in alarm


@pytest.mark.parametrize(("rows", "rate"), [(100, 0.3), (200, 0.3), (1_000, 0.1), (1_000, 0.06)])
def test_no_alarm_where_nothing_has_changed(rows: int, rate: float) -> None:
    raised = 0
    for seed in range(40):
        chance = np.random.default_rng(seed)
        probability = chance.beta(rate * 4, (1 - rate) * 4, rows)
        converted = (chance.random(rows) < probability).astype(float)
        since = seen_since(rows, int(converted.sum()), calibration_error(converted, probability))
        since["ece_by_luck"] = calm_error(probability, seed=1)
        learnt = {"base_rate": rate, "conversions": round(20_000 * rate), "rows": 20_000}
        raised += bool(alarms({}, since, learnt))
    assert raised <= 2


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_overconfident_probabilities_raise_an_alarm(seed: int) -> None:
    chance = np.random.default_rng(seed)
    true = chance.beta(2, 4, 1_000)
    converted = (chance.random(1_000) < true).astype(float)
    told = np.clip(3 * true - 2 / 3, 0, 1)
    since = seen_since(1_000, int(converted.sum()), calibration_error(converted, told))
    since["ece_by_luck"] = calm_error(told, seed=1)
    (alarm, *_) = alarms({}, since, {"base_rate": 1 / 3, "conversions": 6_667, "rows": 20_000})
    assert alarm.startswith("calibration error")


def test_what_scores_by_points_and_the_web_process_load_no_numbers_package() -> None:
    code = (
        "import sys, app.wiring, app.web, jobs.worker; print(sorted({'numpy', 'sklearn'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


# --- bands by capacity ------------------------------------------------------------------------------------


def test_bands_by_capacity_hold_the_best_and_stay_for_a_week(services: Services, clock: Moment) -> None:
    live(services.database, clock(), 120)
    score_all(services)
    settings = services.settings.model_copy(update={"bands": BandSettings(capacity_per_week=5)})
    with_capacity = replace(services, settings=settings)
    while "decay" in decay(with_capacity, clock()):
        pass
    found = _bands(services)
    hot = [value for value, band in found if band == "hot"]
    assert 1 <= len(hot) <= max(5, hot.count(max(hot)))
    assert min(hot) > max(value for value, band in found if band != "hot")
    with services.database.connect() as conn:
        _, first = spread.read(conn)
    clock.move(days=6)
    decay(with_capacity, clock())
    with services.database.connect() as conn:
        assert spread.read(conn)[1] == first
    while "decay" in decay(services, clock()):  # the setting is taken back: the published bands again
        pass
    assert all(band == ("hot" if value >= 80 else band) for value, band in _bands(services))
    assert not [band for value, band in _bands(services) if band == "hot" and value < 80]


def _bands(services: Services) -> list[tuple[int, str]]:
    with services.database.connect() as conn:
        found = scores.latest(conn, scores.all_person_ids(conn, 0, 10_000))
    return [(stored.score.value, stored.score.band) for stored in found.values()]


def test_time_makes_due_only_those_whose_printed_score_it_changes(services: Services, clock: Moment) -> None:
    now = clock()
    keep(services, profile(1, now, now), act(1, 1, now), profile(2, now, now))
    score_all(services)
    assert rescore_due(services, now).leads == 0
    clock.move(days=40)
    assert rescore_due(services, clock()).leads == 1


def test_scoring_in_a_lot_or_alone_says_the_same(services: Services, now: datetime) -> None:
    live(services.database, now, 20, seed=random.Random(5).randrange(100))
    score_all(services)
    with services.database.connect() as conn:
        before = scores.latest(conn, scores.all_person_ids(conn, 0, 100))
    after = 0
    for _ in range(20):
        done, after = rescore_after(services, after, now, lot=1)
        assert (done.leads, done.changed) == (1, 0)
    with services.database.connect() as conn:
        assert scores.latest(conn, list(before)) == before
