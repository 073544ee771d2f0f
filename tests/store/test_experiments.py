"""Arms stay where they are; a merge of two arms leaves the analysis, and comes back when it is taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
import sqlalchemy as sa

from app.domain.errors import TryLater
from app.domain.experiments import Assignment, Trial
from app.domain.records import IdentityKey
from app.store import experiments, merges, people

TRIAL = Trial("salt", 0.5, "deal_won", 90)


def person(conn: sa.Connection, contact_id: str, at: datetime) -> int:
    key = IdentityKey("hubspot", "contact_id", contact_id)
    people.resolve(conn, [(key,)], at)
    return people.find(conn, [key])[key].person_id


Row = tuple[int, str, bool]


def rows(conn: sa.Connection) -> list[Row]:
    """(person, arm, is counted in the analysis)."""
    query = sa.text("SELECT person_id, arm, excluded IS NULL FROM assignment ORDER BY person_id")
    return [tuple(row) for row in conn.execute(query)]


def trial_with(conn: sa.Connection, now: datetime, arms: list[str]) -> list[int]:
    """People with the contacts "1", "2", ... and these arms, "" for none; returns the people."""
    everybody = [person(conn, str(number), now) for number in range(1, len(arms) + 1)]
    trial = experiments.begin(conn, TRIAL, {}, now)
    dealt = [Assignment(one, arm, "hot") for one, arm in zip(everybody, arms, strict=True) if arm]
    experiments.assign(conn, trial.id, dealt, now)
    return everybody


def take_back(conn: sa.Connection, now: datetime) -> bool:
    """The newest merge, taken back."""
    return merges.unmerge(conn, conn.scalar(sa.text("SELECT max(id) FROM merge")), now)


@pytest.mark.parametrize(("other", "counted"), [("holdout", False), ("treated", True)])
def test_merging_two_people_leaves_both_out_when_their_arms_differ_and_else_counts_them_once(
    database: sa.Engine, now: datetime, other: str, counted: bool
) -> None:
    with database.begin() as conn:
        kept, merged = trial_with(conn, now, ["treated", other])
        before = rows(conn)
        people.merge_contacts(conn, "1", "2", now)
        assert rows(conn) == [(kept, "treated", counted), (merged, other, False)]
        assert take_back(conn, now)
        assert rows(conn) == before


def test_who_was_in_two_arms_stays_left_out_through_the_next_merge_and_until_both_are_taken_back(
    database: sa.Engine, now: datetime
) -> None:
    with database.begin() as conn:
        trial_with(conn, now, ["treated", "holdout", "treated"])
        before = rows(conn)
        people.merge_contacts(conn, "1", "2", now)
        once = rows(conn)
        people.merge_contacts(conn, "3", "1", now)
        assert [counted for *_, counted in rows(conn)] == [False, False, False]
        assert take_back(conn, now)
        assert rows(conn) == once
        assert take_back(conn, now)
        assert rows(conn) == before


def test_an_arm_follows_its_person_goes_back_with_them_and_is_never_moved(
    database: sa.Engine, now: datetime
) -> None:
    with database.begin() as conn:
        kept, merged = trial_with(conn, now, ["", "holdout"])
        trial = experiments.running(conn)
        assert trial is not None
        experiments.assign(conn, trial.id, [Assignment(merged, "treated", "hot")], now)
        people.merge_contacts(conn, "1", "2", now)
        assert experiments.arms(conn, trial.id, [kept]) == {kept: "holdout"}
        assert experiments.counted(conn, trial.id) == {"holdout": 1}
        assert take_back(conn, now)
        assert rows(conn) == [(merged, "holdout", True)]


def test_who_is_nobody_any_more_is_dealt_no_arm(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        kept, merged = trial_with(conn, now, ["", ""])
        people.merge_contacts(conn, "1", "2", now)
        trial = experiments.running(conn)
        assert trial is not None
        experiments.assign(conn, trial.id, [Assignment(one, "treated", "hot") for one in (kept, merged)], now)
        assert rows(conn) == [(kept, "treated", True)]


def test_one_experiment_runs_at_a_time_until_it_is_ended(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        assert experiments.running(conn) is None
        trial = experiments.begin(conn, TRIAL, {"per_week": 3}, now)
        assert experiments.running(conn) == trial
        with pytest.raises(TryLater):
            experiments.begin(conn, replace(TRIAL, salt="another"), {}, now)
        experiments.end(conn, trial.id, now)
        assert experiments.running(conn) is None
        assert experiments.begun(conn) == 1
        assert experiments.begin(conn, replace(TRIAL, salt="another"), {}, now).id != trial.id
