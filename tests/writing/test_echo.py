"""What we wrote comes back by webhook and by the next pull, and causes no work."""

from __future__ import annotations

import sqlalchemy as sa

from app.pipeline.absorb import absorb
from app.pipeline.receive import receive
from app.services import Services
from app.store import facts, people
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


def test_our_own_writes_come_back_by_webhook_and_by_pull_and_cause_no_work(
    place: Town, living: Services
) -> None:
    events: list[dict] = []
    place.portal.announcer.subscribed = None
    learn(living)
    place.portal.on_event.append(events.append)
    plan = show(living)
    place.clock.move(minutes=1)
    carry_out(living, plan)
    ours = [event for event in events if event["subscriptionType"] == "contact.propertyChange"]
    assert ours
    assert work(living) == (False, True, 0), "new contacts gained a name"
    place.clock.move(minutes=1)
    learn(living)
    carry_out(living, show(living)) if show(living).changes else None
    before = work(living)
    for start in range(0, len(ours), 100):
        deliver(living, ours[start : start + 100])
    while absorb(living, living.clock()).more:
        pass
    assert work(living) == before
    place.clock.move(minutes=30)
    learn(living)
    assert work(living)[:2] == (False, False)
    assert show(living).changes == ()


def test_a_persons_edit_of_anything_else_is_read_again(place: Town, living: Services) -> None:
    first_plan(living)
    events: list[dict] = []
    place.portal.announcer.subscribed = None
    place.portal.on_event.append(events.append)
    contact = sorted(place.portal.contacts)[0]
    place.portal.edit_as_person(contact, {"jobtitle": "CEO"})
    place.portal.edit_as_person(contact, {"savia_band": "hot"})
    deliver(living, [event for event in events if event.get("propertyName") == "savia_band"])
    absorb(living, living.clock())
    assert work(living)[0] is False
    deliver(living, [event for event in events if event.get("propertyName") == "jobtitle"])
    absorb(living, living.clock())
    assert work(living)[0] is True
