"""Before rules are released, everybody is counted: what the first plan shows and what follows it unseen."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import sqlalchemy as sa

from app.pipeline import release_total, write_back
from app.pipeline.release_total import count_release
from app.pipeline.write_back import show_plan
from app.services import Services
from jobs.__main__ import main
from tests.line import Town
from tests.writing.acts import carry_out, learn, show
from tests.writing.test_jobs import desk

__all__ = ["desk"]


def test_the_total_is_what_one_plan_for_everybody_would_send(
    place: Town, living: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release_total, "LOT", 7)
    learn(living)
    unread = count_release(living)
    plan = show(living, enrol=True)
    total = count_release(living)
    assert (total.enrolments, total.tasks) == (plan.counts["EnrolInWorkflow"], plan.counts["CreateTask"])
    assert total.enrolments > 0
    assert total.unread == 0
    assert unread.enrolments >= total.enrolments  # a bounce shows when the contact is read
    assert unread.unread > 0
    carry_out(living, plan)
    done = count_release(living)
    assert (done.enrolments, done.tasks) == (0, 0)


def test_the_total_counts_those_whom_the_shown_plan_does_not_hold(
    place: Town, living: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn(living)
    whole = Counter(show_plan(living, living.clock(), with_setup=True, enrol=True).plan.counts)
    monkeypatch.setattr(write_back, "LARGEST_PLAN", 5)
    part = show(living, enrol=True)
    assert part.counts.get("EnrolInWorkflow", 0) < whole["EnrolInWorkflow"]
    assert count_release(living).enrolments == whole["EnrolInWorkflow"]


@pytest.mark.parametrize("field", ["paused", "opted_out"])
def test_whom_the_sync_showed_paused_or_opted_out_is_not_counted(
    place: Town, living: Services, field: str
) -> None:
    learn(living)
    before = count_release(living)
    sets = sa.text("UPDATE profile SET fields = fields || jsonb_build_object(CAST(:field AS text), 'true')")
    with living.database.begin() as conn:
        conn.execute(sets, {"field": field})
    assert before.enrolments > 0
    assert count_release(living).enrolments == 0


@pytest.mark.usefixtures("desk")
def test_an_operator_sees_the_total_before_the_release(
    place: Town, living: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    learn(living)
    assert main(["write_back", "--enrol"]) == 0
    total = count_release(living)
    assert f"would send {total.enrolments:,} enrolments and {total.tasks:,} tasks" in capsys.readouterr().out
    assert main(["write_back", "--enrol", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["would_send"]["enrolments"] == total.enrolments
