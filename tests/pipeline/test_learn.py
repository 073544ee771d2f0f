"""From the store's past to a model that scores: whom it must beat, and how one goes back."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from app.domain.errors import BadConfig
from app.domain.scoring.contest import against_model, against_points
from app.domain.scoring.training import TrainingOptions
from app.pipeline.history import read_history
from app.pipeline.leads import load_leads
from app.pipeline.learn import learn_from_store
from app.pipeline.model_watch import watch
from app.pipeline.steps import decay
from app.pipeline.understand import rescore_after, rescore_due, rescore_touched
from app.services import Services
from app.store import models, people, scores, work_list
from tests.line import Moment
from tests.pipeline.past import DAY, act, keep, live, profile, quiet, score_all
from tests.scoring.lead_model import floor_of

OPTIONS = TrainingOptions("")


# --- whom it must beat ------------------------------------------------------------------------------------


def test_with_few_conversions_the_points_score_stays(services: Services, now: datetime) -> None:
    live(services.database, now, 30)
    learnt = learn_from_store(services, OPTIONS, now, quiet)
    assert (learnt.model_id, learnt.crowned) == (None, False)
    assert "points score stays" in learnt.report["note"]
    with services.database.connect() as conn:
        assert models.all_models(conn) == []


def test_an_empty_store_teaches_nothing(services: Services, now: datetime) -> None:
    assert learn_from_store(services, OPTIONS, now, quiet).report["rows"] == 0


@pytest.mark.slow
def test_a_model_beats_points_scores_every_lead_and_can_be_taken_back(
    services: Services, clock: Moment
) -> None:
    """The whole life of a model, since each training costs seconds."""
    now = clock()
    live(services.database, now, 900)
    score_all(services)
    learnt = learn_from_store(services, OPTIONS, now, quiet)
    assert learnt.crowned, learnt.report["against"]
    assert learnt.report["against"]["against"] == "points"
    assert learnt.report["judged"] == "forward in time"
    named = f"model {learnt.model_id}"
    _every_lead_is_scored_by(services, named)
    _a_webhooks_lead_is_scored_by(services, named)
    _it_is_watched(services, clock)
    _the_same_past_brings_no_new_champion(services, clock, named)
    _new_outcomes_let_a_challenger_be_judged(services, clock, named)
    _points_can_be_restored(services, learnt.model_id or 0)


def _every_lead_is_scored_by(services: Services, named: str) -> None:
    with services.database.begin() as conn:
        work_list.drop(conn, work_list.first(conn, 10**6))
    while "decay" in decay(services, services.clock()):
        pass
    with services.database.connect() as conn:
        ids = scores.all_person_ids(conn, 0, 10_000)
        found = scores.latest(conn, ids)
        assert len(found) == 900
        for stored in found.values():
            score = stored.score
            assert score.method == named
            assert score.probability is not None
            assert score.value == floor_of(score.probability) == sum(item.points for item in score.receipt)
            assert score.grid[0] in "ABC"
        states = load_leads(services, conn, ids[:50])
    assert all(item.percentile is not None for item in states)
    assert "Punto de partida" in states[0].texts.reasons
    assert "model." not in "".join(item.texts.reasons for item in states)
    best = max(states, key=lambda item: item.score.probability or 0)
    assert best.percentile == max(item.percentile or 0 for item in states)
    # Nothing has changed since: nobody is due, nobody gets another receipt.
    assert rescore_due(services, services.clock()).leads == 0
    assert rescore_after(services, 0, services.clock())[0].changed == 0


def _a_webhooks_lead_is_scored_by(services: Services, named: str) -> None:
    now = services.clock()
    keep(services, *(act(1, 100 + place, now - timedelta(minutes=place)) for place in range(3)))
    assert rescore_touched(services, now).leads == 1
    with services.database.connect() as conn:
        person = people.person_of(conn, "lead1@example.com") or 0
        assert scores.latest(conn, [person])[person].score.method == named


def _it_is_watched(services: Services, clock: Moment) -> None:
    keep(services, profile(2, services.clock() - 400 * DAY, services.clock() + DAY, feedback="good"))
    seen = watch(services, services.clock())
    assert seen is not None
    assert not [index for index in seen["drift"].values() if index < 0]
    with services.database.connect() as conn:
        customers = conn.scalar(sa.text("SELECT count(*) FROM deal WHERE is_won"))
    assert 0 < customers == 900 - seen["leads"]  # customers are not compared with those learnt from
    assert seen["feedback"]["good"]["leads"] == 1
    assert seen["agreement"] is None  # nobody was called no fit yet
    assert seen["since_training"]["rows"] == 0  # its own outcomes are not judged by
    with services.database.connect() as conn:
        stored = models.champion(conn)
    assert stored is not None
    assert stored.watched is not None
    assert stored.watched["alarms"] == seen["alarms"]


def _the_same_past_brings_no_new_champion(services: Services, clock: Moment, named: str) -> None:
    """A month later the cuts have moved, but of whom the champion learnt they look at outcomes that it knew:
    leads that were too young for it are what it is judged by.
    """
    learnt = {row.person_id for row in read_history(services, clock(), quiet).rows}
    later = read_history(services, clock.move(days=30), quiet).rows
    new = [row for row in later if row.person_id not in learnt]
    seen = watch(services, clock())
    assert seen is not None
    assert 0 < seen["since_training"]["rows"] <= len(new) < len(later)
    again = learn_from_store(services, OPTIONS, services.clock(), quiet)
    assert not again.crowned
    assert "are needed to judge" in again.report["against"]["why"]
    with services.database.connect() as conn:
        assert [one.state for one in models.all_models(conn)] == ["refused", "champion"]
        assert models.champion_name(conn)[0] == int(named.removeprefix("model "))  # type: ignore[index]


def _new_outcomes_let_a_challenger_be_judged(services: Services, clock: Moment, named: str) -> None:
    clock.move(days=240)
    live(services.database, clock(), 600, seed=9, first=1001)
    against = learn_from_store(services, OPTIONS, clock(), quiet).report["against"]
    assert against["against"] == named
    assert against["conversions"] >= 10
    assert against["won"] == (against["gain"] > against["error"])
    saved = against["champion"]["log_loss"] - against["challenger"]["log_loss"]
    assert against["gain"] == pytest.approx(saved)


def _points_can_be_restored(services: Services, model_id: int) -> None:
    now = services.clock()
    with services.database.begin() as conn:
        assert models.crown(conn, None, now)
        assert not models.crown(conn, 99, now)
    while rescore_due(services, now).more:
        pass
    with services.database.begin() as conn:
        ids = scores.all_person_ids(conn, 0, 10_000)
        assert {stored.score.method for stored in scores.latest(conn, ids).values()} == {"points"}
        assert models.crown(conn, model_id, now)
        assert models.champion_name(conn)[0] == model_id  # type: ignore[index]
        conn.execute(sa.text("UPDATE model SET bytes = bytes || bytes WHERE id = :id"), {"id": model_id})
        with pytest.raises(BadConfig, match="not those that were kept"):
            models.content_of(conn, model_id)


def test_a_challenger_must_beat_the_champion_on_enough_new_outcomes() -> None:
    import numpy as np

    converted = np.array([1.0, 0.0] * 20)
    good, bad = np.where(converted > 0, 0.8, 0.2), np.full(40, 0.5)
    assert against_model("model 1", converted, good, bad).won
    assert not against_model("model 1", converted, bad, good).won
    assert not against_model("model 1", converted, good, good).won
    assert not against_model("model 1", converted[:10], good[:10], bad[:10]).won
    right = np.arange(40) % 8 < 5
    toward = np.where(right, 0.8, 0.25)
    lucky = np.where(converted > 0, toward, 1 - toward)
    found = against_model("model 1", converted, lucky, bad)
    assert found.challenger["log_loss"] < found.champion["log_loss"]
    assert not found.won  # by less than the standard error of the difference
    assert against_points(converted, good, 100 * bad, 0.5).won
    assert not against_points(converted, good, 100 * good, 0.5).won  # ranks no better
    assert not against_points(converted, 0.99 * good + 0.01, bad, 0.5).why.startswith("0 new")
