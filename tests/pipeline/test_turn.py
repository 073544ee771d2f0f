"""One turn of writing makes the next plan while one is carried out, and nobody is in both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa

from app.domain.errors import TryLater
from app.pipeline import steps, turn, write_back
from app.pipeline.apply import carry_out
from app.pipeline.lots import people_of
from app.pipeline.write_back import Shown, show_plan
from app.services import Services
from app.store import plans, work_list
from tests.line import Town
from tests.pipeline.test_current import everybody_better, settled_in

FEW = 7


@pytest.fixture
def plans_made(monkeypatch: pytest.MonkeyPatch) -> list[Shown]:
    """Plans of a few leads each, as they are made."""
    made: list[Shown] = []

    def note(services: Services, now: datetime, **asked: Any) -> Shown:
        made.append(show_plan(services, now, **asked))
        return made[-1]

    monkeypatch.setattr(write_back, "LARGEST_TURN", FEW)
    monkeypatch.setattr(write_back, "LARGEST_AHEAD", FEW)
    monkeypatch.setattr(turn, "show_plan", note)
    return made


def written(services: Services) -> Counter[tuple[int, str]]:
    """How often each lead's change of each plan was sent."""
    with services.database.connect() as conn:
        rows = conn.execute(
            sa.text("SELECT person_id, kind FROM ledger WHERE settled_at = :at"), {"at": services.clock()}
        )
        return Counter((row.person_id, row.kind) for row in rows)


def test_a_turn_goes_from_plan_to_plan_and_writes_everybody_once(
    place: Town, living: Services, plans_made: list[Shown]
) -> None:
    settled_in(place, living)
    everybody_better(living)
    plans_made.clear()
    turns = 1
    while steps.write_back(living, place.clock()):
        turns += 1
    assert turns < len(plans_made), "one turn carried out several plans"
    assert max(written(living).values()) == 1
    with living.database.connect() as conn:
        assert work_list.count(conn) == 0


def test_what_a_turn_made_ahead_is_what_the_next_one_begins_with(
    place: Town, living: Services, plans_made: list[Shown], monkeypatch: pytest.MonkeyPatch
) -> None:
    settled_in(place, living)
    everybody_better(living)
    plans_made.clear()

    def soon(*_: Any) -> Callable[[], bool]:
        asked = count()
        return lambda: next(asked) > 2

    monkeypatch.setattr(turn, "out_of_time", soon)
    turns = 1
    while steps.write_back(living, place.clock()):
        turns += 1
    assert turns > 2
    with living.database.connect() as conn:
        applied = set(conn.scalars(sa.text("SELECT fingerprint FROM plan WHERE state = 'applied'")))
    assert {shown.plan.fingerprint for shown in plans_made if shown.plan.changes} <= applied
    assert max(written(living).values()) == 1


def test_who_is_hot_by_then_is_written_between_two_lots_and_the_bulk_goes_on(
    place: Town, living: Services, plans_made: list[Shown], monkeypatch: pytest.MonkeyPatch
) -> None:
    settled_in(place, living)
    everybody_better(living)
    plans_made.clear()
    hot: list[int] = []

    def meanwhile(*asked: Any) -> bool:
        if not hot:
            with living.database.begin() as conn:
                hot.extend(row.person_id for row in work_list.first(conn, 999)[2 * FEW :])
                work_list.add(conn, hot, living.clock(), hot=hot)
        return carry_out(*asked)

    monkeypatch.setattr(turn, "carry_out", meanwhile)
    steps.write_back(living, place.clock())
    with living.database.connect() as conn:
        applied = set(conn.scalars(sa.text("SELECT fingerprint FROM plan WHERE state = 'applied'")))
    of_hot = [shown.plan for shown in plans_made if {*people_of(shown.plan.changes)} & {*hot}]
    assert of_hot
    assert {of_hot[0].fingerprint, plans_made[0].plan.fingerprint} <= applied
    assert max(written(living).values()) == 1


def test_no_plan_is_made_ahead_of_one_that_does_more_than_set_properties(
    place: Town, living: Services, plans_made: list[Shown], monkeypatch: pytest.MonkeyPatch
) -> None:
    settled_in(place, living)
    everybody_better(living)
    plans_made.clear()
    monkeypatch.setattr(turn, "_only_sets_properties", lambda plan: False)
    steps.write_back(living, place.clock())
    assert len(plans_made) == 1


def test_plans_that_hubspot_interrupts_are_gone_on_with_before_the_one_made_ahead(
    place: Town, living: Services, plans_made: list[Shown]
) -> None:
    settled_in(place, living)
    everybody_better(living)
    plans_made.clear()
    place.portal.faults.next("hang_up_after_apply", times=99, matching="batch/update")
    with pytest.raises(TryLater):
        steps.write_back(living, place.clock())
    place.portal.faults.clear()
    with living.database.connect() as conn:
        interrupted = plans.interrupted(conn)
    made = [shown.plan.fingerprint for shown in plans_made]
    assert made[0] in interrupted
    assert made[-1] not in interrupted
    while steps.write_back(living, place.clock()):
        pass
    assert max(written(living).values()) == 1
    with living.database.connect() as conn:
        assert work_list.count(conn) == 0
