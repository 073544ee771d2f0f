"""Who is held out stays so, whatever is learnt again; a plan is the calls that are made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from app.config import Experiment, Settings
from app.domain.changes import Change, CreateContact, EnrolInWorkflow, Outcome, SetProperties
from app.services import Services
from app.store import mirror, people, work_list
from tests.line import Town, living_in
from tests.writing.acts import carry_out, first_plan, learn, show


@pytest.fixture
def trial(place: Town, database: sa.Engine) -> Iterator[Services]:
    """An experiment that holds out every other lead, begun."""
    with living_in(place, database, settings=Settings(experiment=Experiment(holdout_share=0.5))) as services:
        first_plan(services)
        yield services


def arms(services: Services) -> dict[int, tuple[str, bool]]:
    """Person -> arm, and whether they are left out of the analysis."""
    with services.database.connect() as conn:
        rows = conn.execute(sa.text("SELECT person_id, arm, excluded FROM assignment"))
        return {person: (arm, excluded is not None) for person, arm, excluded in rows}


def contact_of(services: Services, person_id: int) -> str:
    with services.database.connect() as conn:
        return mirror.hold(conn, [person_id])[person_id].contact_id


def run_again(place: Town, services: Services) -> None:
    """Some minutes later everything is learnt and planned again."""
    place.clock.move(minutes=5)
    learn(services)
    with services.database.begin() as conn:
        work_list.add_everyone(conn, services.clock())
    plan = show(services, enrol=True)
    if plan.changes:
        carry_out(services, plan)


def test_arms_stay_when_everything_is_imported_once_more_and_every_score_is_another_one(
    place: Town, trial: Services
) -> None:
    before = arms(trial)
    assert {arm for arm, _ in before.values()} == {"treated", "holdout"}
    with trial.database.begin() as conn:  # as if nothing had ever been read, and another model scored
        conn.execute(sa.text("DELETE FROM cursor"))
    for contact_id in sorted(place.portal.contacts):
        place.portal.edit_as_person(contact_id, {"jobtitle": "CEO", "numberofemployees": "900"})
    run_again(place, trial)
    after = arms(trial)
    assert {person: after[person] for person in before} == before


@pytest.mark.parametrize("alike", [True, False], ids=["of one arm", "of two arms"])
def test_a_merge_keeps_the_arm_and_excludes_who_was_in_two(place: Town, trial: Services, alike: bool) -> None:
    before = arms(trial)
    one = min(person for person, (arm, _) in before.items() if arm == "holdout")
    wanted = "holdout" if alike else "treated"
    other = max(person for person, (arm, _) in before.items() if arm == wanted and person != one)
    place.clock.move(minutes=5)
    survivor, merged = contact_of(trial, one), contact_of(trial, other)
    place.portal.merge(survivor, merged)
    with trial.database.begin() as conn:  # as its webhook tells
        people.merge_contacts(conn, survivor, merged, place.clock.now)
    run_again(place, trial)
    after = arms(trial)
    assert after[one] == (before[one][0], not alike)
    others = before.keys() - {one, other}
    assert {person: after[person] for person in others} == {person: before[person] for person in others}


class Recording:
    """A destination that keeps what it was asked to make, and what it answered."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.changes: list[Change] = []
        self.outcomes: list[Outcome] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def apply(self, changes: Iterable[Change]) -> Iterator[Outcome]:
        lot = list(changes)
        self.changes += lot
        for outcome in self._real.apply(lot):
            self.outcomes.append(outcome)
            yield outcome


def test_a_plan_is_the_calls_that_are_made_of_it_kind_by_kind(place: Town, living: Services) -> None:
    recording = Recording(living.destination)
    services = replace(living, destination=recording)
    learn(services)
    plan = show(services, enrol=True)
    carry_out(services, plan)
    assert Counter(type(each).__name__ for each in recording.changes) == plan.counts
    assert [each.key for each in recording.changes] == [each.key for each in plan.changes]
    assert sorted(each.key for each in recording.outcomes) == sorted(each.key for each in plan.changes)
    assert len(place.portal.enrolments) == plan.counts["EnrolInWorkflow"]
    assert len(place.portal.tasks) == plan.counts["CreateTask"]
    set_by_plan = [each for each in plan.changes if isinstance(each, SetProperties | CreateContact)]
    written = Counter(write.property for write in place.portal.writes)
    stamps = {each.trigger_property for each in plan.changes if isinstance(each, EnrolInWorkflow)}
    planned = Counter(name for each in set_by_plan for name in each.properties)
    assert {name: times for name, times in written.items() if name not in stamps | {"email"}} == planned
    assert sum(written[name] for name in stamps) == plan.counts["EnrolInWorkflow"]
