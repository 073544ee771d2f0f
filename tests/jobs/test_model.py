"""`jobs train` on the store and `jobs model`: what they answer, and with which exit code."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from app.store import models
from jobs.__main__ import main
from tests.line import Moment, services_of
from tests.pipeline.past import live, score_all

METRICS = {"auc": 0.8, "log_loss": 0.3}


@pytest.fixture
def store(database: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch) -> sa.Engine:
    """The jobs' own store, as they find it in the environment."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    return database


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_train_on_a_young_store_keeps_points_and_says_so_by_its_exit_code(
    store: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    live(store, datetime.now(UTC), 20)
    code, report = told(capsys, "train")
    assert code == 3
    assert (report["model"], report["crowned"], report["id"]) == ("points", False, None)
    assert report["outcome"] == {"event": "deal_won", "horizon_days": 90}
    assert main(["train"]) == 3
    assert "the points score stays" in capsys.readouterr().out


def test_a_history_without_its_outcome_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--history", "absent.csv"]) == 1
    assert "--outcome" in capsys.readouterr().err


def test_model_tells_what_scores_and_goes_back(store: sa.Engine, capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC)
    live(store, now, 5)
    score_all(services_of(store, Moment(now)))
    code, report = told(capsys, "model")
    assert (code, report["scores"], report["models"]) == (0, "points", [])
    assert report["data_through"] == {}
    assert report["watch"]["known"]["rows"] >= report["watch"]["known"]["conversions"]
    with store.begin() as conn:
        against = {"against": "points", "why": "it does not rank better"}
        kept = models.add(conn, b"bytes", {"metrics": METRICS, "against": against}, now)
    _, report = told(capsys, "model")
    assert [(one["id"], one["state"]) for one in report["models"]] == [(kept, "refused")]
    assert main(["model"]) == 0
    assert "refused, trained" in capsys.readouterr().out
    for unknown in ("99", "the best"):
        assert main(["model", "--restore", unknown]) == 1
        assert "python -m jobs model lists them" in capsys.readouterr().err
    assert main(["model", "--restore", "points"]) == 0


def test_bytes_that_are_no_model_never_score(store: sa.Engine, capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC)
    with store.begin() as conn:
        kept = models.add(conn, b"\x80\x04cos\nsystem\n", {"metrics": METRICS, "against": {}}, now)
    assert main(["model", "--restore", str(kept)]) == 1
    assert capsys.readouterr().err
    with store.connect() as conn:
        assert models.champion(conn) is None
