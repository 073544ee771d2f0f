"""The page of the score: closed without the password, true with points and with a model."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from flask.testing import FlaskClient

from app.config import Secrets, Settings
from app.pipeline.sales_feedback import GOOD, NOT_A_FIT, sales_say
from app.pipeline.steps import watch
from app.store import cursors, models, runs
from app.web import create_app
from tests.line import MAPPINGS, services_of
from tests.pipeline.past import keep, live, profile, score_all

SINCE = {
    "rows": 220,
    "conversions": 30,
    "base_rate": 0.136,
    "metrics": {"auc": 0.777, "ece": 0.044},
    "interval": {"low": 0.701, "high": 0.853},
    "ece_by_luck": 0.05,
    "reliability": [{"rows": 220, "predicted": 0.14, "converted": 0.139}],
    "bands": [{"band": "warm", "rows": 20, "converted": 0.45, "lift": 3.3}],
    "band_starts": {"hot": 0.8, "warm": 0.615, "cold": 0.4, "unqualified": 0.0},
}
REPORT = {
    "model": "logistic",
    "calibration": "none",
    "rows": 500,
    "conversions": 60,
    "judged": "forward in time",
    "metrics": {"auc": 0.8123, "ece": 0.01},
    "reliability": [{"rows": 500, "predicted": 0.12, "converted": 0.118}],
    "bands": [{"band": "hot", "rows": 9, "converted": 0.5, "lift": 4.0}],
    "importance": {"job_title": 3.2},
    "learning_curve": [{"rows": 250, "auc": 0.8, "log_loss": 0.3}],
    "against": {
        "against": "points",
        "why": "it ranks better",
        "challenger": {"auc": 0.8123, "log_loss": 0.3},
        "champion": {"auc": 0.7001, "log_loss": 0.36},
        "gain": 0.06,
        "error": 0.0123,
    },
    "interval": {"low": 0.771, "high": 0.853},
    "base_rate": 0.12,
    "base_rate_shift": {"older": 0.11, "newer": 0.162},
    "band_starts": {"hot": 0.8, "warm": 0.6, "cold": 0.4, "unqualified": 0.0},
    "refused": [{"column": "stage", "reason": "it looks filled in after the outcome"}],
    "suspect": [{"column": "budget", "reason": "alone it reaches AUC 0.80"}],
}


WATCHED = {"alarms": ["job_title drifts"], "drift": {"job_title": 0.31}}


def page_of(database: sa.Engine, now: datetime, password: str) -> FlaskClient:
    settings = Settings(secrets=Secrets(savia_admin_password=password))
    return create_app(services_of(database, lambda: now, settings=settings)).test_client()


def test_without_the_password_nobody_reads_it(database: sa.Engine, now: datetime) -> None:
    assert page_of(database, now, "").get("/report/model").status_code == 401
    asked = page_of(database, now, "open sesame")
    assert asked.get("/report/model").status_code == 401
    assert asked.get("/report/model", auth=("", "guess")).status_code == 401


def test_it_says_what_scores_how_well_and_what_left_its_limits(database: sa.Engine, now: datetime) -> None:
    web = page_of(database, now, "open sesame")
    with database.begin() as conn:
        kept = models.add(conn, b"bytes", REPORT, now)
        models.crown(conn, kept, now)
        models.note_watch(conn, kept, {"since_training": SINCE, **WATCHED}, now)
        cursors.save(conn, "zoom", "participants", {}, now)
    told = web.get("/report/model", auth=("", "open sesame"))
    for text in (
        f"<td>zoom</td><td>{now:%Y-%m-%d %H:%M} UTC</td>",
        "Model 1 scores: logistic",
        "0.8123",
        "job_title drifts",
        "0.31",
        "50.0 %",
        "it ranks better",
        "0.771 to 0.853",
        "11.0 %",
        "16.2 %",
        "<td>refused</td><td>stage</td>",
        "<td>suspect</td><td>budget</td>",
        "0.7001",
        "0.0600 ± 0.0123",
        "220 outcomes are known",
        "0.701 to 0.853",
        "0.139",
        "<td>61.5</td>",
    ):
        assert text in told.text


def test_while_points_score_it_says_so_and_how_well_they_rank(database: sa.Engine, now: datetime) -> None:
    web = page_of(database, now, "open sesame")
    told = web.get("/report/model", auth=("", "open sesame"))
    assert "no trained model does" in told.text
    assert "Nothing is known of them yet" in told.text
    services = services_of(database, lambda: now)
    live(database, now, 60)
    score_all(services)
    assert watch(services, now) == []
    with database.connect() as conn:
        (seen,) = runs.last_results(conn, "watch", "points", 5)
    known = seen["known"]
    assert known["conversions"] > 0
    assert sum(band["rows"] for band in known["bands"]) == known["rows"]
    told = web.get("/report/model", auth=("", "open sesame"))
    rows, area = f"{known['rows']} leads at their cut dates", f"AUC {known['auc']:.3f}"
    for text in (rows, area, "<td>unqualified</td>"):
        assert text in told.text
    watch(services, now)  # once a day
    with database.connect() as conn:
        assert len(runs.last_results(conn, "watch", "points", 5)) == 1


def test_sales_agree_with_the_score_by_the_pairs_it_puts_right(database: sa.Engine, now: datetime) -> None:
    services = services_of(database, lambda: now)
    keep(
        services,
        profile(1, now, now, job_title="CEO", feedback="good"),
        profile(2, now, now, job_title="Estudiante", feedback="not_a_fit"),
        profile(3, now, now, job_title="CEO", feedback="not_a_fit"),
        profile(4, now, now, feedback="bad_timing"),
    )
    score_all(services)
    with database.connect() as conn:
        agrees = sales_say(conn)["agreement"]
    assert (agrees["auc"], agrees["good"], agrees["not_a_fit"]) == (0.75, 1, 2)  # one pair right, one tied
    told = page_of(database, now, "open sesame").get("/report/model", auth=("", "open sesame"))
    assert "75 % of pairs" in told.text


def test_the_answers_that_judge_a_lead_are_options_of_the_mapping() -> None:
    (asked,) = (one for one in MAPPINGS.hubspot.asked if one.name == "savia_feedback")
    assert {GOOD, NOT_A_FIT} < {option.value for option in asked.options}
