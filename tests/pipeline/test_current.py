"""Before an unattended write HubSpot is read only where somebody else may have changed something."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app.pipeline import steps
from app.pipeline.absorb import absorb
from app.pipeline.receive import receive
from app.pipeline.undo import show_undo
from app.pipeline.write_back import Shown, show_plan
from app.services import Services
from app.store import facts, mirror, work_list
from tests.line import Town, sign_hubspot
from tests.pipeline.writes import carry_out, learn, written_first
from tests.writing.acts import carry_out as carry_out_in_a_run

READS = ("batch/read", "memberships/batch/read")
BETTER = sa.text("""
    INSERT INTO score (person_id, value, band, method, engagement, receipt, scored_at, grid)
    SELECT DISTINCT ON (person_id) person_id, value + 7, band, method, engagement + 20, receipt, :at, grid
    FROM score ORDER BY person_id, id DESC
""")


def settled_in(place: Town, services: Services) -> None:
    """Everything written, and a sync since: nobody else changed anything."""
    written_first(services)
    place.clock.move(minutes=10)
    learn(services)
    while steps.write_back(services, place.clock()):
        pass
    place.clock.move(minutes=10)
    learn(services)


def everybody_better(services: Services) -> None:
    """Everybody's score has moved, for no reason that HubSpot or a vendor gave."""
    now = services.clock()
    with services.database.begin() as conn:
        conn.execute(BETTER, {"at": now})
        work_list.add_everyone(conn, now)


def unattended(services: Services) -> Shown:
    return show_plan(services, services.clock())


def reads(place: Town) -> int:
    return sum(count for path, count in place.portal.request_counts.items() if path.endswith(READS))


def known(services: Services) -> set[str]:
    with services.database.connect() as conn:
        return set(conn.scalars(sa.text("SELECT contact_id FROM mirror WHERE seen_at IS NOT NULL")))


def test_what_only_we_changed_is_not_read_again(place: Town, living: Services) -> None:
    settled_in(place, living)
    everybody_better(living)
    before = reads(place)
    plan = unattended(living).plan
    concerned = {change.contact_id for change in plan.changes if hasattr(change, "contact_id")}
    assert len(concerned & known(living)) > 20
    assert reads(place) - before <= 2, "those that are not known stand in one batch"
    assert carry_out(living, plan).finished
    for change in plan.changes:
        if change.contact_id in known(living) and hasattr(change, "properties"):
            assert place.portal.contacts[change.contact_id].properties["savia_score"]


def test_an_edit_of_ours_that_the_sync_finds_is_left_alone(place: Town, living: Services) -> None:
    settled_in(place, living)
    contact = sorted(known(living))[0]
    place.portal.edit_as_person(contact, {"savia_next_action": "La llamo yo"})
    place.clock.move(minutes=5)
    learn(living)
    assert contact not in known(living)
    everybody_better(living)
    plan = unattended(living).plan
    edits = [(item.subject, item.value) for item in plan.withheld if item.reason == "human_edit"]
    assert edits == [("savia_next_action", "La llamo yo")]
    carry_out(living, plan)
    assert place.portal.contacts[contact].properties["savia_next_action"] == "La llamo yo"


def test_an_edit_between_two_syncs_that_a_delivery_tells_is_left_alone_and_outlives_an_undo(
    place: Town, living: Services
) -> None:
    settled_in(place, living)
    events: list[dict[str, Any]] = []
    place.portal.announcer.subscribed = None
    place.portal.on_event.append(events.append)
    contact = sorted(known(living))[0]
    place.portal.edit_as_person(contact, {"savia_next_action": "La llamo yo"})
    signed = sign_hubspot(events, living.clock())
    receive(living, living.webhooks["hubspot"], signed.headers, signed.body, living.clock())
    absorb(living, living.clock())
    everybody_better(living)
    before = reads(place)
    plan = unattended(living).plan
    assert reads(place) - before <= 2, "the others are remembered"
    assert [item.value for item in plan.withheld if item.reason == "human_edit"] == ["La llamo yo"]
    _, run_id = carry_out_in_a_run(living, plan)
    shown = place.portal.contacts[contact].properties
    assert shown["savia_next_action"] == "La llamo yo"
    carry_out_in_a_run(living, show_undo(living, run_id, living.clock()).plan)
    assert shown["savia_next_action"] == "La llamo yo"


def test_an_edit_under_our_own_write_is_found_by_the_next_sync(place: Town, living: Services) -> None:
    settled_in(place, living)
    contact = sorted(known(living))[0]
    everybody_better(living)
    plan = unattended(living).plan
    place.portal.edit_as_person(contact, {"savia_next_action": "La llamo yo"})
    place.clock.move(seconds=30)
    carry_out(living, plan)  # HubSpot's stamp of the edit is gone now: the write is newer
    assert contact in known(living)
    place.clock.move(minutes=5)
    learn(living)
    assert contact not in known(living)
    everybody_better(living)
    assert [i.value for i in unattended(living).plan.withheld if i.reason == "human_edit"] == ["La llamo yo"]


def test_our_own_writes_that_the_sync_brings_back_raise_no_doubt(place: Town, living: Services) -> None:
    settled_in(place, living)
    everybody_better(living)
    carry_out(living, unattended(living).plan)
    before = known(living)
    place.clock.move(minutes=10)
    learn(living)
    assert before
    assert known(living) == before


def test_without_a_complete_sync_of_late_everybody_is_read(place: Town, living: Services) -> None:
    settled_in(place, living)
    place.clock.move(minutes=31)  # three intervals of ten minutes
    everybody_better(living)
    before = reads(place)
    unattended(living)
    assert reads(place) - before >= 2
    with living.database.connect() as conn:
        read_now = conn.scalar(
            sa.text("SELECT count(*) FROM mirror WHERE read_at = :now"), {"now": place.clock()}
        )
    assert read_now > 20


def test_a_person_is_shown_a_plan_from_fresh_reading(place: Town, living: Services) -> None:
    settled_in(place, living)
    everybody_better(living)
    show_plan(living, living.clock(), with_setup=True)
    with living.database.connect() as conn:
        left = conn.scalar(
            sa.text("SELECT count(*) FROM mirror WHERE read_at < :now"), {"now": place.clock()}
        )
    assert left == 0


def test_a_contact_that_a_webhook_named_is_read_before_it_is_written(place: Town, living: Services) -> None:
    settled_in(place, living)
    contact = sorted(known(living))[0]
    with living.database.begin() as conn:
        conn.execute(
            sa.text("INSERT INTO hint (contact_id, hinted_at) VALUES (:id, :at)"),
            {"id": contact, "at": place.clock()},
        )
        assert facts.any_hint(conn)
    everybody_better(living)
    unattended(living)
    with living.database.connect() as conn:
        query = sa.text("SELECT read_at FROM mirror WHERE contact_id = :id")
        assert conn.scalar(query, {"id": contact}) == place.clock()


def test_a_doubt_that_a_sync_raises_outlives_a_plan_that_changes_nothing(
    place: Town, living: Services
) -> None:
    settled_in(place, living)
    with living.database.begin() as conn:
        row = conn.execute(sa.text("SELECT contact_id, person_id, score_id FROM mirror LIMIT 1")).one()
        mirror.doubt(conn, [row.contact_id])
        mirror.shows(conn, {row.person_id: row.score_id + 1})
        held = mirror.hold(conn, [row.person_id])[row.person_id]
        assert held.modified_at is None
        assert mirror.score_ids(conn, [row.person_id]) == {row.person_id: row.score_id + 1}
        mirror.shows(conn, {row.person_id: row.score_id})
        assert mirror.score_ids(conn, [row.person_id]) == {row.person_id: row.score_id + 1}, "never backwards"
