"""Where only time has passed a lead is scored by its summary: without its facts, never against newer ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from app.domain.summary import summary_key
from app.pipeline import steps, understand
from app.pipeline.understand import rescore_after
from app.services import Services
from app.store import models, people, scores, summaries
from tests.line import Moment
from tests.pipeline.past import act, keep, live, profile, score_all


def test_where_only_time_passed_no_facts_are_read(
    services: Services, clock: Moment, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock()
    keep(services, profile(1, now, now), act(1, 1, now), profile(2, now, now))
    score_all(services)

    def read(*_: object) -> None:
        raise AssertionError("facts were read")

    monkeypatch.setattr(understand, "read_held", read)
    done, _ = rescore_after(services, 0, clock.move(days=40))
    assert (done.leads, done.changed, done.held) == (2, 1, 0)
    monkeypatch.undo()
    with services.database.begin() as conn:  # the facts say the same
        conn.execute(sa.text("DELETE FROM summary"))
    assert rescore_after(services, 0, clock())[0].changed == 0


def test_under_other_rules_every_summary_is_made_anew_from_the_facts(
    services: Services, clock: Moment
) -> None:
    live(services.database, clock(), 30)
    score_all(services)
    rules = replace(services.mappings.engagement, half_life_days=300.0)
    other = replace(services, mappings=replace(services.mappings, engagement=rules))
    assert rescore_after(other, 0, clock())[0].changed > 10
    with services.database.begin() as conn:
        said = scores.latest(conn, scores.all_person_ids(conn, 0, 100))
        conn.execute(sa.text("DELETE FROM summary"))
    assert rescore_after(other, 0, clock())[0].changed == 0
    with services.database.connect() as conn:
        assert scores.latest(conn, list(said)) == said


def test_other_rules_reach_also_leads_whom_neither_time_nor_an_act_touches(
    services: Services, clock: Moment
) -> None:
    """One has a title and never did anything: nothing of it fades, so it is never due by itself."""
    now = clock()
    keep(services, profile(1, now, now))
    score_all(services)
    steps.decay(services, clock.move(hours=1))
    with services.database.connect() as conn:
        ids = scores.all_person_ids(conn, 0, 10)
        before = scores.latest(conn, ids)[ids[0]].score
        assert conn.scalar(sa.text("SELECT due_at FROM standing")) is None
    rules = services.mappings.scoring
    bands = {**rules.bands, "hot": replace(rules.bands["hot"], at_least=before.value + 2)}
    for lower, step in (("warm", 1), ("cold", 0)):
        bands[lower] = replace(rules.bands[lower], at_least=before.value + step)
    other = replace(services, mappings=replace(services.mappings, scoring=replace(rules, bands=bands)))
    assert "write_back" in steps.decay(other, clock.move(hours=1))
    with services.database.connect() as conn:
        assert (before.band, scores.latest(conn, ids)[ids[0]].score.band) == ("unqualified", "cold")
    assert "write_back" not in steps.decay(other, clock.move(hours=1))


def test_no_model_is_crowned_while_leads_are_scored_who_would_not_be_due_for_it(
    services: Services, clock: Moment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One who is new in this very lot stands nowhere yet that a coronation could see."""
    now, read, refused = clock(), understand.read_held, []

    def meanwhile(*asked: Any) -> Any:
        with services.database.connect() as other:
            other.execute(sa.text("SET lock_timeout = '100ms'"))
            with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
                models.crown(other, None, now)
        refused.append(True)
        return read(*asked)

    monkeypatch.setattr(understand, "read_held", meanwhile)
    keep(services, profile(1, now, now))
    score_all(services)
    assert refused
    with services.database.begin() as conn:
        assert models.crown(conn, None, now)
        assert conn.scalar(sa.text("SELECT due_at FROM standing")) == now


def test_a_score_from_newer_facts_stands_against_one_by_the_summary_read_before(
    services: Services, clock: Moment
) -> None:
    now = clock()
    keep(services, *(profile(number, now, now) for number in (1, 2)), act(1, 1, now), act(2, 1, now))
    score_all(services)
    rules = services.mappings
    key = summary_key(rules.features, rules.engagement, rules.machine)
    with services.database.connect() as conn:
        ids = scores.all_person_ids(conn, 0, 10)
        read_before = summaries.read(conn, ids, key, clock())
        first = people.person_of(conn, "lead1@example.com")
    keep(services, act(1, 2, clock.move(hours=1)))
    score_all(services)
    with services.database.begin() as conn:
        assert summaries.hold_unchanged(conn, read_before, ids) == set(ids) - {first}
