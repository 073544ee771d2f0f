"""Deliveries become facts: each once, in any order; what cannot be read is held and holds up nothing."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from app.domain.records import Record
from app.pipeline.absorb import absorb, replay, reread_contacts
from app.pipeline.steps import waiting
from app.pipeline.understand import rescore_touched
from app.services import Services
from app.store import activities, facts, inbox, people, quarantine, scores
from app.store.quarantine import OpenItem
from tests.line import MAPPINGS, Moment, contact_event, registration

RUN = {"id": 96_000_000_000, "uuid": "run==", "host_id": "host", "timezone": "Europe/Madrid"}


def land(services: Services, *events: Any, source: str = "zoom") -> None:
    with services.database.begin() as conn:
        for event in events:
            body = event if isinstance(event, bytes) else json.dumps(event).encode()
            inbox.land(conn, source, body, services.clock())


def held(services: Services) -> list[OpenItem]:
    with services.database.connect() as conn:
        return quarantine.open_items(conn, 99)


def states(services: Services) -> list[str]:
    with services.database.connect() as conn:
        return list(conn.scalars(sa.text("SELECT state FROM inbox ORDER BY id")))


def profile(services: Services, email: str) -> dict[str, str]:
    with services.database.connect() as conn:
        person = people.person_of(conn, email)
        assert person is not None
        return dict(facts.profiles_of(conn, [person])[person][0].fields)


def stay(verb: str, moment: str, number: int = 1, **more: Any) -> dict[str, Any]:
    """`webinar.participant_joined` or `_left` of one registrant."""
    who = {"user_id": f"16{number}", "participant_uuid": f"part{number}", "registrant_id": f"reg{number}"}
    label = "join_time" if verb == "joined" else "leave_time"
    return {
        "event": f"webinar.participant_{verb}",
        "event_ts": 1_795_000_000_000,
        "payload": {"object": {**RUN, **more, "participant": {**who, label: moment}}},
    }


def understood(services: Services) -> dict[str, tuple[int, dict[str, float]]]:
    """What we know of each address: score, and quantity by kind of activity."""
    while rescore_touched(services, services.clock()).more:
        pass
    with services.database.connect() as conn:
        names = conn.execute(sa.text("SELECT value, person_id FROM identity WHERE kind = 'email'")).all()
        ids = [row.person_id for row in names]
        latest, acts = scores.latest(conn, ids), activities.activities_of(conn, ids)
    return {
        row.value: (
            latest[row.person_id].score.value,
            {item.kind: item.quantity for item in acts.get(row.person_id, ())},
        )
        for row in names
    }


# --- mixed lots -------------------------------------------------------------------------------------------


def test_bad_deliveries_are_held_with_their_path_and_the_good_ones_go_on(services: Services) -> None:
    nameless = registration(2)
    del nameless["payload"]["object"]["registrant"]["email"]
    land(services, registration(1), nameless, b"{", {"event": "webinar.new"}, registration(3, email="none"))
    done = absorb(services, services.clock())
    assert done.numbers() == {"records": 5, "facts": 2, "held": 3, "ignored": 1, "touched": 1}
    assert states(services) == ["done", "done", "quarantined", "ignored", "done"]
    found = {(item.record.path, item.record.reason.partition(";")[0]) for item in held(services)}
    email = "payload.object.registrant.email"
    assert found == {
        (email, "is missing"),
        (email, "is not an e-mail address"),
        ("event", "the body is not JSON"),
    }


def test_one_bad_event_of_a_hubspot_delivery_holds_up_none_of_the_others(services: Services) -> None:
    bad = contact_event(8, 2)
    del bad["occurredAt"]
    land(services, [contact_event(7, 1), bad, contact_event(9, 3)], source="hubspot")
    absorb(services, services.clock())
    (item,) = held(services)
    assert (item.record.path, item.record.stream) == ("occurredAt", "contact.creation")
    with services.database.begin() as conn:
        assert [hint.contact_id for hint in facts.take_hints(conn, 9)] == ["7", "9"]


def test_a_hubspot_event_without_its_type_is_held_and_the_others_of_its_delivery_go_on(
    services: Services,
) -> None:
    bad = contact_event(8, 2)
    del bad["subscriptionType"]
    land(services, [contact_event(7, 1), bad], source="hubspot")
    done = absorb(services, services.clock())
    assert (done.held, done.facts) == (1, 1)
    (item,) = held(services)
    assert (item.record.path, item.record.payload) == ("(type)", bad)


def test_a_lot_takes_the_oldest_and_says_that_there_is_more(services: Services) -> None:
    land(services, *(registration(number) for number in range(1, 6)))
    assert absorb(services, services.clock(), lot=2).more
    assert states(services) == ["done", "done", "new", "new", "new"]
    assert absorb(services, services.clock(), lot=3).more
    assert absorb(services, services.clock(), lot=3).numbers()["records"] == 0


def test_nothing_of_a_lot_is_kept_when_the_process_dies_in_the_middle(services: Services) -> None:
    class Dies:
        name = "zoom"

        def parse(self, body: bytes) -> Iterator[Record]:
            if b"ana.2" in body:
                raise KeyboardInterrupt
            return iter(services.webhooks["zoom"].parse(body))

    land(services, registration(1), registration(2))
    with pytest.raises(KeyboardInterrupt):
        absorb(replace(services, webhooks={"zoom": Dies()}), services.clock())  # type: ignore[dict-item]
    assert states(services) == ["new", "new"]
    assert absorb(services, services.clock()).facts == 4


def test_a_vendor_switched_off_after_it_delivered_holds_up_no_other(services: Services) -> None:
    land(services, registration(1))
    land(services, [contact_event(7)], source="hubspot")
    without = replace(services, webhooks={"hubspot": services.webhooks["hubspot"]})
    assert absorb(without, services.clock()).numbers()["held"] == 1
    assert states(services) == ["quarantined", "done"]
    assert replay(services, services.clock()).facts == 2
    assert (states(services), held(services)) == (["done", "done"], [])


def test_hinted_contacts_wake_nobody_while_there_is_no_one_to_ask(services: Services) -> None:
    land(services, [contact_event(7)], source="hubspot")
    absorb(services, services.clock())
    assert waiting(services) == []
    assert waiting(replace(services, contacts=_Reader({}))) == ["reread"]


def test_a_delivery_that_breaks_us_in_an_unforeseen_way_is_held_alone(services: Services) -> None:
    class Breaks:
        name = "zoom"

        def parse(self, body: bytes) -> tuple[Record, ...]:
            if b"ana.2" in body:
                raise ZeroDivisionError
            return services.webhooks["zoom"].parse(body)

    land(services, registration(1), registration(2), registration(3))
    breaking = replace(services, webhooks={"zoom": Breaks()})  # type: ignore[dict-item]
    done = absorb(breaking, services.clock())
    assert (done.records, done.facts, done.held) == (3, 4, 1)
    assert states(services) == ["done", "quarantined", "done"]
    (item,) = held(services)
    assert "ZeroDivisionError" in item.record.reason
    assert replay(services, services.clock()).facts == 2


# --- twice and out of order -------------------------------------------------------------------------------


def deliveries() -> list[dict[str, Any]]:
    found = [registration(number) for number in (1, 2, 3)]
    for number in (1, 2):
        found += [
            stay("joined", "2026-11-20T10:00:00Z", number),
            stay("left", f"2026-11-20T10:{10 * number}:00Z", number),
        ]
    ended = {**RUN, "start_time": "2026-11-20T10:00:00Z", "end_time": "2026-11-20T11:00:00Z", "topic": "IA"}
    return [*found, {"event": "webinar.ended", "event_ts": 1, "payload": {"object": ended}}]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_order_repetition_and_the_size_of_lots_change_nothing(services: Services, seed: int) -> None:
    chance = random.Random(seed)
    order = [json.dumps(event).encode() for event in deliveries()]
    # The same event in other bytes: another attempt, other white space.
    order += [json.dumps(event, indent=1).encode() for event in deliveries()]
    chance.shuffle(order)
    for body in order:
        land(services, body)
        if chance.random() < 0.5:
            absorb(services, services.clock(), lot=2)
        if chance.random() < 0.3:
            rescore_touched(services, services.clock())
    while absorb(services, services.clock(), lot=3).more:
        pass
    found = understood(services)
    attended = {email: acts.get("webinar_attendance") for email, (_, acts) in found.items()}
    assert attended == {"ana.1@example.com": 10, "ana.2@example.com": 20, "ana.3@example.com": None}
    assert {acts["webinar_registration"] for _, acts in found.values()} == {1}
    assert held(services) == []


def test_the_same_facts_again_touch_nobody(services: Services) -> None:
    land(services, registration(1))
    absorb(services, services.clock())
    rescore_touched(services, services.clock())
    land(services, json.dumps(registration(1), indent=2).encode())
    assert absorb(services, services.clock()).touched == set()
    assert waiting(services) == []


# --- replay -----------------------------------------------------------------------------------------------


def test_what_mappings_have_learnt_to_read_leaves_quarantine_and_counts(services: Services) -> None:
    event = stay("joined", "2026-11-20T10:00:00Z")
    event["payload"]["object"]["participant"]["entered_at"] = event["payload"]["object"]["participant"].pop(
        "join_time"
    )
    land(services, registration(1), event)
    assert absorb(services, services.clock()).held == 1
    assert replay(services, services.clock()).held == 1
    assert len(held(services)) == 1
    mended = MAPPINGS.streams["zoom"]
    stream = mended.stream["webinar.participant_joined"]
    (rule,) = stream.observation
    path = "payload.object.participant.join_time | payload.object.participant.entered_at"
    key = tuple(path if part.endswith("join_time") else part for part in rule.key)
    rule = replace(rule, occurred_at=replace(rule.occurred_at, path=path), key=key)
    meaning = replace(stream, observation=(rule,))
    zoom = replace(mended, stream={**mended.stream, "webinar.participant_joined": meaning})
    wiser = replace(services, mappings=replace(MAPPINGS, streams={**MAPPINGS.streams, "zoom": zoom}))
    done = replay(wiser, services.clock())
    assert (done.records, done.facts, done.held) == (1, 1, 0)
    assert held(services) == []
    assert replay(wiser, services.clock()).records == 0


def test_a_body_the_connector_has_learnt_to_read_leaves_quarantine_too(services: Services) -> None:
    land(services, b"#" + json.dumps(registration(1)).encode())
    assert absorb(services, services.clock()).held == 1

    class Wiser:
        name = "zoom"

        def parse(self, body: bytes) -> tuple[Record, ...]:
            return services.webhooks["zoom"].parse(body.removeprefix(b"#"))

    assert replay(services, services.clock()).numbers()["held"] == 1
    assert states(services) == ["quarantined"]
    wiser = replace(services, webhooks={"zoom": Wiser()})  # type: ignore[dict-item]
    assert replay(wiser, services.clock()).numbers()["facts"] == 2
    assert (states(services), held(services)) == (["done"], [])


def test_replay_tries_everything_that_is_held_however_much(services: Services) -> None:
    for number in range(1, 31):
        land(services, registration(number, email="none"))
    absorb(services, services.clock())
    assert replay(services, services.clock()).records == 30


# --- odd but readable -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("email", "field", "given", "kept"),
    [
        ("a@example.com", "first_name", "Lucía 🚀👩‍💻", "Lucía 🚀👩‍💻"),
        ("b@example.com", "last_name", "الهاشمي \u200fabc", "الهاشمي \u200fabc"),
        ("c@example.com", "org", "Cafe\u0301\x00 & Co\n", "Café & Co"),
        ("d@example.com", "job_title", "Responsable de innovación " * 400, None),
        ("e@example.com", "no_of_employees", 42, "42"),
        ("f@example.com", "city", None, ""),  # named and left empty
        ("g@example.com", "city", "", ""),
    ],
)
def test_what_people_write_about_themselves_is_kept(
    services: Services, email: str, field: str, given: Any, kept: str | None
) -> None:
    names = {"org": "company", "no_of_employees": "company_size"}
    land(services, registration(1, email=email, **{field: given}))
    absorb(services, services.clock())
    assert held(services) == []
    found = profile(services, email).get(names.get(field, field))
    if field == "job_title":
        assert found == given.strip()
        assert len(found) > 10_000
    else:
        assert found == kept


def test_an_address_is_one_persons_however_it_is_written(services: Services) -> None:
    land(services, registration(1, email="ANA.1@Example.COM"), registration(2, email="  ana.1@example.com "))
    absorb(services, services.clock())
    assert list(understood(services)) == ["ana.1@example.com"]


def test_numbers_may_come_as_text_and_ids_as_numbers(services: Services) -> None:
    event = registration(1)
    event["event_ts"] = str(event["event_ts"])
    event["payload"]["object"]["id"] = str(event["payload"]["object"]["id"])
    land(services, event, registration(1))
    land(services, [{**contact_event(7), "objectId": "7", "occurredAt": "1795000000000"}], source="hubspot")
    absorb(services, services.clock())
    assert held(services) == []
    assert understood(services)["ana.1@example.com"][1]["webinar_registration"] == 1


def test_a_time_without_zone_is_read_in_the_events_own_zone(services: Services, clock: Moment) -> None:
    land(
        services, registration(1), stay("joined", "2026-11-20T10:00:00"), stay("left", "2026-11-20T10:30:00")
    )
    assert absorb(services, clock()).held == 0
    with services.database.connect() as conn:
        person = people.person_of(conn, "ana.1@example.com")
        seen = {
            item.kind: item.occurred_at for item in facts.observations_of(conn, [person or 0])[person or 0]
        }
    assert seen["webinar_join"].isoformat() == "2026-11-20T09:00:00+00:00"


@pytest.mark.parametrize("moment", ["soon", "2026-13-40T10:00:00Z", {"at": 1}, [1], True])
def test_a_time_that_is_none_is_held(services: Services, moment: Any) -> None:
    land(services, stay("joined", moment))
    absorb(services, services.clock())
    (item,) = held(services)
    assert item.record.path == "payload.object.participant.join_time"


# --- contacts that webhooks named -------------------------------------------------------------------------


class _Reader:
    """A ContactReader over these properties by id, each read at a later moment than the one before."""

    def __init__(self, contacts: dict[str, dict[str, str]]) -> None:
        self._contacts = contacts
        self.asked: list[str] = []

    def read_records(self, contact_ids: Any) -> Iterator[Record]:
        self.asked += contact_ids
        for contact_id in contact_ids:
            if contact_id in self._contacts:
                properties = {"lastmodifieddate": "2026-11-21T10:00:00Z", **self._contacts[contact_id]}
                yield Record("hubspot", "contacts", {"id": contact_id, "properties": properties})


def test_a_named_contact_is_read_again_once_and_each_fact_names_its_own_delivery(services: Services) -> None:
    land(services, [contact_event(7, 1), contact_event(7, 2)], [contact_event(8, 3)], source="hubspot")
    absorb(services, services.clock())
    reader = _Reader({"7": {"email": "ana.7@example.com"}, "8": {"email": "ana.8@example.com"}})
    reading = replace(services, contacts=reader)
    assert reread_contacts(reading, services.clock()).facts == 2
    assert reread_contacts(reading, services.clock()).records == 0
    assert reader.asked == ["7", "8"]
    with services.database.connect() as conn:
        ids = {name: people.person_of(conn, f"ana.{name}@example.com") or 0 for name in ("7", "8")}
        causes = {name: facts.profiles_of(conn, [one])[one][0].inbox_id for name, one in ids.items()}
    assert causes == {"7": 1, "8": 2}


def test_a_webhooks_value_is_never_taken_for_the_contacts(services: Services) -> None:
    event = contact_event(7, kind="contact.propertyChange") | {
        "propertyName": "email",
        "propertyValue": "old@example.com",
    }
    land(services, [event], source="hubspot")
    absorb(services, services.clock())
    reread_contacts(
        replace(services, contacts=_Reader({"7": {"email": "new@example.com"}})), services.clock()
    )
    assert list(understood(services)) == ["new@example.com"]
