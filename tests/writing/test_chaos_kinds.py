"""Every kind of change under every fault: the end is the plan, the ledger is HubSpot, nothing stands twice.

And the way back from it, under the same faults: what stood before stands again, to the letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.changes import CreateContact, EnsureProperty, Plan
from app.domain.errors import BadConfig, TryLater
from app.pipeline import steps
from app.pipeline.apply import apply_plan, writing
from app.pipeline.run_record import recorded
from app.pipeline.undo import show_undo
from app.store import ledger, plans, switches
from tests.line import Moment
from tests.pipeline.writes import Stumbling
from tests.writing.kinds import (
    COUNT,
    IMPATIENT,
    KINDS,
    Scene,
    after,
    assert_nothing_is_doubled,
    assert_the_ledger_is_hubspots,
    everything,
    found,
    scene,
    shown,
)

MOST_TRIES = 25


@pytest.fixture
def stage(database: sa.Engine, now: Any) -> Iterator[Scene]:
    with scene(database, Moment(now)) as made:
        yield made


# --- the faults -------------------------------------------------------------------------------------------


class Unborn:
    """A destination whose process is killed as it is about to write: the intents stand, no call was made."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def apply(self, changes: Any) -> Any:
        list(changes)
        raise KeyboardInterrupt


def killed_before_the_call(stage: Scene, _: int) -> Any:
    return Unborn(stage.services.destination)


def killed_after_the_call(stage: Scene, size: int) -> Any:
    return Stumbling(stage.services.destination, size - 1)


def killed_between_outcomes(stage: Scene, size: int) -> Any:
    return Stumbling(stage.services.destination, size // 2, tells=True)


def fault(kind: Any, times: int = 1, seconds: float = 0.0) -> Callable[[Scene, int], Any]:
    """HubSpot or the network does it, at every path that writes."""

    def prepare(stage: Scene, _: int) -> Any:
        for path in WRITING:
            stage.portal.faults.next(kind, times=times, matching=path, seconds=seconds)
        return stage.services.destination

    return prepare


WRITING = (
    "batch/upsert", "batch/update", "batch/create", "batch/archive", "memberships/add", "memberships/remove",
    "enrollments", "POST /crm/properties", "POST /crm/lists/2026-09",
)  # fmt: skip

FAULTS: dict[str, Callable[[Scene, int], Any]] = {
    "killed before the call": killed_before_the_call,
    "killed after the call": killed_after_the_call,
    "killed between outcomes": killed_between_outcomes,
    "time-out after HubSpot did it": fault("silent_after_apply", seconds=2.5 * IMPATIENT),
    "connection lost after HubSpot did it": fault("hang_up_after_apply"),
    "connection reset before it": fault("reset"),
    "429": fault("429"),
    "500 in HTML": fault("500_html"),
    "500 in HTML for long": fault("500_html", times=7),
    "half an answer": fault("truncated_json"),
}


MARK_LOST = ("EnrolInWorkflow by call", "500 in HTML for long")
"""Who is in a workflow is done, though the mark beside it could not be set: mail once goes before a mark."""


def unmarked(dump: dict[str, Any]) -> dict[str, Any]:
    """The dump without the marks of enrolments by call."""
    for row in dump["contacts"].values():
        row.pop("savia_warm_leads_at", None)
    return dump


def try_once(stage: Scene, plan: Plan, destination: Any) -> int:
    """One process's try; returns its run. It may die of it."""
    services = replace(stage.services, destination=destination)
    run = recorded(services, "test", services.clock())
    with writing(services) as fence, run as (run_id, _), suppress(KeyboardInterrupt, TryLater):
        apply_plan(services, plan.fingerprint, fence, released=True, run_id=run_id)
    return run_id


def to_the_end(stage: Scene, plan: Plan) -> list[int]:
    """Begun again by other processes, minutes later, until the plan is done; returns their runs."""
    runs: list[int] = []
    for _ in range(MOST_TRIES):
        with stage.services.database.connect() as conn:
            stored = plans.load(conn, plan.fingerprint)
        assert stored is not None
        if stored.state == "applied":
            return runs
        stage.clock.move(minutes=3)
        runs.append(try_once(stage, plan, stage.services.destination))
    raise AssertionError("the plan was not carried out to its end")


def carry_out(stage: Scene, plan: Plan, prepare: Callable[[Scene, int], Any]) -> list[int]:
    first = try_once(stage, plan, prepare(stage, len(plan.changes)))
    return [first, *to_the_end(stage, plan)]


def take_back(stage: Scene, runs: list[int], prepare: Callable[[Scene, int], Any]) -> dict[str, int]:
    """Undo the runs, newest first, under the same fault; what cannot be taken back, in words."""
    remains: dict[str, int] = {}
    for run_id in sorted(set(runs), reverse=True):
        stage.clock.move(minutes=3)
        with stage.services.database.connect() as conn:
            if not ledger.of_run(conn, run_id):
                continue
        back = show_undo(stage.services, run_id, stage.clock())
        remains |= back.remains
        if back.plan.changes:
            carry_out(stage, back.plan, prepare)
    return remains


def standing(dump: dict[str, Any]) -> dict[str, Any]:
    """What a way back restores: values, memberships and tasks; empty ones do not differ from none."""
    return {
        "contacts": {
            who: {name: value for name, value in row.items() if value}
            for who, row in dump["contacts"].items()
            if not who.startswith("new")
        },
        "lists": {name: members for name, members in dump["lists"].items() if members},
        "tasks": dump["tasks"],
    }


# --- forth and back ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
def test_after_a_fault_the_end_is_the_plan_and_the_way_back_restores_what_stood_before(
    stage: Scene, kind: str, what: str
) -> None:
    before = found(stage)
    plan = shown(stage, KINDS[kind](stage))
    runs = carry_out(stage, plan, FAULTS[what])
    if (kind, what) == MARK_LOST:
        assert unmarked(found(stage)) == unmarked(after(before, plan.changes, set()))
    else:
        assert found(stage) == after(before, plan.changes, set())
        assert_the_ledger_is_hubspots(stage)
    assert_nothing_is_doubled(stage.portal)
    take_back(stage, runs, FAULTS[what])
    assert standing(found(stage)) == standing(before)
    assert not stage.portal.crm.workflows.by_id["4711"].running, "mail that is still to come is stopped"
    created = [row for who, row in found(stage)["contacts"].items() if who.startswith("new")]
    assert not [name for row in created for name, value in row.items() if name.startswith("savia_") and value]


# --- half of it refused -----------------------------------------------------------------------------------


def spoilt(stage: Scene, kind: str) -> tuple[list[Any], set[str]]:
    """The kind's changes, half of which HubSpot will refuse, and the keys of those."""
    changes = KINDS[kind](stage)
    bad = {change.key for change in changes[::2]}
    if kind == "EnsureProperty":
        wrong = {"type": "no such type"}
        changes = [
            replace(each, definition={**each.definition, **wrong}) if each.key in bad else each
            for each in changes
            if isinstance(each, EnsureProperty)
        ]
    elif kind == "EnsureList":
        changes = [replace(each, name="") if each.key in bad else each for each in changes]
    elif kind == "CreateContact":
        bad = {each.key for each in changes if isinstance(each, CreateContact) and each.person_id % 2}
        changes = [
            replace(each, properties={"savia_score": "many"}) if each.key in bad else each for each in changes
        ]
    return changes, bad


@pytest.mark.parametrize("kind", KINDS)
def test_with_half_of_it_refused_the_other_half_is_done_and_the_refused_are_named(
    stage: Scene, kind: str
) -> None:
    changes, bad = spoilt(stage, kind)
    plan = shown(stage, changes)
    contacts = {
        change.contact_id for change in changes if change.key in bad and getattr(change, "contact_id", "")
    }
    for contact_id in contacts:
        stage.portal.delete(contact_id)  # since the plan was shown
    before = found(stage)
    runs = carry_out(stage, plan, lambda stage, _: stage.services.destination)
    with stage.services.database.connect() as conn:
        states = dict(conn.execute(sa.text("SELECT change_key, state FROM ledger")).all())
        reasons = conn.scalars(sa.text("SELECT reason FROM ledger WHERE state = 'rejected'")).all()
    followers = {
        change.key for change in changes if getattr(change, "person_id", 0) % 2 and kind == "CreateContact"
    }
    refused = {key for key, state in states.items() if state == "rejected"}
    assert refused == bad | followers
    assert all(reasons)
    assert found(stage) == after(before, plan.changes, refused)
    take_back(stage, runs, lambda stage, _: stage.services.destination)
    assert standing(found(stage)) == standing(before)


# --- the lease --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_writer_whose_lease_went_to_another_writes_nothing_more(stage: Scene, kind: str) -> None:
    before = found(stage)
    plan = shown(stage, KINDS[kind](stage))
    dying = replace(stage.services, destination=killed_between_outcomes(stage, COUNT))
    with writing(dying) as lost, pytest.raises(KeyboardInterrupt):
        apply_plan(dying, plan.fingerprint, lost, released=True, run_id=1)
    with writing(stage.services):
        calls = stage.portal.write_calls
        with pytest.raises(TryLater, match="took over"):
            apply_plan(stage.services, plan.fingerprint, lost, released=True, run_id=1)
        assert stage.portal.write_calls == calls
    to_the_end(stage, plan)
    assert found(stage) == after(before, plan.changes, set())
    assert_nothing_is_doubled(stage.portal)


# --- everything at once, struck again and again -----------------------------------------------------------

PLACES = st.lists(st.integers(0, 2 * COUNT * len(KINDS)), min_size=1, max_size=4)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(forth=PLACES, back=PLACES, tells=st.booleans())
def test_a_plan_of_all_kinds_and_its_way_back_struck_at_any_places_end_as_if_nothing_had_happened(
    database: sa.Engine, now: Any, forth: list[int], back: list[int], tells: bool
) -> None:
    empty(database)
    with scene(database, Moment(now)) as stage:
        before = found(stage)
        plan = shown(stage, everything(stage))
        runs = struck(stage, plan, forth, tells)
        assert found(stage) == after_all(before, plan)
        assert_nothing_is_doubled(stage.portal)
        assert_the_ledger_is_hubspots(stage)
        for run_id in sorted(set(runs), reverse=True):
            stage.clock.move(minutes=3)
            with database.connect() as conn:
                if not ledger.of_run(conn, run_id):
                    continue
            way = show_undo(stage.services, run_id, stage.clock()).plan
            if way.changes:
                struck(stage, way, back, tells)
        assert standing(found(stage)) == standing(before)


def struck(stage: Scene, plan: Plan, places: list[int], tells: bool) -> list[int]:
    runs = []
    for place in places:
        with stage.services.database.connect() as conn:
            stored = plans.load(conn, plan.fingerprint)
        if stored is not None and stored.state == "applied":
            break
        runs.append(try_once(stage, plan, Stumbling(stage.services.destination, place, tells=tells)))
        stage.clock.move(seconds=40)
    return [*runs, *to_the_end(stage, plan)]


def after_all(before: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """As `after`; the new contacts' people are numbered from 101."""
    return after(before, plan.changes, set())


def empty(database: sa.Engine) -> None:
    with database.begin() as conn:
        tables = [name for name in sa.inspect(conn).get_table_names() if name != "alembic_version"]
        conn.execute(sa.text(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE"))


def test_the_way_back_from_half_a_plan_stops_its_other_half_and_an_interrupted_way_back_is_shown_anew(
    stage: Scene,
) -> None:
    before = found(stage)
    plan = shown(stage, everything(stage))
    run_id = try_once(stage, plan, Stumbling(stage.services.destination, len(plan.changes) // 2, tells=True))
    way = show_undo(stage.services, run_id, stage.clock()).plan
    try_once(stage, way, Stumbling(stage.services.destination, len(way.changes) // 2, tells=True))
    rest = show_undo(stage.services, run_id, stage.clock.move(minutes=3)).plan
    assert 0 < len(rest.changes) < len(way.changes)
    carry_out(stage, rest, lambda stage, _: stage.services.destination)
    assert standing(found(stage)) == standing(before)
    with stage.services.database.begin() as conn:
        assert plans.interrupted(conn) == []
        switches.clear(conn, "paused")
    steps.write_back(stage.services, stage.clock.move(minutes=3))
    assert standing(found(stage)) == standing(before)
    with writing(stage.services) as fence, pytest.raises(BadConfig, match="stopped by an undo"):
        apply_plan(stage.services, plan.fingerprint, fence, released=True)


# --- people in between ------------------------------------------------------------------------------------


def test_what_a_person_changed_between_the_writing_and_the_way_back_stays_and_is_reported(
    stage: Scene,
) -> None:
    plan = shown(stage, KINDS["SetProperties"](stage))
    (run_id,) = carry_out(stage, plan, lambda stage, _: stage.services.destination)
    stage.clock.move(minutes=3)
    stage.portal.edit_as_person(stage.ids[0], {"savia_band": "unqualified"})
    back = show_undo(stage.services, run_id, stage.clock())
    assert back.remains == {"values were changed since and are left alone": 1}
    stage.clock.move(minutes=3)
    stage.portal.edit_as_person(stage.ids[1], {"savia_band": "warm"})  # after the way back was shown
    with writing(stage.services) as fence:
        applied = apply_plan(stage.services, back.plan.fingerprint, fence, released=True)
    contacts = stage.portal.contacts
    assert [contacts[key].properties["savia_band"] for key in stage.ids[:3]] == [
        "unqualified",
        "warm",
        "cold",
    ]
    assert [contacts[key].properties["savia_score"] for key in stage.ids] == ["41"] * COUNT
    assert applied.reasons == {"left alone, changed since the plan was shown: savia_band": 1}


@pytest.mark.parametrize("minutes", [2, 600])
def test_what_a_person_changed_between_the_showing_and_the_writing_stays_and_is_theirs_from_then_on(
    stage: Scene, minutes: int
) -> None:
    plan = shown(stage, KINDS["SetProperties"](stage))
    stage.clock.move(minutes=minutes)
    stage.portal.edit_as_person(stage.ids[0], {"savia_band": "warm"})
    stage.portal.edit_as_person(stage.ids[1], {"savia_pause": "true"})
    with writing(stage.services) as fence:
        applied = apply_plan(stage.services, plan.fingerprint, fence, released=True)
    row = stage.portal.contacts[stage.ids[0]].properties
    assert (row["savia_band"], row["savia_score"]) == ("warm", "85")
    assert applied.done == {"SetProperties": COUNT}
    assert applied.reasons == {"left alone, changed since the plan was shown: savia_band": 1}
    with stage.services.database.connect() as conn:
        held = conn.execute(sa.text("SELECT edited FROM mirror WHERE person_id = 1")).scalar_one()
    assert held == {"savia_band": "warm"}


@pytest.mark.parametrize(
    "kind", ["EnrolInWorkflow by list", "EnrolInWorkflow by call", "CreateTask", "AddToList"]
)
def test_who_was_paused_since_the_plan_was_shown_gets_nothing(stage: Scene, kind: str) -> None:
    plan = shown(stage, KINDS[kind](stage))
    stage.clock.move(minutes=2)
    stage.portal.edit_as_person(stage.ids[0], {"savia_pause": "true"})
    before = found(stage)
    with writing(stage.services) as fence:
        applied = apply_plan(stage.services, plan.fingerprint, fence, released=True)
    assert sum(applied.superseded.values()) == 1
    assert applied.reasons == {"the lead is paused since the plan was shown": 1}
    assert found(stage) == after(before, plan.changes, {plan.changes[0].key})


def test_a_contact_that_a_person_made_in_the_meantime_keeps_what_they_wrote(stage: Scene) -> None:
    plan = shown(stage, KINDS["CreateContact"](stage))
    made = stage.portal.add_contact({"email": "new1@example.com", "firstname": "Evangelina"})
    carry_out(stage, plan, lambda stage, _: stage.services.destination)
    held = stage.portal.contacts[made].properties
    assert (held["firstname"], held["savia_score"]) == ("Evangelina", "70")
    assert made in stage.portal.lists["Savia: warm"]
