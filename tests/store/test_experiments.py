"""Arms stay where they are; a merge of two arms leaves the experiment's analysis."""

from __future__ import annotations

from datetime import datetime

import pytest
import sqlalchemy as sa

from app.domain.experiments import Assignment
from app.domain.records import IdentityKey
from app.store import experiments, people


def person(conn: sa.Connection, contact_id: str, at: datetime) -> int:
    key = IdentityKey("hubspot", "contact_id", contact_id)
    people.resolve(conn, [(key,)], at)
    return people.find(conn, [key])[key].person_id


def rows(conn: sa.Connection) -> list[tuple[int, str, bool]]:
    query = sa.text("SELECT person_id, arm, excluded IS NOT NULL FROM assignment ORDER BY person_id")
    return [tuple(row) for row in conn.execute(query)]


@pytest.mark.parametrize(("other", "excluded"), [("holdout", True), ("treated", False)])
def test_merging_two_people_excludes_them_when_their_arms_differ(
    database: sa.Engine, now: datetime, other: str, excluded: bool
) -> None:
    with database.begin() as conn:
        kept, merged = person(conn, "1", now), person(conn, "2", now)
        trial = experiments.start(conn, "salt", 0.5, "deal_won", 90, now)
        arms = [Assignment(kept, "treated", "hot"), Assignment(merged, other, "warm")]
        experiments.assign(conn, trial.id, arms, now)
        people.merge_contacts(conn, "1", "2", now)
        assert (kept, "treated", excluded) in rows(conn)


def test_an_arm_follows_its_person_and_is_never_moved(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        kept, merged = person(conn, "1", now), person(conn, "2", now)
        trial = experiments.start(conn, "salt", 0.5, "deal_won", 90, now)
        experiments.assign(conn, trial.id, [Assignment(merged, "holdout", "warm")], now)
        experiments.assign(conn, trial.id, [Assignment(merged, "treated", "hot")], now)
        people.merge_contacts(conn, "1", "2", now)
        assert experiments.arms(conn, trial.id, [kept, merged]) == {kept: "holdout"}


def test_an_experiment_runs_until_it_is_ended(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        assert experiments.running(conn) is None
        trial = experiments.start(conn, "salt", 0.1, "deal_won", 90, now)
        assert experiments.running(conn) == trial
        experiments.end(conn, trial.id, now)
        assert experiments.running(conn) is None
