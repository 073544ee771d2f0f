"""The short form of `python -m tests.month`, and the proof that its comparison sees what is wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.month.__main__ import has_good_calls, is_good
from tests.month.compare import beginnings, compare
from tests.month.figures import Ending, ending_of
from tests.month.story import BEGINS, DAY, Month, month
from tests.month.truth import truth_of
from tests.sandbox.month_world import make_month

ONE = "(SELECT ctid FROM activity WHERE kind = '{}' ORDER BY person_id LIMIT 1)"
SABOTAGE = {
    "an attendance is gone": (
        f"DELETE FROM activity WHERE ctid = {ONE.format('webinar_attendance')}",
        {"attendance": (1, 0, 0)},
    ),
    "a minute is too much": (
        f"UPDATE activity SET quantity = quantity + 1 WHERE ctid = {ONE.format('webinar_attendance')}",
        {"attendance": (0, 0, 1)},
    ),
    "an open is gone": (
        f"DELETE FROM activity WHERE ctid = {ONE.format('email_open')}",
        {"open": (1, 0, 0)},
    ),
    "a click is doubled": (
        "INSERT INTO activity SELECT person_id, kind, fact_key || ' again', occurred_at, quantity,"
        f" attributes, observation_ids FROM activity WHERE ctid = {ONE.format('email_click')}",
        {"click": (0, 0, 1)},
    ),
    "a click is another day's": (
        "UPDATE activity SET occurred_at = occurred_at + interval '1 day'"
        f" WHERE ctid = {ONE.format('email_click')}",
        {"click": (1, 1, 0)},
    ),
    "an answer is gone": (
        f"DELETE FROM activity WHERE ctid = {ONE.format('poll_participation')}",
        {"poll answer": None},
    ),
    "visits are gone": (
        "DELETE FROM activity WHERE kind = 'website_visit' AND person_id ="
        " (SELECT min(person_id) FROM activity WHERE kind = 'website_visit')",
        {"visit": None},
    ),
    "a registration that was cancelled stands": (
        "INSERT INTO activity SELECT person_id, kind, 'cancelled', occurred_at, quantity, attributes,"
        f" observation_ids FROM activity WHERE ctid = {ONE.format('webinar_registration')}",
        {"registration": (0, 1, 0)},
    ),
    "a survey is gone": (
        f"DELETE FROM activity WHERE ctid = {ONE.format('survey_answer')}",
        {"survey answer": None},
    ),
    "a deal is gone": (
        "DELETE FROM deal WHERE deal_id = (SELECT min(deal_id) FROM deal)",
        {"deal": (1, 0, 0)},
    ),
    "a deal is worth more": (
        "UPDATE deal SET amount = amount + 1 WHERE deal_id = (SELECT min(deal_id) FROM deal)",
        {"deal": (0, 0, 1)},
    ),
}


def test_an_attendance_goes_by_any_run_or_by_the_name_and_day_of_its_series() -> None:
    """Savia names it after the run that began first, and an announced one may begin with the one held."""
    webinars = make_month(7, 80, 6, BEGINS).webinars
    begins = beginnings(webinars)
    for webinar in webinars:
        assert {begins[uuid] for uuid, _ in webinar.runs} == {webinar.starts_at}
        if webinar.series_uuid:
            assert begins[f"{webinar.series_uuid} {webinar.starts_at:%Y-%m-%d}"] == webinar.starts_at
    assert len({one.series_uuid for one in webinars}) == 2, "one series, and those that are of none"


@pytest.fixture
def lived(database: sa.Engine) -> Iterator[Month]:
    with month(database, leads=80, webinars=6, sync_minutes=2_160) as story:
        story.live()
        yield story


def told(ending: Ending) -> str:
    return "\n".join(str(one) for one in (*ending.compared, *ending.webinars))


@pytest.mark.slow
def test_a_month_ends_as_the_sandbox_knows_it_and_whatever_is_broken_then_is_seen(
    lived: Month, database: sa.Engine
) -> None:
    ending = ending_of(lived)
    assert is_good(ending), told(ending)
    assert all(one.true for one in ending.compared), "every kind of fact happened"
    assert {one.kind for one in ending.compared if one.unreadable} >= {"chat line", "visit"}
    assert not ending.people.mixed
    assert not ending.people.split
    _has_every_hardship(lived, ending)
    _sees_what_is_broken(lived, database)


def _has_every_hardship(lived: Month, ending: Ending) -> None:
    """It was no easy month."""
    world, tally = lived.vendors.world, lived.post.tally
    assert any(webinar.restarted_at for webinar in world.webinars)
    assert len({webinar.webinar_id for webinar in world.webinars}) < len(world.webinars)
    assert lived.vendors.office.merged
    assert lived.vendors.office.deleted
    assert sum(day.down for day in ending.days) > 0
    assert {vendor for vendor, _ in lived.post.lost} == {"zoom", "activecampaign"}
    gone = [event.name for vendor, event in lived.post.lost if vendor == "zoom"]
    assert "webinar.registration_cancelled" in gone, "the listing alone tells of it"
    assert all(tally[f"{vendor} doubled"] for vendor in ("zoom", "activecampaign"))
    assert all(one.unmatched for one in ending.webinars)


def _sees_what_is_broken(lived: Month, database: sa.Engine) -> None:
    truth = truth_of(lived.vendors, lived.post)
    for name, (statement, expected) in SABOTAGE.items():
        with database.connect() as conn:
            assert conn.execute(sa.text(statement)).rowcount, name
            found, _ = compare(conn, lived.vendors, truth)
            conn.rollback()
        seen = {
            one.kind: (len(one.missing), len(one.extra), len(one.wrong)) for one in found if not one.is_equal
        }
        assert seen.keys() == expected.keys(), name
        assert all(wanted in (None, seen[kind]) for kind, wanted in expected.items()), (name, seen)


@pytest.mark.slow
def test_over_a_day_calls_succeed_keep_within_limits_use_every_scope_and_speak_of_somebody(
    database: sa.Engine,
) -> None:
    with month(database, leads=40, webinars=2, sync_minutes=120, write_hours=2) as story:
        story.live_until(BEGINS + DAY)
        ending = ending_of(story)
    assert len(ending.days) == 1
    assert ending.days[0].calls > 500
    assert has_good_calls(ending), (ending.days, ending.unused_scopes, ending.undefined)


@pytest.mark.slow
@pytest.mark.parametrize("down", ["hubspot", "activecampaign", "ga4"])
def test_whichever_vendor_is_away_for_a_day_nothing_is_lost(database: sa.Engine, down: str) -> None:
    with month(database, leads=30, webinars=2, down=down, day_down=15, sync_minutes=2_160) as story:
        story.live()
        ending = ending_of(story)
    assert sum(day.down for day in ending.days) > 0
    assert ending.differences == 0, told(ending)
