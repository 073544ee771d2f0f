"""After a webinar: Zoom's count against the contacts of the portal, over the stand-ins and the real store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa

from app.domain.reconciliation import Reconciled
from app.pipeline.checkup import check_up
from app.pipeline.pull import pull_source
from app.pipeline.reconcile import reconciled
from app.services import Services
from jobs.reconcile import told
from tests.line import Town


def read_all(services: Services) -> None:
    for source in services.sources:
        pull_source(services, source, services.clock())


def found(services: Services) -> list[Reconciled]:
    with services.database.connect() as conn:
        return reconciled(conn)


def came(place: Town) -> list[int]:
    return [
        len({one.lead_key for one in webinar.segments if one.role == "attendee"})
        for webinar in place.story.world.webinars
    ]


def subjects(services: Services) -> dict[str, str]:
    found = check_up(services, services.clock(), ask_vendors=False).problems
    return {problem.severity: problem.message for problem in found if problem.subject == "attendance"}


def test_zooms_count_is_the_contacts_and_the_unmatched(place: Town, living: Services) -> None:
    read_all(living)
    webinars = found(living)
    assert [one.zoom for one in webinars] == came(place)
    assert all(one.missing == 0 for one in webinars)
    strangers = {lead.key for lead in place.story.world.leads if not lead.in_hubspot or lead.shared_mailbox}
    for one, webinar in zip(webinars, place.story.world.webinars, strict=True):
        there = {segment.lead_key for segment in webinar.segments if segment.role == "attendee"}
        assert len(one.unmatched) == len(there & strangers)
    reasons = {who.why for one in webinars for who in one.unmatched}
    assert reasons == {"no_contact", "role_mailbox"}


def test_a_report_is_final_a_day_later_and_check_then_asks_for_a_review(
    place: Town, living: Services
) -> None:
    read_all(living)
    assert [one.is_final for one in found(living)] == [True, False], "the first ended a day ago"
    place.clock.move(hours=30)
    read_all(living)
    webinars = found(living)
    assert all(one.is_final for one in webinars)
    number = sum(len(one.unmatched) for one in webinars)
    assert number
    assert subjects(living) == {
        "warning": f"{number} who attended are no contact in HubSpot: python -m jobs reconcile --review"
    }


def test_somebody_whom_zoom_counted_and_we_do_not_hold_is_an_error(place: Town, living: Services) -> None:
    place.clock.move(hours=30)
    read_all(living)
    before = found(living)
    with living.database.begin() as conn:
        gone = (
            "SELECT min(attributes ->> 'attendee') FROM observation WHERE attributes ->> 'role' = 'attendee'"
        )
        conn.execute(sa.text(f"DELETE FROM observation WHERE attributes ->> 'attendee' = ({gone})"))
    after = found(living)
    assert [one.zoom for one in after] == [one.zoom for one in before]
    assert sum(one.missing for one in after) == 1
    assert "error" in subjects(living)


def test_a_contact_deleted_in_hubspot_is_named_as_such(place: Town, living: Services) -> None:
    read_all(living)
    with living.database.begin() as conn:
        conn.execute(
            sa.text(
                """UPDATE profile SET fields = fields || '{"archived": "true"}' WHERE source = 'hubspot'"""
            )
        )
    webinars = found(living)
    assert all(one.matched == 0 for one in webinars)
    assert "deleted" in {who.why for one in webinars for who in one.unmatched}


def test_without_a_review_nobody_is_named(place: Town, living: Services) -> None:
    read_all(living)
    webinars = found(living)
    names = [who.attendee for one in webinars for who in one.unmatched]
    assert names
    plain = "\n".join(told(webinars, review=False))
    assert not [name for name in names if name in plain]
    assert plain.count("Zoom ") == 2
    reviewed = "\n".join(told(webinars, review=True))
    assert all(name in reviewed for name in names)


def test_nothing_to_say_before_the_first_report(living: Services) -> None:
    assert found(living) == []
    assert [line.partition(":")[0] for line in told([], review=True)] == [
        "No report of a webinar has been read yet"
    ]


def test_a_run_that_goes_on_after_the_host_dropped_out_is_one_webinar(place: Town, living: Services) -> None:
    """Zoom tells of the first webinar as two runs, the second under a uuid of its own."""
    webinar = place.story.world.webinars[0]
    broke = webinar.starts_at + timedelta(minutes=30)
    halves = replace(webinar, restarted_at=broke, restart_uuid="again==")
    place.zoom._webinars[str(webinar.webinar_id)] = [halves]
    place.zoom._runs |= {uuid: halves for uuid, _ in halves.runs}
    read_all(living)
    webinars = found(living)
    assert [one.zoom for one in webinars] == came(place)
