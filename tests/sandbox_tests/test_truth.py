"""What was lost or doubled is judged from HubSpot's end state alone, and a broken receiver is found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sandbox import truth
from tests.sandbox.cast import Lead
from tests.sandbox.deliveries import Deliverer, Delivery
from tests.sandbox.truth import COUNTERS, Tally, count, latencies, percentile_95, tallies, watched_seconds
from tests.sandbox.world import Step, World, make_world
from tests.sandbox.zoom_events import live_events
from tests.sandbox_tests.receivers import CountingReceiver, receiver

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STEPS: tuple[Step, ...] = ("before", "live", "ended")


@dataclass
class Portal:
    """The judged part of HubSpot, in memory."""

    contacts: dict[str, SimpleNamespace] = field(default_factory=dict)
    tasks: dict[str, SimpleNamespace] = field(default_factory=dict)
    enrolments: list[SimpleNamespace] = field(default_factory=list)
    writes: list[SimpleNamespace] = field(default_factory=list)

    def add(self, **properties: str) -> str:
        contact_id = str(len(self.contacts) + 1)
        self.contacts[contact_id] = SimpleNamespace(properties=dict(properties))
        return contact_id


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(seed=7, leads=200, webinars=2, now=NOW)


def perfect_portal(world: World, step: Step) -> Portal:
    """HubSpot as it is when nothing was lost and nothing came twice."""
    portal, found = Portal(), tallies(world, step)
    for lead in world.leads:
        tally = found.get(lead.key, Tally())
        if lead.in_hubspot or tally[COUNTERS[0]]:
            values = {name: str(value) for name, value in tally.items() if value}
            portal.add(email=lead.email, hs_additional_emails=lead.secondary_email, **values)
    return portal


def contact_of(portal: Portal, lead: Lead) -> str:
    return next(one for one, contact in portal.contacts.items() if contact.properties["email"] == lead.email)


def _everything(world: World, step: Step) -> int:
    return sum(sum(tally.values()) for tally in tallies(world, step).values())


def busy_lead(world: World) -> Lead:
    """Somebody ordinary with a chat message."""
    speakers = {one.lead_key for one in world.last.chat}
    return next(one for one in world.leads if one.key in speakers and not one.shared_mailbox)


@pytest.mark.parametrize("step", STEPS)
def test_a_perfect_portal_lost_and_doubled_nothing(world: World, step: Step) -> None:
    assert count(world, perfect_portal(world, step), step) == truth.Verdict(0, 0, ())


def test_each_step_of_the_story_asks_for_more(world: World) -> None:
    before, live, ended = (_everything(world, step) for step in STEPS)
    assert 0 < before < live < ended
    assert count(world, perfect_portal(world, "before"), "ended").lost >= ended - before - 30


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_shortfall_is_lost_and_an_excess_is_doubled(world: World, counter: str) -> None:
    portal, truly = perfect_portal(world, "ended"), tallies(world, "ended")
    lead = next(one for one in world.leads if truly.get(one.key, Tally())[counter] and not one.shared_mailbox)
    held = portal.contacts[contact_of(portal, lead)].properties
    true_value = int(held[counter])
    held[counter] = str(true_value - 1)
    assert (count(world, portal).lost, count(world, portal).duplicated) == (1, 0)
    held[counter] = f"{true_value + 2}.0"
    assert (count(world, portal).lost, count(world, portal).duplicated) == (0, 2)


def test_a_missing_contact_is_lost_with_all_it_held(world: World) -> None:
    portal = perfect_portal(world, "ended")
    lead = busy_lead(world)
    gone = portal.contacts.pop(contact_of(portal, lead))
    held = sum(int(gone.properties.get(counter, "0")) for counter in COUNTERS)
    assert count(world, portal).lost == held + 1


def test_a_second_contact_for_a_person_is_doubled_under_any_of_their_addresses(world: World) -> None:
    other_login = next(one for one in world.leads if one.login_email not in {"", one.email, one.zoom_email})
    secondary = next(one for one in world.leads if one.secondary_email)
    for address in (other_login.login_email, secondary.secondary_email, busy_lead(world).email.upper()):
        portal = perfect_portal(world, "ended")
        portal.add(email=address)
        assert count(world, portal).duplicated == 1


def test_a_contact_for_the_host_is_one_too_many(world: World) -> None:
    portal = perfect_portal(world, "ended")
    portal.add(email=world.host.email)
    assert count(world, portal).duplicated == 1


def test_what_a_panelist_did_on_stage_must_not_be_counted(world: World) -> None:
    portal = perfect_portal(world, "ended")
    panelist = next(one for one in world.leads if one.email == world.panelists[0].email)
    portal.contacts[contact_of(portal, panelist)].properties["savia_webinars_attended"] = "1"
    assert count(world, portal).duplicated == 1


def test_a_role_mailbox_may_be_left_out_but_never_overcounted(world: World) -> None:
    portal = perfect_portal(world, "ended")
    shared = next(one for one in world.leads if one.shared_mailbox)
    held = portal.contacts[contact_of(portal, shared)].properties
    held["savia_webinars_registered"] = "0"
    assert count(world, portal).lost == 0
    held["savia_webinars_registered"] = "3"
    assert count(world, portal).duplicated == 1


def test_repeated_tasks_and_enrolments_are_doubled(world: World) -> None:
    portal = perfect_portal(world, "ended")
    for number, body in enumerate(
        ("Llamar. savia: hot|42", "<p>Llamar</p><p>savia: hot|42</p>", "savia: hot|43", "suya")
    ):
        portal.tasks[str(number)] = SimpleNamespace(properties={"hs_task_body": body})
    portal.enrolments += [SimpleNamespace(contact_id="1", workflow_id=one) for one in ("7", "7", "7", "8")]
    verdict = count(world, portal)
    assert (verdict.lost, verdict.duplicated) == (0, 1 + 2)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 200)), max_size=6))
def test_watched_seconds_are_those_covered_at_least_once(stretches: list[tuple[int, int]]) -> None:
    covered = {second for begin, length in stretches for second in range(begin, begin + length)}
    moments = [
        (NOW + timedelta(seconds=begin), NOW + timedelta(seconds=begin + length))
        for begin, length in stretches
    ]
    assert watched_seconds(moments) == len(covered)


@given(st.lists(st.floats(0, 100), min_size=1))
def test_the_95th_percentile_leaves_at_most_a_twentieth_above_it(values: list[float]) -> None:
    found = percentile_95(values)
    assert found in values
    assert sum(one > found for one in values) * 20 <= len(values)
    assert percentile_95([]) is None


def _play(world: World, receiver_of: Callable[[Portal], CountingReceiver]) -> tuple[Portal, list[Delivery]]:
    """The live webinar, delivered to a receiver that counts registrations and chat; the rest is perfect."""
    portal, before = perfect_portal(world, "live"), tallies(world, "before")
    for lead in world.leads:
        if lead.in_hubspot or "savia_webinars_registered" in tallies(world, "live").get(lead.key, {}):
            held = portal.contacts[contact_of(portal, lead)].properties
            for counter in ("savia_webinars_registered", "savia_chat_messages"):
                held[counter] = str(before.get(lead.key, Tally())[counter])
    with receiver(receiver_of(portal)) as there:
        deliverer = Deliverer(there.url, "https://savia.example.com", "zoom", "hubspot", seed=5)
        deliverer.send_zoom(live_events(world, "account"), seconds=0.3)
        assert deliverer.wait(20)
        deliverer.close()
    return portal, deliverer.deliveries


def _contact_by_address(world: World, portal: Portal) -> dict[str, str]:
    reachable = [one for one in world.leads if one.email and (one.in_hubspot or one.zoom_email)]
    held = {contact.properties["email"] for contact in portal.contacts.values()}
    return {
        address: contact_of(portal, lead)
        for lead in reachable
        if lead.email in held
        for address in lead.addresses
    }


@pytest.fixture(scope="module")
def small() -> World:
    return make_world(seed=11, leads=80, webinars=2, now=NOW)


def test_an_honest_receiver_loses_and_doubles_nothing_and_is_timed(small: World) -> None:
    portal, sent = _play(small, lambda portal: CountingReceiver(portal, _contact_by_address(small, portal)))
    assert count(small, portal, "live") == truth.Verdict(0, 0, ())
    shared = {one.key for one in small.leads if one.shared_mailbox}
    raised = [one.lead_key for one in (*small.last.registrations, *small.last.chat)]
    measured = latencies(small, sent, portal)
    assert len(measured) == sum(key != "" and key not in shared for key in raised)
    assert min(measured) >= 0


def test_a_receiver_that_throws_events_away_is_found_out(small: World) -> None:
    portal, sent = _play(
        small, lambda portal: CountingReceiver(portal, _contact_by_address(small, portal), drops=7)
    )
    verdict = count(small, portal, "live")
    assert verdict.lost > 0
    assert verdict.duplicated == 0
    assert any("savia_" in line for line in verdict.details)
    assert len(latencies(small, sent, portal)) > 0


def test_a_receiver_that_counts_twice_is_found_out(small: World) -> None:
    portal, _ = _play(
        small, lambda portal: CountingReceiver(portal, _contact_by_address(small, portal), doubles=True)
    )
    verdict = count(small, portal, "live")
    assert verdict.duplicated > 0
    assert verdict.lost == 0
