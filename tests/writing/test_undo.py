"""The way back restores what stood before, starts no mail, and says what it cannot take back."""

from __future__ import annotations

import pytest

from app.domain.changes import CreateTask, EnrolInWorkflow
from app.domain.errors import BadConfig, UnsafePlan
from app.pipeline import steps
from app.pipeline.apply import apply_plan, writing
from app.pipeline.undo import show_undo
from app.services import Services
from app.store import switches
from tests.line import Town
from tests.sandbox.hubspot.portal import PERSON
from tests.writing.acts import carry_out, first_plan, learn, show, shown_of


def undo(services: Services, run_id: int) -> None:
    applied, _ = carry_out(services, show_undo(services, run_id, services.clock()).plan)
    assert applied.finished
    assert not applied.rejected


def test_an_undo_of_the_first_run_leaves_known_contacts_as_they_were(place: Town, living: Services) -> None:
    before = shown_of(place)
    _, run_id = first_plan(living)
    assert shown_of(place) != before
    place.clock.move(minutes=5)
    undo(living, run_id)
    after = shown_of(place)
    assert {name: after["contacts"][name] for name in before["contacts"]} == before["contacts"]
    assert after["lists"] == before["lists"]
    created = set(after["contacts"]) - set(before["contacts"])
    for name in created:
        assert not [key for key in after["contacts"][name] if key.startswith("savia_")]


def test_an_undo_of_a_later_run_restores_the_state_before_it_exactly(place: Town, living: Services) -> None:
    first_plan(living)
    before = shown_of(place)
    place.clock.move(minutes=5)
    for contact_id in sorted(place.portal.contacts)[:12]:
        place.portal.edit_as_person(
            contact_id, {"jobtitle": "CEO", "company": "Otra", "numberofemployees": "900"}
        )
    place.clock.move(minutes=5)
    learn(living)
    edited = shown_of(place)
    _, run_id = carry_out(living, show(living))
    assert shown_of(place) != edited
    place.clock.move(minutes=5)
    undo(living, run_id)
    assert shown_of(place) == edited
    assert before["lists"] == edited["lists"]


def test_an_undo_starts_no_workflow_and_says_what_stays(place: Town, living: Services) -> None:
    plan, run_id = first_plan(living)
    assert plan.counts["EnrolInWorkflow"]
    started = len(place.portal.enrolments)
    shown = show_undo(living, run_id, place.clock.move(minutes=5))
    assert not any(isinstance(change, EnrolInWorkflow) for change in shown.plan.changes)
    told = " ".join(shown.remains)
    assert "enrolments started mail" in told
    assert shown.plan.counts["WithdrawTask"] == plan.counts["CreateTask"] > 0
    carry_out(living, shown.plan)
    assert place.portal.tasks == {}
    assert len(place.portal.enrolments) == started
    assert not any("secuencia" in name for name in shown_of(place)["lists"])


def test_a_task_that_somebody_has_begun_stays_and_the_others_are_withdrawn(
    place: Town, living: Services
) -> None:
    plan, run_id = first_plan(living)
    assert plan.counts["CreateTask"] > 1
    begun = min(place.portal.tasks)
    with place.portal.changing() as crm:
        crm.change(crm.records["tasks"][begun], {"hs_task_status": "IN_PROGRESS"}, PERSON)
    place.clock.move(minutes=5)
    applied, _ = carry_out(living, show_undo(living, run_id, place.clock()).plan)
    assert set(place.portal.tasks) == {begun}
    assert applied.superseded == {"WithdrawTask": 1}
    assert show_undo(living, run_id, place.clock()).plan.changes == ()


def test_what_was_changed_since_is_left_alone(place: Town, living: Services) -> None:
    _, run_id = first_plan(living)
    contact = next(
        key for key, row in place.portal.contacts.items() if row.properties.get("savia_band") == "cold"
    )
    place.clock.move(minutes=5)
    place.portal.edit_as_person(contact, {"savia_band": "hot"})
    shown = show_undo(living, run_id, place.clock())
    assert "values were changed since and are left alone" in shown.remains
    carry_out(living, shown.plan)
    assert place.portal.contacts[contact].properties["savia_band"] == "hot"


def test_an_undo_waits_for_a_person_and_pauses_what_would_write_it_again(
    place: Town, living: Services
) -> None:
    _, run_id = first_plan(living)
    plan = show_undo(living, run_id, place.clock.move(minutes=5)).plan
    with writing(living) as fence, pytest.raises(UnsafePlan, match="always waits"):
        apply_plan(living, plan.fingerprint, fence, released=False)
    carry_out(living, plan)
    undone = shown_of(place)
    assert steps.write_back(living, place.clock.move(minutes=5)) == []
    assert shown_of(place) == undone
    with living.database.begin() as conn:
        switches.clear(conn, "paused")
    again = show(living)
    assert again.counts["SetProperties"]
    assert "EnrolInWorkflow" not in again.counts, "nobody is enrolled a second time"


def test_a_second_undo_finds_nothing_and_a_run_that_wrote_nothing_is_refused(
    place: Town, living: Services
) -> None:
    _, run_id = first_plan(living)
    place.clock.move(minutes=5)
    undo(living, run_id)
    assert show_undo(living, run_id, place.clock()).plan.changes == ()
    with pytest.raises(BadConfig, match="wrote nothing"):
        show_undo(living, 999, place.clock())


def test_after_an_undo_why_not_says_what_was_withdrawn_and_that_it_is_not_made_again(
    place: Town, living: Services
) -> None:
    plan, run_id = first_plan(living)
    tasked = next(change.contact_id for change in plan.changes if isinstance(change, CreateTask))
    assert "call_hot_lead" in place.portal.contacts[tasked].properties["savia_why_not"]
    place.clock.move(minutes=5)
    shown = show_undo(living, run_id, place.clock())
    assert any("never made again" in words for words in shown.remains if words.startswith("tasks"))
    carry_out(living, shown.plan)
    with living.database.begin() as conn:
        switches.clear(conn, "paused")
    place.clock.move(minutes=5)
    carry_out(living, show(living))
    assert "call_hot_lead" not in place.portal.contacts[tasked].properties["savia_why_not"]
