"""A plan is shown, stays the same until the world moves, and is carried out exactly as shown, once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.config import Settings, WriteBack
from app.domain.changes import (
    AddToList,
    CreateContact,
    CreateTask,
    EnrolInWorkflow,
    EnsureProperty,
    SetProperties,
)
from app.domain.errors import BadConfig, TryLater, UnsafePlan
from app.domain.records import ContactHint
from app.pipeline import steps
from app.pipeline.apply import PLAN_LIFE, apply_plan, writing
from app.pipeline.explain import read_line, tell
from app.pipeline.understand import rescore_after, rescore_touched
from app.services import Services
from app.store import facts, ledger, mirror, people, work_list
from tests.line import Town, living_in, town
from tests.pipeline.test_current import everybody_better, settled_in
from tests.pipeline.writes import TIMED, carry_out, end_state, learn, ledger_states, show, written_first


def calls(place: Town) -> int:
    return place.portal.write_calls


# --- shown ------------------------------------------------------------------------------------------------


def test_showing_writes_nothing_and_the_same_plan_has_one_fingerprint(
    place: Town, in_both_versions: Services
) -> None:
    services = in_both_versions
    learn(services)
    first = show(services).plan
    place.clock.move(minutes=10)
    again = show(services).plan
    assert (first.fingerprint, first.counts) == (again.fingerprint, again.counts)
    assert calls(place) == 0
    assert {"EnsureProperty", "EnsureList", "CreateContact", "SetProperties", "AddToList"} <= set(
        first.counts
    )


def test_a_contact_that_a_person_deleted_is_not_made_again(place: Town, living: Services) -> None:
    written_first(living)
    live = place.story.world.last
    gone = next(
        lead
        for lead in place.story.world.leads
        if lead.in_hubspot
        and not lead.shared_mailbox
        and any(one.lead_key == lead.key for one in live.registrations)
    )
    contact = next(
        key for key, one in place.portal.contacts.items() if one.properties.get("email") == gone.email
    )
    place.portal.delete(contact)
    with living.database.begin() as conn:
        told = ContactHint("hubspot", contact, "deleted", place.clock.move(minutes=1))
        facts.store(conn, [(told, facts.Cause(inbox_id=1))], place.clock.now)
    rescore_touched(living, place.clock.now)
    assert show(living).plan.changes == ()


def test_another_world_has_another_fingerprint(place: Town, living: Services) -> None:
    learn(living)
    first = show(living).plan.fingerprint
    contact = next(iter(place.portal.contacts))
    place.clock.move(minutes=1)
    place.portal.edit_as_person(contact, {"jobtitle": "CEO", "company": "Otra"})
    place.clock.move(minutes=1)
    learn(living)
    assert show(living).plan.fingerprint != first


# --- carried out ------------------------------------------------------------------------------------------


def test_what_was_shown_is_what_runs_and_again_there_is_nothing_to_write(
    place: Town, in_both_versions: Services
) -> None:
    services = in_both_versions
    learn(services)
    plan = show(services).plan
    applied = carry_out(services, plan)
    assert (applied.done, applied.rejected) == (plan.counts, {})
    with services.database.connect() as conn:
        keys = set(conn.scalars(sa.text("SELECT change_key FROM ledger WHERE state = 'done'")))
    assert keys == {change.key for change in plan.changes}
    before = calls(place)
    place.clock.move(minutes=10)
    learn(services)
    assert show(services).plan.changes == ()
    assert steps.write_back(services, services.clock()) == []
    assert calls(place) == before


def test_who_is_scored_while_the_plan_is_made_is_considered_again(place: Town, living: Services) -> None:
    """The scoring began before the plan and was stored after it was read."""
    learn(living)
    began = place.clock.now
    place.clock.move(seconds=1)
    plan = show(living).plan
    person = next(change.person_id for change in plan.changes if isinstance(change, SetProperties))
    with living.database.begin() as conn:
        work_list.add(conn, [person], began - timedelta(seconds=1))
    carry_out(living, plan)
    with living.database.connect() as conn:
        assert [row.person_id for row in work_list.first(conn, 1_000)] == [person]


def test_what_hubspot_cannot_take_at_the_moment_is_tried_again_within_the_hour_and_not_at_once(
    place: Town, living: Services
) -> None:
    settled_in(place, living)
    held = next(key for key, one in sorted(place.portal.contacts.items()) if "savia_score" in one.properties)
    before = place.portal.contacts[held].properties["savia_score"]
    everybody_better(living)
    place.portal.crm.locked.add(held)
    steps.write_back(living, place.clock.now)
    assert place.portal.contacts[held].properties["savia_score"] == before
    place.portal.crm.locked.clear()
    steps.write_back(living, place.clock.move(minutes=1))
    assert place.portal.contacts[held].properties["savia_score"] == before, "it is not tried all the time"
    assert "write_back" in steps.decay(living, place.clock.move(minutes=30))
    while steps.write_back(living, place.clock.now):
        pass
    assert place.portal.contacts[held].properties["savia_score"] != before
    assert "write_back" not in steps.decay(living, place.clock.move(seconds=1))


def test_the_portal_holds_exactly_what_the_plan_said(place: Town, living: Services) -> None:
    plan = written_first(living)
    contacts, lists = place.portal.contacts, place.portal.lists
    for change in plan.changes:
        match change:
            case SetProperties():
                shown = contacts[change.contact_id].properties
                for name, value in change.properties.items():
                    assert name.endswith(TIMED) or shown.get(name, "") == value
            case AddToList() if change.contact_id:
                assert change.contact_id in lists[change.list_name]
    # One contact behind a shared mailbox may stand for several of our people: it is enrolled once.
    assert 0 < len(place.portal.enrolments) <= plan.counts["EnrolInWorkflow"]
    assert len(place.portal.tasks) == plan.counts.get("CreateTask", 0)


def test_both_versions_leave_the_same_end_state(place: Town, living: Services) -> None:
    written_first(living)
    with town(type(place.clock)(place.story.world.now)) as other:
        with living.database.begin() as conn:
            tables = [table for table in _tables(conn) if table != "alembic_version"]
            conn.execute(sa.text(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE"))
        with living_in(other, living.database, "v3") as services:
            written_first(services)
        assert end_state(other) == end_state(place)


def _tables(conn: sa.Connection) -> list[str]:
    return sa.inspect(conn).get_table_names()


def test_a_contact_made_by_a_plan_is_listed_by_the_same_plan_and_not_enrolled_being_non_marketing(
    place: Town, living: Services
) -> None:
    plan = written_first(living)
    made = {change.person_id: change.email for change in plan.changes if isinstance(change, CreateContact)}
    assert made
    names = {
        contact.properties.get("email"): contact_id for contact_id, contact in place.portal.contacts.items()
    }
    joins = [c for c in plan.changes if isinstance(c, AddToList) and c.person_id in made]
    enrols = [c for c in plan.changes if isinstance(c, EnrolInWorkflow) and c.person_id in made]
    assert {change.person_id for change in joins} == set(made)
    assert not enrols
    assert all(change.contact_id == "" for change in joins)  # planned before the id was known
    for change in joins:
        assert names[made[change.person_id].lower()] in place.portal.lists[change.list_name]
    with living.database.connect() as conn:
        person = people.person_of(conn, next(iter(made.values()))) or 0
        keys = people.identities_of(conn, [person])[person]
        assert mirror.hold(conn, [person])[person].contact_id == names[made[person].lower()]
    assert keys[0].kind == "contact_id"


# --- refused ----------------------------------------------------------------------------------------------


def test_the_first_plan_waits_for_a_person(place: Town, living: Services) -> None:
    learn(living)
    with pytest.raises(UnsafePlan, match="first plan"):
        steps.write_back(living, living.clock())
    assert calls(place) == 0
    assert carry_out(living, show(living).plan).finished


def test_a_plan_beyond_a_limit_waits_unattended_and_runs_when_released(
    place: Town, database: sa.Engine
) -> None:
    strict = Settings(write_back=WriteBack(max_list_joins=0, minimum_population=10_000))
    with living_in(place, database, settings=strict) as services:
        written_first(services)
        place.clock.move(minutes=1)
        contact = place.portal.add_contact({"email": "nueva@example.com", "jobtitle": "CEO"})
        place.clock.move(minutes=1)
        learn(services)
        before = calls(place)
        with pytest.raises(UnsafePlan, match="max_list_joins is 0"):
            steps.write_back(services, services.clock())
        assert calls(place) == before
        carry_out(services, show(services).plan)
        assert any(contact in members for members in place.portal.lists.values())


def test_a_plan_within_the_limits_runs_unattended_after_the_first(place: Town, living: Services) -> None:
    written_first(living)
    place.clock.move(minutes=1)
    contact = place.portal.add_contact({"email": "nueva@example.com", "jobtitle": "CEO"})
    place.clock.move(minutes=1)
    learn(living)
    steps.write_back(living, living.clock())
    assert "savia_score" in place.portal.contacts[contact].properties
    assert set(ledger_states(living)) == {"done"}


def test_nothing_runs_by_itself_where_unattended_is_off(place: Town, database: sa.Engine) -> None:
    with living_in(place, database, settings=Settings(write_back=WriteBack(unattended=False))) as services:
        learn(services)
        assert steps.write_back(services, services.clock()) == []
        assert calls(place) == 0


def test_an_unknown_fingerprint_is_refused(living: Services) -> None:
    with writing(living) as fence, pytest.raises(BadConfig, match="no such plan"):
        apply_plan(living, "0123456789ab", fence, released=True)


def test_a_stale_plan_is_refused_even_to_a_person(place: Town, living: Services) -> None:
    learn(living)
    plan = show(living).plan
    place.clock.now += PLAN_LIFE + timedelta(seconds=1)
    with pytest.raises(BadConfig, match="older than a day"):
        carry_out(living, plan)
    assert calls(place) == 0


def test_a_plan_is_carried_out_once(place: Town, living: Services) -> None:
    plan = written_first(living)
    before = calls(place)
    with pytest.raises(BadConfig, match="already applied"):
        carry_out(living, plan)
    assert calls(place) == before


def test_two_writers_at_once_are_one(living: Services) -> None:
    with writing(living), pytest.raises(TryLater, match="another process"), writing(living):
        raise AssertionError("two writers")


def test_without_hubspot_there_is_nowhere_to_write(services: Services) -> None:
    with pytest.raises(BadConfig, match="HUBSPOT_ACCESS_TOKEN"):
        show(services)
    assert steps.write_back(services, services.clock()) == []


# --- rejected ---------------------------------------------------------------------------------------------


def test_a_rejected_change_is_written_down_with_its_reason_and_holds_up_no_other(
    place: Town, in_both_versions: Services
) -> None:
    services = in_both_versions
    learn(services)
    plan = show(services).plan
    victim = next(change for change in plan.changes if isinstance(change, SetProperties))
    place.portal.delete(victim.contact_id)
    applied = carry_out(services, plan)
    assert applied.rejected["SetProperties"] == 1
    assert sum(applied.done.values()) + sum(applied.rejected.values()) == len(plan.changes)
    with services.database.connect() as conn:
        rows = {row.change.key: row for row in ledger.of_person(conn, victim.person_id)}
    refused = rows[victim.key]
    assert refused.state == "rejected"
    assert refused.reason
    assert ledger_states(services)["intent"] == 0


def test_who_was_refused_is_looked_at_again_once_the_portal_holds_what_it_lacked(
    place: Town, living: Services
) -> None:
    learn(living)
    plan = show(living).plan
    victim = next(change for change in plan.changes if isinstance(change, SetProperties))
    place.portal.delete(victim.contact_id)
    carry_out(living, plan)
    with living.database.connect() as conn:
        assert victim.person_id not in {row.person_id for row in work_list.first(conn, 1_000)}
    del place.portal.crm.schemas["contacts"].properties["savia_score"]
    mended = show(living).plan
    assert [type(change) for change in mended.changes] == [EnsureProperty]
    carry_out(living, mended)
    with living.database.connect() as conn:
        assert {row.person_id for row in work_list.first(conn, 1_000)} == {victim.person_id}


# --- explained --------------------------------------------------------------------------------------------


def test_one_leads_line_reads_from_property_to_delivery(place: Town, living: Services) -> None:
    plan = written_first(living)
    task = next(change for change in plan.changes if isinstance(change, CreateTask | EnrolInWorkflow))
    email = place.portal.contacts[task.contact_id].properties["email"]
    line = read_line(living, email.upper())
    assert line is not None
    told = "\n".join(tell(line, living))
    heads = ["HubSpot shows", "savia_score =", "<- written by", "<- score", "<- features", "<- activities"]
    places = [told.index(head) for head in [*heads, "<- observations", "<- profiles"]]
    assert places == sorted(places)
    for cause in ("SetProperties", plan.fingerprint, "sync run", "[score ", "[observations "):
        assert cause in told
    assert read_line(living, "nadie@example.com") is None


# --- a day later ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_day_later_at_most_one_in_twenty_quiet_leads_is_written(database: sa.Engine, clock) -> None:
    with town(clock, leads=500) as place, living_in(place, database) as services:
        written_first(services)
        place.clock.move(days=1)
        after, more = 0, True
        while more:
            done, after = rescore_after(services, after, place.clock())
            more = done.more
        plan = show(services).plan
        written = {getattr(change, "person_id", None) for change in plan.changes}
        with database.connect() as conn:
            leads = mirror.count(conn)
        assert leads > 400
        assert len(written) <= leads * 0.05


def test_clocks_of_services_are_asked_not_the_machines(place: Town, living: Services) -> None:
    written_first(living)
    with living.database.connect() as conn:
        moments = set(conn.scalars(sa.text("SELECT DISTINCT settled_at FROM ledger")))
    assert moments == {place.clock.now}
    assert replace(living).clock() == place.clock.now
