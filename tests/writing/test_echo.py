"""What we wrote comes back by webhook and by the next pull, and causes no work."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.pipeline.absorb import absorb
from app.pipeline.receive import receive
from app.services import Services
from app.store import facts, mirror, people
from tests.line import Town, sign_hubspot
from tests.writing.acts import carry_out, first_plan, learn, show


def deliver(services: Services, events: list[dict]) -> None:
    signed = sign_hubspot(events, services.clock())
    assert receive(
        services, services.webhooks["hubspot"], signed.headers, signed.body, services.clock()
    ).accepted


def work(services: Services) -> tuple[bool, bool, int]:
    with services.database.connect() as conn:
        waiting = conn.scalar(sa.text("SELECT count(*) FROM unwritten"))
        return facts.any_hint(conn), people.any_touched(conn), waiting


def subscribed(place: Town) -> list[dict]:
    """The events of every property from now on, as HubSpot would send them."""
    events: list[dict] = []
    place.portal.announcer.subscribed = None
    place.portal.on_event.append(events.append)
    return events


def changes_of(events: list[dict], name: str) -> list[dict]:
    return [event for event in events if event.get("propertyName") == name]


@pytest.mark.parametrize("source", ["our app", "another token of ours"])
def test_our_own_writes_come_back_by_webhook_and_by_pull_and_cause_no_work(
    place: Town, living: Services, source: str
) -> None:
    learn(living)
    events = subscribed(place)
    plan = show(living)
    place.clock.move(minutes=1)
    carry_out(living, plan)
    ours = [event for event in events if event["subscriptionType"] == "contact.propertyChange"]
    ours = (
        [event for event in ours if event["propertyName"].startswith("savia_")]
        if source != "our app"
        else ours
    )
    assert ours
    assert work(living) == (False, True, 0), "new contacts gained a name"
    place.clock.move(minutes=1)
    learn(living)
    carry_out(living, show(living)) if show(living).changes else None
    before = work(living)
    for start in range(0, len(ours), 100):
        told = ours[start : start + 100]
        deliver(living, told if source == "our app" else [{**each, "sourceId": "77"} for each in told])
    while absorb(living, living.clock()).more:
        pass
    assert work(living) == before
    place.clock.move(minutes=30)
    learn(living)
    assert work(living)[:2] == (False, False)
    assert show(living).changes == ()


def test_our_own_write_that_comes_back_before_its_answer_is_known_causes_no_work(
    place: Town, living: Services
) -> None:
    first_plan(living)
    events = subscribed(place)
    contact = sorted(place.portal.contacts)[0]
    place.clock.move(minutes=1)
    place.portal.edit_as_person(contact, {"savia_band": "hot"})
    (event,) = changes_of(events, "savia_band")
    with living.database.begin() as conn:  # as if we had just sent this very value
        conn.execute(
            sa.text("""
                INSERT INTO ledger (
                    fingerprint, change_key, kind, person_id, subject, change, state, intended_at)
                SELECT 'f', 'set', 'SetProperties', person_id, '', :change, 'intent', :at
                FROM mirror WHERE contact_id = :contact
            """),
            {
                "contact": contact,
                "change": json.dumps({"properties": {"savia_band": "hot"}}),
                "at": living.clock(),
            },
        )
    deliver(living, [event])
    absorb(living, living.clock())
    assert work(living)[0] is False


@pytest.mark.parametrize(
    "edit", [{"jobtitle": "CEO"}, {"savia_band": "hot"}, {"savia_band": ""}, {"savia_pause": "true"}]
)
def test_a_persons_edit_is_read_again_and_meanwhile_nothing_is_written_from_memory(
    place: Town, living: Services, edit: dict[str, str]
) -> None:
    first_plan(living)
    events = subscribed(place)
    contact = sorted(place.portal.contacts)[0]
    place.clock.move(minutes=1)
    place.portal.edit_as_person(contact, edit)
    deliver(living, changes_of(events, next(iter(edit))))
    absorb(living, living.clock())
    assert work(living)[0] is True
    with living.database.connect() as conn:
        (person,) = conn.scalars(
            sa.text("SELECT person_id FROM mirror WHERE contact_id = :id"), {"id": contact}
        )
        assert mirror.read_since(conn, [person], place.clock.now - timedelta(days=1)) == set()
