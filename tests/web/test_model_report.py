"""The page of the score: closed without the password, true with points and with a model."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from flask.testing import FlaskClient

from app.config import Secrets, Settings
from app.store import cursors, models
from app.web import create_app
from tests.line import services_of

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
    "against": {"against": "points", "why": "it ranks better"},
}


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
    told = web.get("/report/model", auth=("", "open sesame"))
    assert "no trained model does" in told.text
    with database.begin() as conn:
        kept = models.add(conn, b"bytes", REPORT, now)
        models.crown(conn, kept, now)
        models.note_watch(conn, kept, {"alarms": ["job_title drifts"], "drift": {"job_title": 0.31}}, now)
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
    ):
        assert text in told.text
