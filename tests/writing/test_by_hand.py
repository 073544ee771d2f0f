"""What a person carries out by hand is stopped by a pause, gives way to hot leads, and says how to go on."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from app.domain.changes import Change, Outcome
from app.pipeline import lot_sizes, steps
from app.pipeline.apply import writing
from app.pipeline.by_hand import release_plan
from app.pipeline.undo import show_undo
from app.services import Services
from app.store import plans, switches, work_list
from jobs.console import Console
from jobs.write_back import carry_out
from tests.line import Town
from tests.pipeline.writes import Stumbling, ledger_states
from tests.writing.acts import first_plan, learn, show, shown_of


class Meanwhile:
    """A destination beside which something happens while the first calls of a plan are made."""

    def __init__(self, real: Any, act: Callable[[], None]) -> None:
        self._real, self._act = real, [act]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def apply(self, changes: Iterable[Change]) -> Iterator[Outcome]:
        while self._act:
            self._act.pop()()
        yield from self._real.apply(changes)


def beside(services: Services, act: Callable[[], None]) -> Services:
    return replace(services, destination=Meanwhile(services.destination, act))


def pause(services: Services, reason: str = "by hand") -> None:
    with services.database.begin() as conn:
        switches.turn(conn, "paused", reason, services.clock())


def resume(services: Services) -> None:
    with services.database.begin() as conn:
        switches.clear(conn, "paused")


def test_a_pause_stops_a_released_plan_and_resume_lets_the_worker_end_it(
    place: Town, living: Services
) -> None:
    learn(living)
    plan = show(living, enrol=True)
    err = io.StringIO()
    pausing = beside(living, lambda: pause(living))
    applied = carry_out(pausing, "write_back", plan.fingerprint, Console(out=io.StringIO(), err=err))
    assert not applied.finished
    assert 0 < sum(applied.done.values()) < len(plan.changes)
    assert f"--apply {plan.fingerprint}" in err.getvalue()
    assert "jobs resume" in err.getvalue()
    assert steps.write_back(living, living.clock()) == []
    resume(living)
    while steps.write_back(living, living.clock()):
        pass
    assert ledger_states(living)["done"] == len(plan.changes)


def test_what_was_paused_before_is_carried_out_by_hand_all_the_same(place: Town, living: Services) -> None:
    learn(living)
    pause(living)
    applied, _ = release_plan(living, "write_back", show(living).fingerprint)
    assert applied.finished


def test_an_undo_is_not_stopped_by_its_own_pause_but_by_a_persons(
    place: Town, living: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lot_sizes, "LOT", 10)
    before = shown_of(place)["lists"]
    _, run_id = first_plan(living)
    way_back = show_undo(living, run_id, living.clock()).plan
    stopped, _ = release_plan(
        beside(living, lambda: pause(living, "stop it")), "undo", way_back.fingerprint, undoes=run_id
    )
    with living.database.connect() as conn:
        reason = switches.read(conn, "paused")
    assert reason is not None
    assert reason.value == "stop it"
    assert not stopped.finished
    went_on, _ = release_plan(living, "undo", way_back.fingerprint, undoes=run_id)
    assert went_on.finished
    assert sum(stopped.done.values()) + sum(went_on.done.values()) == len(way_back.changes)
    assert shown_of(place)["lists"] == before


def test_who_is_hot_is_written_between_the_lots_of_a_released_plan(place: Town, living: Services) -> None:
    learn(living)
    plan = show(living, enrol=True)
    hot = next(change.person_id for change in plan.changes if type(change).__name__ == "SetProperties")

    def somebody_acts() -> None:
        with living.database.begin() as conn:
            work_list.add(conn, {hot}, living.clock(), hot={hot})

    applied, run_id = release_plan(beside(living, somebody_acts), "write_back", plan.fingerprint)
    assert applied.finished
    with living.database.connect() as conn:
        assert not work_list.any_hot(conn)
        assert plans.interrupted(conn) == []
        written = conn.execute(
            sa.text("SELECT run_id, min(id) AS place FROM ledger WHERE person_id = :hot GROUP BY run_id"),
            {"hot": hot},
        ).all()
    first = min(written, key=lambda row: row.place)
    assert first.run_id != run_id
    assert {row.run_id for row in written} == {first.run_id, run_id}


def test_ctrl_c_writes_down_what_was_sent_and_says_what_happens_next(place: Town, living: Services) -> None:
    learn(living)
    plan = show(living)
    err = io.StringIO()
    dying = replace(living, destination=Stumbling(living.destination, 5))
    with pytest.raises(KeyboardInterrupt):
        carry_out(dying, "write_back", plan.fingerprint, Console(out=io.StringIO(), err=err))
    assert "jobs pause" in err.getvalue()
    assert f"--apply {plan.fingerprint}" in err.getvalue()
    while steps.write_back(living, living.clock()):
        pass
    assert ledger_states(living)["done"] == len(plan.changes)


def test_who_releases_a_plan_while_the_worker_writes_waits_for_their_turn(
    place: Town, living: Services
) -> None:
    learn(living)
    plan = show(living)
    begun, may_end = threading.Event(), threading.Event()

    def write() -> None:
        with writing(living):
            begun.set()
            may_end.wait(10)

    worker = threading.Thread(target=write)
    worker.start()
    begun.wait(10)
    threading.Timer(0.2, may_end.set).start()
    applied, _ = release_plan(living, "write_back", plan.fingerprint)
    worker.join()
    assert applied.finished
