"""An experiment begins when a plan that deals arms is carried out, stays as it began, and ends by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.config import Experiment, Outcome, Settings
from app.domain.changes import EnrolInWorkflow
from app.domain.errors import BadConfig
from app.domain.experiments import Trial
from app.pipeline import steps
from app.pipeline.apply import apply_plan, writing
from app.pipeline.checkup import check_up
from app.pipeline.experiment import end, planned, tell_planned
from app.pipeline.write_back import show_plan
from app.services import Services
from app.store import experiments, facts, work_list
from tests.line import Town, living_in
from tests.pipeline.past import RUN, deal
from tests.writing.acts import carry_out, first_plan, learn, show

HALF = Settings(experiment=Experiment(holdout_share=0.5))


def dealt(database: sa.Engine) -> tuple[list[Any], list[Any]]:
    """Every experiment and every arm there is."""
    with database.connect() as conn:
        return (
            [tuple(row) for row in conn.execute(sa.text("SELECT * FROM experiment ORDER BY id"))],
            [tuple(row) for row in conn.execute(sa.text("SELECT * FROM assignment ORDER BY 1, 2"))],
        )


def touch_everyone(services: Services) -> None:
    with services.database.begin() as conn:
        work_list.add_everyone(conn, services.clock())


def told(services: Services) -> list[str]:
    found = check_up(services, services.clock(), ask_vendors=False).problems
    return [problem.message for problem in found if problem.subject == "experiment"]


LOOKS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.1, 0.5]),
        st.sampled_from(["deal_won", "deal_created"]),
        st.booleans(),
        st.booleans(),
    ),
    min_size=1,
    max_size=3,
)


@pytest.mark.parametrize("begun", [False, True], ids=["before it begins", "while it runs"])
def test_looking_with_whatever_settings_changes_no_experiment_and_deals_no_arm(
    place: Town, database: sa.Engine, begun: bool
) -> None:
    with living_in(place, database, settings=HALF) as services:
        first_plan(services) if begun else learn(services)
        before = dealt(database)
        assert bool(before[1]) is begun

        @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
        @given(LOOKS)
        def look(looks: list[tuple[float, Any, bool, bool]]) -> None:
            for share, event, enrol, with_setup in looks:
                asked = Settings(experiment=Experiment(holdout_share=share), outcome=Outcome(event=event))
                viewer = replace(services, settings=asked)
                show_plan(viewer, services.clock(), with_setup=with_setup, enrol=enrol)
                check_up(viewer, services.clock(), ask_vendors=False)
                assert dealt(database) == before

        look()


def test_it_begins_with_the_plan_that_deals_its_first_arms_exactly_as_that_was_shown(
    place: Town, database: sa.Engine
) -> None:
    with living_in(place, database, settings=HALF) as services:
        learn(services)
        carry_out(services, show(services))  # rules are not released: nobody would have been sent anything
        assert dealt(database) == ([], [])
        place.clock.move(minutes=5)
        plan = show(services, enrol=True)
        again = show(services, enrol=True)
        assert plan.fingerprint == again.fingerprint
        carry_out(services, plan)
        with database.connect() as conn:
            running = experiments.running(conn)
            assert running is not None
            arms = experiments.arms(conn, running.id, range(1, 100))
        assert (running.trial.holdout_share, running.started_at) == (0.5, place.clock.now)
        assert {"leads", "converted", "per_week", "base_rate", "table"} == set(running.forecast)
        shown = {change.person_id for change in plan.changes if type(change).__name__ == "EnrolInWorkflow"}
        assert shown == {person for person, arm in arms.items() if arm == "treated"}
        assert {item.person_id for item in plan.withheld if item.reason == "holdout"} == {
            person for person, arm in arms.items() if arm == "holdout"
        }


def test_a_share_or_outcome_set_otherwise_deals_nobody_anew_and_is_told_until_it_is_ended(
    place: Town, database: sa.Engine
) -> None:
    with living_in(place, database, settings=HALF) as services:
        first_plan(services)
        assert told(services) == []
    before = dealt(database)
    place.clock.move(minutes=5)
    for asked in (Settings(), Settings(experiment=HALF.experiment, outcome=Outcome(event="deal_created"))):
        with living_in(place, database, settings=asked) as services:
            touch_everyone(services)
            plan = show(services, enrol=True)
            assert not {"EnrolInWorkflow", "CreateTask"} & set(plan.counts)
            assert "goes on as it began, 50% held out" in told(services)[0]
            assert dealt(database) == before
    with living_in(place, database) as services:
        with database.begin() as conn:
            running = experiments.running(conn)
            assert running is not None
            end(conn, running, place.clock.now)
        assert told(services) == []
        touch_everyone(services)
        assert not {"EnrolInWorkflow", "CreateTask"} & set(show(services).counts), "waits for a release"
        assert "EnrolInWorkflow" in show(services, enrol=True).counts


def test_a_plan_of_an_experiment_that_has_ended_is_not_carried_out(place: Town, database: sa.Engine) -> None:
    with living_in(place, database, settings=HALF) as services:
        learn(services)
        plan = show(services, enrol=True)
        with database.begin() as conn:
            other = experiments.begin(conn, Trial("other", 0.5, "deal_won", 90), {}, place.clock.now)
        with pytest.raises(BadConfig, match="another experiment"), writing(services) as fence:
            apply_plan(services, plan.fingerprint, fence, released=True)
        with database.begin() as conn:
            experiments.end(conn, other.id, place.clock.now)
        with pytest.raises(BadConfig, match="another experiment"), writing(services) as fence:
            apply_plan(services, plan.fingerprint, fence, released=True)
        assert place.portal.write_calls == 0
        assert dealt(database)[1] == []


def test_what_it_would_take_is_shown_before_it_begins_and_kept_with_it(
    place: Town, database: sa.Engine
) -> None:
    with living_in(place, database, settings=HALF) as services:
        learn(services)
        with database.begin() as conn:  # as if everybody had been scored a horizon ago, and one had bought
            at = place.clock.now - timedelta(days=120)
            conn.execute(sa.text("UPDATE score SET scored_at = :at"), {"at": at})
            buyer = int(sorted(place.portal.contacts)[0])
            facts.store(conn, [(deal(buyer, at + timedelta(days=9)), RUN)], place.clock.now)
            expected = planned(services, conn, place.clock.now)
        assert expected is not None
        lines = list(tell_planned(services, expected))
        assert "50% held out, judged by deal_won within 90 days" in lines[0]
        assert f"base rate {expected.base_rate:.2%} (1 of {expected.leads} leads)" in lines[1]
        row = next(row for row in expected.table if row.lift == 0.5)
        assert any(f"{row.contacts:,}" in line for line in lines[3:])
        state = str(check_up(services, place.clock.now, ask_vendors=False).state["experiment"])
        assert f"+50%: {row.contacts:,}" in state
        assert "write_back --enrol" in state
        carry_out(services, show(services, enrol=True))
        with database.connect() as conn:
            running = experiments.running(conn)
            assert planned(services, conn, place.clock.now) is None
        assert running is not None
        assert running.forecast["base_rate"] == expected.base_rate
        assert [each["contacts"] for each in running.forecast["table"]] == [
            each.contacts for each in expected.table
        ]
        assert told(services) == []


def test_a_share_that_is_set_sends_nothing_and_begins_nothing_before_it_is_released(
    place: Town, living: Services, database: sa.Engine
) -> None:
    learn(living)
    carry_out(living, show(living))
    place.clock.move(minutes=5)
    due = next(
        each.contact_id for each in show(living, enrol=True).changes if isinstance(each, EnrolInWorkflow)
    )
    place.portal.edit_as_person(due, {"savia_pause": "true"})
    carry_out(living, show(living, enrol=True))
    sent = len(place.portal.enrolments)
    place.portal.edit_as_person(due, {"savia_pause": ""})
    place.clock.move(minutes=5)
    with living_in(place, database, settings=HALF) as services:
        learn(services)
        touch_everyone(services)
        steps.write_back(services, place.clock.now)
        touch_everyone(services)
        assert "unreleased" in {item.reason for item in show(services).withheld}
        assert len(place.portal.enrolments) == sent
        assert dealt(database) == ([], [])
        carry_out(services, show(services, enrol=True))
    assert len(dealt(database)[1]) == 1
