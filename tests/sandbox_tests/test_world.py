"""The world is one truth: the same for the same seed, with the awkward people in it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sandbox.cast import Webinar
from tests.sandbox.world import Story, World, make_world

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(seed=7, leads=500, webinars=2, now=NOW)


def test_the_same_seed_makes_the_same_world(world: World) -> None:
    assert make_world(7, 500, 2, NOW) == world
    assert make_world(8, 500, 2, NOW) != world


@given(seed=st.integers(0, 10_000), leads=st.integers(20, 60), webinars=st.integers(1, 4))
def test_any_world_holds_together(seed: int, leads: int, webinars: int) -> None:
    world = make_world(seed, leads, webinars, NOW)
    assert (len(world.leads), len(world.webinars)) == (leads, webinars)
    assert [one.live for one in world.webinars] == [False] * (webinars - 1) + [True]
    for webinar in world.webinars:
        _holds_together(webinar, {lead.key for lead in world.leads})


def _holds_together(webinar: Webinar, keys: set[str]) -> None:
    registered = {one.lead_key for one in webinar.registrations if one.status == "approved"}
    attended = {one.lead_key for one in webinar.segments if one.role == "attendee"}
    assert attended <= registered <= keys
    assert all(
        webinar.starts_at <= one.joined_at < one.left_at <= webinar.ends_at for one in webinar.segments
    )
    assert all(one.created_at < webinar.starts_at for one in webinar.registrations)
    assert {one.lead_key for one in (*webinar.chat, *webinar.questions, *webinar.poll_answers)} <= {
        "",
        *attended,
    }
    assert all(webinar.starts_at <= one.sent_at <= webinar.ends_at for one in webinar.chat)
    assert max(Counter(one.message_id for one in webinar.chat).values()) == 1


def test_every_address_is_invented_and_belongs_to_one_person(world: World) -> None:
    addresses = Counter(address for lead in world.leads for address in lead.addresses)
    assert set(addresses.values()) == {1}
    assert all(address.endswith(("@example.com", "@example.org")) for address in addresses)


def test_most_leads_are_contacts_beforehand(world: World) -> None:
    share = sum(lead.in_hubspot for lead in world.leads) / len(world.leads)
    assert 0.78 < share < 0.92


def test_the_awkward_people_are_there(world: World) -> None:
    leads = world.leads
    assert any(lead.zoom_email.isupper() for lead in leads)
    assert any(lead.secondary_email and lead.zoom_email == lead.secondary_email for lead in leads)
    assert any("🚀" in lead.first_name for lead in leads)
    assert any("نور" in lead.first_name for lead in leads)
    assert any(len(lead.job_title) >= 10_000 for lead in leads)
    assert any(lead.in_hubspot and not lead.email for lead in leads)
    assert any(lead.shared_mailbox and lead.email == "ventas@example.com" for lead in leads)
    assert {person.email for person in world.panelists} & {lead.email for lead in leads}


def test_people_come_back_and_use_two_devices_at_once(world: World) -> None:
    rejoined = overlapped = 0
    for webinar in world.webinars:
        own: dict[str, list[tuple[datetime, datetime]]] = {}
        for one in webinar.segments:
            own.setdefault(one.lead_key, []).append((one.joined_at, one.left_at))
        pairs = [sorted(stretches) for key, stretches in own.items() if key and len(stretches) == 2]
        rejoined += sum(first[1] <= second[0] for first, second in pairs)
        overlapped += sum(first[1] > second[0] for first, second in pairs)
    assert rejoined > 0
    assert overlapped > 0


def test_host_and_panelists_appear_among_the_participants(world: World) -> None:
    for webinar in world.webinars:
        assert Counter(one.role for one in webinar.segments if not one.lead_key) == {"host": 1, "panelist": 2}


def test_one_run_needs_double_encoding_and_the_next_does_not(world: World) -> None:
    first, second = (webinar.uuid for webinar in world.webinars)
    assert first.startswith("/")
    assert "//" in first
    assert "/" in second[1:]
    assert "//" not in second


def test_the_first_webinar_ended_yesterday_and_the_last_ends_now(world: World) -> None:
    assert [webinar.ends_at for webinar in world.webinars] == [NOW - timedelta(days=1), NOW]


def test_the_story_only_moves_forward(world: World) -> None:
    story = Story(world)
    assert world.last not in world.seen(story.step)
    story.go_live()
    assert (story.step, story.report_from(world.last)) == ("live", None)
    story.end(NOW)
    story.go_live()
    story.end(NOW + timedelta(hours=1))
    assert (story.step, story.report_from(world.last)) == ("ended", NOW)


def test_a_world_asks_for_an_aware_time() -> None:
    with pytest.raises(ValueError, match="aware"):
        make_world(1, 20, 1, datetime(2026, 1, 1))  # noqa: DTZ001 the fault under test
