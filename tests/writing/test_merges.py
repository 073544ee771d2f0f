"""Two contacts become one: what the lead got under either name it does not get again."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.domain.changes import CreateTask, EnrolInWorkflow, SetProperties
from app.pipeline.reread import GONE
from app.services import Services
from app.store import people, work_list
from tests.line import Town
from tests.writing.acts import carry_out, first_plan, learn, show


def merge(place: Town, services: Services, survivor: str, merged: str) -> None:
    """A person merges two contacts in HubSpot, and its webhook tells us."""
    place.portal.merge(survivor, merged)
    with services.database.begin() as conn:
        people.merge_contacts(conn, survivor, merged, place.clock.now)


def test_a_lead_whose_task_was_made_under_a_merged_name_gets_no_second_one(
    place: Town, living: Services
) -> None:
    plan, _ = first_plan(living)
    called = next(change for change in plan.changes if isinstance(change, CreateTask) and change.contact_id)
    place.clock.move(minutes=5)
    alike = {
        name: value
        for name, value in place.portal.contacts[called.contact_id].properties.items()
        if name in ("jobtitle", "company", "industry", "numberofemployees", "country", "hs_marketable_status")
    }
    survivor = place.portal.add_contact({**alike, "email": "otra.direccion@example.com"})
    learn(living)
    made = len(place.portal.tasks), len(place.portal.enrolments)
    merge(place, living, survivor, called.contact_id)
    for _ in range(2):
        place.clock.move(minutes=5)
        learn(living)
        with living.database.begin() as conn:
            work_list.add_everyone(conn, living.clock())
        plan = show(living)
        assert not {"CreateTask", "EnrolInWorkflow"} & set(plan.counts)
        if plan.changes:
            carry_out(living, plan)
    assert place.portal.contacts[survivor].properties["savia_band"] == "hot", "the rule applies to it"
    assert (len(place.portal.tasks), len(place.portal.enrolments)) == made


def test_two_leads_of_a_waiting_plan_who_become_one_get_one_task_and_one_enrolment(
    place: Town, living: Services
) -> None:
    learn(living)
    plan = show(living, enrol=True)
    due = [change for change in plan.changes if isinstance(change, CreateTask) and change.contact_id]
    survivor, merged = due[0], due[1]
    place.clock.move(seconds=30)
    merge(place, living, survivor.contact_id, merged.contact_id)
    applied, _ = carry_out(living, plan)
    assert applied.reasons[GONE] >= 2
    assert applied.done["CreateTask"] == plan.counts["CreateTask"] - 1
    enrolled = {change.person_id for change in plan.changes if isinstance(change, EnrolInWorkflow)}
    assert {survivor.person_id, merged.person_id} <= enrolled
    with living.database.connect() as conn:
        done = "SELECT count(*) FROM ledger WHERE person_id = :person AND kind = :kind AND state = 'done'"
        for kind in ("CreateTask", "EnrolInWorkflow"):
            assert conn.scalar(sa.text(done), {"person": survivor.person_id, "kind": kind}) == 1


def test_a_persons_edit_survives_the_merge_of_its_contact_into_one_of_a_new_id(
    place: Town, living: Services
) -> None:
    plan, _ = first_plan(living)
    edited, other = [change.contact_id for change in plan.changes if isinstance(change, SetProperties)][:2]
    place.clock.move(minutes=5)
    place.portal.edit_as_person(edited, {"savia_band": "cold" if band_of(place, edited) != "cold" else "hot"})
    wanted = band_of(place, edited)
    new = place.portal.merge(edited, other, under_new_id=True)
    with living.database.begin() as conn:
        for ended in (edited, other):
            people.merge_contacts(conn, new, ended, place.clock.now)
    for _ in range(2):
        place.clock.move(minutes=5)
        learn(living)
        with living.database.begin() as conn:
            work_list.add_everyone(conn, living.clock())
        plan = show(living)
        if plan.changes:
            carry_out(living, plan)
        assert band_of(place, new) == wanted
        assert any(item.reason == "human_edit" and item.subject == "savia_band" for item in plan.withheld)


@pytest.mark.parametrize("ended", ["merged", "deleted"])
def test_what_an_hour_old_plan_holds_for_a_contact_that_ended_since_is_not_sent(
    place: Town, living: Services, ended: str
) -> None:
    """Nobody told of it yet; the contact that goes on is paused, and not what the plan was made for."""
    learn(living)
    carry_out(living, show(living))
    place.clock.move(minutes=5)
    plan = show(living, enrol=True)
    enrolled = [change.contact_id for change in plan.changes if isinstance(change, EnrolInWorkflow)]
    gone, other = enrolled[:2]
    place.clock.move(minutes=60)
    if ended == "deleted":
        place.portal.delete(gone)
    else:
        place.portal.edit_as_person(
            place.portal.merge(gone, other, under_new_id=True), {"savia_pause": "true"}
        )
    applied, _ = carry_out(living, plan)
    assert applied.reasons[GONE] >= 2
    started = {enrolment.contact_id for enrolment in place.portal.enrolments}
    assert started == set(enrolled) - ({gone} if ended == "deleted" else {gone, other})
    assert not applied.rejected


def band_of(place: Town, contact_id: str) -> str:
    return place.portal.contacts[contact_id].properties["savia_band"]
