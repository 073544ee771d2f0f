"""Activities, features and scores: written where they differ, read as they were."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from app.domain.records import Activity, Reason, Score
from app.store import activities, people, scores
from tests.store.people_of import registrant

SCORE = Score(62, "warm", (Reason("base", 60, "base"), Reason("chat", 2, "engagement", "3")), "points", 1.0)


def saved(conn: sa.Connection, found: dict[int, Score], at: datetime) -> set[int]:
    """Append those that say something new; whose they are."""
    differing = scores.differing(conn, found)
    scores.append(conn, differing, at)
    return set(differing)


def test_only_the_differences_of_activities_are_written(database: sa.Engine, now: datetime) -> None:
    attended = Activity("webinar_attendance", "run==", now, 42.0, (1, 2), {"live": True})
    asked = Activity("qa_participation", "q1", now - timedelta(minutes=1), 1.0, (3,))
    with database.begin() as conn:
        assert activities.replace(conn, {1: [attended, asked], 2: [attended]}) == 3
        assert activities.activities_of(conn, [1, 3]) == {1: [asked, attended], 3: []}
        assert activities.replace(conn, {1: [attended, asked]}) == 0
        assert activities.replace(conn, {1: [replace(attended, quantity=43.0)]}) == 2
        assert activities.replace(conn, {1: []}) == 1
        assert activities.activities_of(conn, [1, 2]) == {1: [], 2: [attended]}
        assert activities.replace(conn, {}) == 0


def test_a_score_is_appended_only_when_it_says_something_new(database: sa.Engine, now: datetime) -> None:
    later = now + timedelta(days=1)
    with database.begin() as conn:
        assert saved(conn, {1: SCORE}, now) == {1}
        assert saved(conn, {1: SCORE}, later) == set()
        assert saved(conn, {1: replace(SCORE, engagement=1.04)}, later) == set()
        assert saved(conn, {1: replace(SCORE, engagement=1.06)}, later) == {1}
        assert saved(conn, {1: replace(SCORE, engagement=1.06, receipt=SCORE.receipt[:1])}, later) == {1}
        assert saved(conn, {1: SCORE, 2: replace(SCORE, probability=0.5)}, later) == {1, 2}
        last = scores.latest(conn, [1, 2, 3])
        assert (last[1].score, last[1].scored_at, last[2].score.probability) == (SCORE, later, 0.5)
        assert last.keys() == {1, 2}
        assert [row.score.engagement for row in scores.history(conn, 1)] == [1.0, 1.06, 1.06, 1.0]


def test_features_are_read_as_last_computed(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        scores.save_features(conn, {1: {"a": 1.0, "b": None, "c": "x"}}, now)
        scores.save_features(conn, {1: {"a": 2.0, "b": None, "c": "x"}}, now)
        assert scores.features_of(conn, [1, 2]) == {1: {"a": 2.0, "b": None, "c": "x"}}


def test_what_fades_is_kept_as_it_was_when_last_printed(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        scores.save_features(conn, {1: {"a": 1.0, "b": "x"}, 2: {"a": 2.0}}, now)
        scores.save_faded(conn, ["a"], {1: 0.5}, now)
        scores.save_faded(conn, [], {1: 7.0}, now)
        assert scores.features_of(conn, [1, 2]) == {1: {"a": 0.5, "b": "x"}, 2: {"a": 2.0}}


def test_everybody_is_gone_through_in_lots_without_those_who_were_merged(
    database: sa.Engine, now: datetime
) -> None:
    with database.begin() as conn:
        people.resolve(conn, [(registrant(n),) for n in range(5)], now)
        everybody = scores.all_person_ids(conn, 0, 10)
        people.resolve(conn, [(registrant(3), registrant(4))], now)
        left = scores.all_person_ids(conn, 0, 10)
        assert (len(everybody), len(left)) == (5, 4)
        assert scores.all_person_ids(conn, left[1], 1) == [left[2]]
