"""Facts become a score whose reasons add up; time alone moves it, and only who moved is considered again."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.pipeline.absorb import absorb
from app.pipeline.understand import rescore_after, rescore_touched
from app.services import Services
from app.store import inbox, people, scores, work_list
from app.store.scores import StoredScore
from tests.line import Moment, registration


def register(services: Services, *numbers: int) -> None:
    with services.database.begin() as conn:
        for number in numbers:
            inbox.land(conn, "zoom", json.dumps(registration(number)).encode(), services.clock())
    absorb(services, services.clock())


def score_of(services: Services, number: int = 1) -> StoredScore:
    with services.database.connect() as conn:
        person = people.person_of(conn, f"ana.{number}@example.com") or 0
        return scores.latest(conn, [person])[person]


def waiting(services: Services) -> list[int]:
    with services.database.connect() as conn:
        return [row.person_id for row in work_list.first(conn, 99)]


def test_a_touched_lead_gets_a_score_whose_receipt_adds_up_and_waits_for_a_write(services: Services) -> None:
    register(services, 1)
    assert rescore_touched(services, services.clock()).changed == 1
    found = score_of(services).score
    assert found.value == sum(reason.points for reason in found.receipt)
    assert len(waiting(services)) == 1


def test_nobody_is_scored_again_without_a_reason(services: Services) -> None:
    register(services, 1)
    rescore_touched(services, services.clock())
    done = rescore_touched(services, services.clock())
    assert (done.leads, done.changed, done.more) == (0, 0, False)


def test_lots_reach_everybody(services: Services) -> None:
    register(services, 1, 2, 3, 4, 5)
    assert [rescore_touched(services, services.clock(), lot=2).leads for _ in range(4)] == [2, 2, 1, 0]
    after, seen = 0, []
    for _ in range(3):
        done, after = rescore_after(services, after, services.clock(), lot=2)
        seen.append((done.leads, done.more))
    assert seen == [(2, True), (2, True), (1, False)]


def test_scoring_again_at_the_same_moment_changes_nobody(services: Services) -> None:
    register(services, 1, 2)
    rescore_touched(services, services.clock())
    with services.database.begin() as conn:
        work_list.drop(conn, work_list.first(conn, 99))
    done, _ = rescore_after(services, 0, services.clock())
    assert (done.leads, done.changed) == (2, 0)
    assert waiting(services) == []


def test_time_cools_a_lead_and_keeps_the_history(services: Services, clock: Moment) -> None:
    register(services, 1)
    rescore_touched(services, clock())
    before = score_of(services)
    clock.move(days=60)
    done, _ = rescore_after(services, 0, clock())
    assert done.changed == 1
    assert score_of(services).score.engagement < before.score.engagement
    with services.database.connect() as conn:
        assert [row.id for row in scores.history(conn, before.person_id)] == [
            score_of(services).id,
            before.id,
        ]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=st.integers(0, 400))
def test_a_score_is_between_0_and_100_at_any_age(services: Services, clock: Moment, days: int) -> None:
    if not waiting(services):
        register(services, 1)
        rescore_touched(services, clock())
    later = Moment(clock.now).move(days=days)
    rescore_after(services, 0, later)
    found = score_of(services).score
    assert 0 <= found.value <= 100
    assert found.value == sum(reason.points for reason in found.receipt)


def test_nothing_is_kept_of_a_lot_that_fails_in_the_middle(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(services, 1)

    def fail(*_: object) -> None:
        raise sa.exc.OperationalError("insert", {}, Exception("away"))

    monkeypatch.setattr(scores, "append", fail)
    with pytest.raises(sa.exc.OperationalError):
        rescore_touched(services, services.clock())
    monkeypatch.undo()
    assert waiting(services) == []
    assert rescore_touched(services, services.clock()).changed == 1
