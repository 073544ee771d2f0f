"""The gate over the whole line: release, pilot, pause, mailability, holdout, and people's edits."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.config import Experiment, HubSpot, Pilot, Settings
from app.domain.changes import EnrolInWorkflow
from app.domain.errors import UnsafePlan
from app.pipeline import steps, write_back
from app.pipeline.bill import forecast_bill
from app.pipeline.checkup import check_up
from app.pipeline.explain import read_line, tell
from app.pipeline.release import is_released
from app.pipeline.write_back import show_plan
from app.services import Services
from app.store import runs, switches, work_list
from tests.line import Town, living_in
from tests.pipeline.test_current import everybody_better
from tests.writing.acts import carry_out, first_plan, learn, show


def sent(place: Town) -> tuple[int, int]:
    return len(place.portal.enrolments), len(place.portal.tasks)


def reasons(plan) -> set[str]:
    return {item.reason for item in plan.withheld}


def touch_everyone(services: Services) -> None:
    with services.database.begin() as conn:
        work_list.add_everyone(conn, services.clock())


# --- release ----------------------------------------------------------------------------------------------


def test_a_first_run_writes_properties_and_band_lists_and_sends_nothing_until_released(
    place: Town, living: Services
) -> None:
    learn(living)
    plan = show(living)
    assert {"SetProperties", "AddToList"} <= set(plan.counts)
    assert not {"EnrolInWorkflow", "CreateTask"} & set(plan.counts)
    would_have = sum(item.reason == "unreleased" for item in plan.withheld)
    carry_out(living, plan)
    assert sent(place) == (0, 0)
    assert any(
        problem.subject == "rules"
        for problem in check_up(living, place.clock.now, ask_vendors=False).problems
    )
    place.clock.move(minutes=5)
    released = show(living, enrol=True)
    assert released.counts["EnrolInWorkflow"] + released.counts["CreateTask"] == would_have
    carry_out(living, released)
    assert sum(sent(place)) == would_have
    place.clock.move(minutes=5)
    touch_everyone(living)
    assert "unreleased" not in reasons(show(living))


def test_changed_rules_send_nothing_until_released_again(place: Town, database: sa.Engine) -> None:
    with living_in(place, database) as services:
        first_plan(services)
    place.clock.move(minutes=5)
    with living_in(place, database, settings=Settings(pilot=Pilot(list="Savia: cold"))) as services:
        new = place.portal.add_contact(
            {"email": "nueva@example.com", "jobtitle": "CEO", "hs_marketable_status": "true"}
        )
        place.clock.move(minutes=5)
        learn(services)
        touch_everyone(services)
        plan = show(services)
        assert "EnrolInWorkflow" not in plan.counts
        assert new not in {getattr(change, "contact_id", "") for change in plan.changes}


def test_a_release_without_anything_to_send_still_releases(place: Town, living: Services) -> None:
    with living.database.begin() as conn:
        assert not is_released(conn, living)
    assert show_plan(living, place.clock.now, enrol=True).plan.changes == ()  # nobody was ever learnt
    with living.database.begin() as conn:
        assert is_released(conn, living)


def test_a_release_larger_than_one_plan_goes_out_in_lots_each_of_them_shown_and_nobody_twice(
    place: Town, living: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn(living)
    whole = show(living, enrol=True)
    monkeypatch.setattr(write_back, "LARGEST_PLAN", 7)
    first = show_plan(living, place.clock.now, with_setup=True, enrol=True)
    assert first.leads <= 7
    assert first.more
    carry_out(living, first.plan)
    lots, plan = 1, show(living)
    while plan.changes:
        people = {change.person_id for change in plan.changes}
        assert len(people) <= 7
        carry_out(living, plan)
        lots, plan = lots + 1, show(living)
    assert lots > 3
    assert sent(place) == (whole.counts["EnrolInWorkflow"], whole.counts["CreateTask"])
    started = [(each.workflow_id, each.contact_id) for each in place.portal.enrolments]
    assert len(started) == len(set(started))


# --- pilot and pause --------------------------------------------------------------------------------------


def test_with_a_pilot_list_nobody_else_is_written_to(place: Town, database: sa.Engine) -> None:
    place.portal.add_list("Piloto de ventas")
    members = sorted(place.portal.contacts)[:5]
    place.portal.list_named("Piloto de ventas").members.update(dict.fromkeys(members, 0.0))
    with living_in(place, database, settings=Settings(pilot=Pilot(list="Piloto de ventas"))) as services:
        plan, _ = first_plan(services)
    written = {key for key, row in place.portal.contacts.items() if "savia_score" in row.properties}
    assert written == set(members)
    assert {enrolment.contact_id for enrolment in place.portal.enrolments} <= set(members)
    assert "CreateContact" not in plan.counts
    assert "not_pilot" in reasons(plan)


def test_paused_writes_wait_for_resume_and_check_says_so(place: Town, living: Services) -> None:
    first_plan(living)
    place.clock.move(minutes=5)
    contact = place.portal.add_contact({"email": "nueva@example.com", "jobtitle": "CEO"})
    place.clock.move(minutes=5)
    learn(living)
    with living.database.begin() as conn:
        switches.turn(conn, "paused", "mudanza", place.clock.now)
    assert steps.write_back(living, place.clock.now) == []
    assert "savia_score" not in place.portal.contacts[contact].properties
    told = [problem.message for problem in check_up(living, place.clock.now, ask_vendors=False).problems]
    assert any("mudanza" in message for message in told)
    with living.database.begin() as conn:
        switches.clear(conn, "paused")
    steps.write_back(living, place.clock.now)
    assert "savia_score" in place.portal.contacts[contact].properties


def test_who_is_paused_while_their_plan_is_under_way_gets_nothing_more(place: Town, living: Services) -> None:
    """Seconds after the plan was made, which is not read again as a whole for that."""
    learn(living)
    carry_out(living, show(living))
    place.clock.move(minutes=5)
    plan = show(living, enrol=True)
    due = [change.contact_id for change in plan.changes if isinstance(change, EnrolInWorkflow)]
    paused, *left_alone = due
    assert left_alone
    place.portal.edit_as_person(paused, {"savia_pause": "true"})
    place.clock.move(seconds=5)
    learn(living)
    carry_out(living, plan)
    enrolled = {enrolment.contact_id for enrolment in place.portal.enrolments}
    assert enrolled == set(left_alone)


def test_a_paused_contact_is_enrolled_once_a_person_lets_it_go(place: Town, living: Services) -> None:
    learn(living)
    carry_out(living, show(living))
    place.clock.move(minutes=5)
    due = [c.contact_id for c in show(living, enrol=True).changes if isinstance(c, EnrolInWorkflow)]
    place.portal.edit_as_person(due[0], {"savia_pause": "true"})
    plan = show(living, enrol=True)
    enrolled = {c.contact_id for c in plan.changes if isinstance(c, EnrolInWorkflow)}
    assert enrolled == set(due[1:])
    carry_out(living, plan)
    place.clock.move(minutes=5)
    learn(living)
    place.portal.edit_as_person(due[0], {"savia_pause": ""})
    place.clock.move(minutes=5)
    learn(living)
    assert {c.contact_id for c in show(living).changes if isinstance(c, EnrolInWorkflow)} == {due[0]}


# --- mailability ------------------------------------------------------------------------------------------


def test_whom_hubspot_will_not_mail_is_not_enrolled_and_the_marketer_gets_a_list(
    place: Town, living: Services
) -> None:
    blocked = sorted(place.portal.contacts)[::3]
    for contact_id in blocked:
        place.portal.edit_as_person(contact_id, {"hs_marketable_status": "false"})
    place.clock.move(minutes=5)
    first_plan(living)
    state = check_up(living, place.clock.now, ask_vendors=False).state
    assert str(state["mailed by HubSpot"]).startswith("marketing contacts")
    assert "after the act" in str(state["pulled activity to HubSpot, last day"])
    assert not {enrolment.contact_id for enrolment in place.portal.enrolments} & set(blocked)
    listed = place.portal.lists["Savia: needs marketing status"]
    assert listed
    assert all(place.portal.contacts[key].properties.get("hs_marketable_status") != "true" for key in listed)
    written = {write.property for write in place.portal.writes}
    assert "hs_marketable_status" not in written
    chosen = sorted(listed & set(blocked))[0]
    place.clock.move(minutes=5)
    place.portal.edit_as_person(chosen, {"hs_marketable_status": "true"})
    place.clock.move(minutes=5)
    learn(living)
    carry_out(living, show(living))
    assert chosen in {enrolment.contact_id for enrolment in place.portal.enrolments}
    assert chosen not in place.portal.lists["Savia: needs marketing status"]


def test_a_plan_says_what_the_marketing_status_of_the_whole_list_would_come_to(
    place: Town, living: Services
) -> None:
    contacts = sorted(place.portal.contacts)
    for contact_id in contacts[::3]:
        place.portal.edit_as_person(contact_id, {"hs_marketable_status": "false"})
    place.clock.move(minutes=5)
    learn(living)
    plan = show(living, enrol=True)
    found = forecast_bill(living, plan)
    assert found is not None
    assert found.marketing == sum(
        row.properties.get("hs_marketable_status") == "true" for row in place.portal.contacts.values()
    )
    assert found.created == plan.counts["CreateContact"]
    carry_out(living, plan)
    assert found.lacking == len(place.portal.lists["Savia: needs marketing status"]) > 0


def test_joins_that_would_raise_the_tier_wait_for_a_person_where_the_tier_is_known(
    place: Town, database: sa.Engine
) -> None:
    for contact_id in sorted(place.portal.contacts)[::3]:
        place.portal.edit_as_person(contact_id, {"hs_marketable_status": "false"})
    place.clock.move(minutes=5)

    def waits_and_stands(included: int) -> tuple[bool, str]:
        known = Settings(hubspot=HubSpot(marketing_contacts=included, marketing_contacts_pack=1))
        with living_in(place, database, settings=known) as living:
            learn(living)
            touch_everyone(living)
            unsafe = show(living, enrol=True).unsafe
            state = check_up(living, place.clock.now, ask_vendors=False).state
        return any("would raise the tier" in reason for reason in unsafe), str(state["marketing contacts"])

    assert waits_and_stands(10**6)[0] is False
    waits, stands = waits_and_stands(1)
    assert waits
    assert "; tier " in stands
    waits, stands = waits_and_stands(0)
    assert not waits
    assert "the tier is not known" in stands


def test_a_portal_without_marketing_contacts_mails_whoever_did_not_opt_out(
    place: Town, living: Services
) -> None:
    def mailed() -> object:
        return check_up(living, place.clock.now, ask_vendors=False).state["mailed by HubSpot"]

    assert "not looked at yet" in str(mailed())
    status = living.mappings.hubspot.mailability.marketable
    for row in place.portal.contacts.values():
        row.properties.pop(status, None)
    del place.portal.crm.schemas["contacts"].properties[status]
    plan, _ = first_plan(living)
    assert "no marketing contacts" in str(mailed())
    assert place.portal.enrolments
    assert "non_marketing" not in reasons(plan)
    assert forecast_bill(living, plan) is None


# --- people's edits ---------------------------------------------------------------------------------------


def test_a_persons_edit_stays_is_explained_and_goes_back_to_savia_when_emptied(
    place: Town, living: Services
) -> None:
    first_plan(living)
    cold = [key for key, row in place.portal.contacts.items() if row.properties.get("savia_band") == "cold"]
    contact, properties = cold[0], place.portal.contacts[cold[0]].properties
    place.portal.edit_as_person(contact, {"savia_band": "hot", "savia_webinars_attended": "99"})
    for _ in range(2):  # found, and then remembered
        place.clock.move(minutes=5)
        place.portal.edit_as_person(contact, {"jobtitle": f"CEO {place.clock.now:%M}", "company": "Otra"})
        place.clock.move(minutes=5)
        learn(living)
        touch_everyone(living)
        plan = show(living)
        edits = [(item.subject, item.value) for item in plan.withheld if item.reason == "human_edit"]
        assert edits == [("savia_band", "hot")]
        if plan.changes:
            carry_out(living, plan)
        assert properties["savia_band"] == "hot"
    line = read_line(living, properties["email"])
    told = "\n".join(tell(line, living))
    assert "savia_band = hot was set by a person or another tool" in told
    assert "an enrolment, mail or task? Sí: " in told
    place.portal.edit_as_person(contact, {"savia_band": ""})
    place.clock.move(minutes=5)
    touch_everyone(living)
    plan = show(living)
    assert "human_edit" not in reasons(plan)
    carry_out(living, plan)
    assert properties["savia_band"] != ""


def shared_mailbox(place: Town, contact_id: str) -> bool:
    """A contact that stands for two people: a person of HubSpot's, and whoever used the mailbox in Zoom."""
    return place.portal.contacts[contact_id].properties["email"].startswith("ventas@")


def arms_of(conn: sa.Connection) -> dict[int, str]:
    rows = conn.execute(sa.text("SELECT person_id, arm FROM assignment"))
    return {person_id: arm for person_id, arm in rows}  # noqa: C416 - rows are no pairs to dict()


# --- holdout ----------------------------------------------------------------------------------------------


def test_a_held_out_lead_joins_nothing_and_stays_held_out(place: Town, database: sa.Engine) -> None:
    with living_in(place, database, settings=Settings(experiment=Experiment(holdout_share=0.5))) as services:
        first_plan(services)
        with database.connect() as conn:
            arms = arms_of(conn)
        assert set(arms.values()) == {"treated", "holdout"}
        held_out = {
            key for key, row in place.portal.contacts.items() if row.properties.get("savia_holdout") == "true"
        }
        assert len(held_out) == sum(arm == "holdout" for arm in arms.values())
        on_lists = set().union(*place.portal.lists.values())
        assert not {key for key in held_out & on_lists if not shared_mailbox(place, key)}
        assert not held_out & {enrolment.contact_id for enrolment in place.portal.enrolments}
        place.clock.move(minutes=5)
        touch_everyone(services)
        plan = show(services)
        assert "EnrolInWorkflow" not in plan.counts
        with database.connect() as conn:
            assert arms == arms_of(conn)


# --- alerts -----------------------------------------------------------------------------------------------


def test_the_record_of_an_unattended_run_counts_what_was_kept_back(place: Town, living: Services) -> None:
    plan, _ = first_plan(living)
    contact = next(change.contact_id for change in plan.changes if isinstance(change, EnrolInWorkflow))
    place.clock.move(minutes=5)
    place.portal.edit_as_person(contact, {"savia_next_action": "La llamo yo"})
    place.clock.move(minutes=5)
    learn(living)
    everybody_better(living)
    steps.write_back(living, place.clock.now)
    with living.database.connect() as conn:
        run = runs.last(conn, "write_back")
    assert run is not None
    told = (run.result or {})["withheld"]
    assert told["human_edit"] == 1
    assert told["non_marketing"] > 0


def test_a_plan_that_waits_is_told_once(place: Town, living: Services) -> None:
    learn(living)
    with pytest.raises(UnsafePlan, match="first plan"):
        steps.write_back(living, place.clock.now)
    assert steps.write_back(living, place.clock.move(minutes=5)) == []
    waiting = [one.message for one in check_up(living, place.clock.now, ask_vendors=False).problems]
    assert any("waits for you" in message for message in waiting)
