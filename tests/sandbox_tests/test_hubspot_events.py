"""Webhook events of the stand-in HubSpot, in both shapes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.openapi import SPECS
from tests.sandbox_tests.hubspot_desk import START, Desk


def listening(**switches: Any) -> tuple[Desk, list[dict[str, Any]]]:
    desk, events = Desk(), []
    for name, value in switches.items():
        setattr(desk.portal.announcer, name, value)
    desk.portal.on_event.append(events.append)
    return desk, events


def test_a_person_and_the_api_are_told_apart() -> None:
    desk, events = listening()
    known = desk.contact()
    desk.portal.edit_as_person(known, {"city": "Vigo"})
    desk.update(known, city="Lugo")
    kinds = [each["subscriptionType"] for each in events]
    assert kinds == ["contact.creation", *["contact.propertyChange"] * 3]
    assert [each["changeSource"] for each in events] == ["CRM_UI", "CRM_UI", "CRM_UI", "INTEGRATION"]
    assert events[-1]["propertyValue"] == "Lugo"
    assert events[-1]["objectId"] == int(known)
    assert events[-1]["occurredAt"] == int(START * 1000)
    assert len({each["eventId"] for each in events}) == 4


def test_the_newer_shape_carries_a_type_id() -> None:
    desk, events = listening(shape="object")
    known = desk.contact()
    desk.portal.delete(known)
    kinds = [each["subscriptionType"] for each in events]
    assert kinds == ["object.creation", "object.propertyChange", "object.deletion"]
    assert {each["objectTypeId"] for each in events} == {"0-1"}


def test_the_same_value_and_hubspots_own_counters_are_not_announced() -> None:
    desk, events = listening()
    known = desk.contact(city="Vigo")
    events.clear()
    desk.update(known, city="Vigo")
    desk.portal.edit_as_person(known, {"hs_email_open": "3", "hs_email_last_open_date": "1795000000000"})
    desk.portal.add_deal({"dealname": "x", "dealstage": "qualifiedtobuy"}, [known])
    assert events == []
    assert desk.portal.contacts[known].history["hs_email_open"][0].source.kind == "CALCULATED"


def test_only_subscribed_properties_are_announced() -> None:
    desk, events = listening(subscribed=frozenset({"city"}))
    desk.contact(city="Vigo", state="Galicia")
    assert [each.get("propertyName") for each in events] == [None, "city"]


def test_a_merge_names_both_contacts_and_deletions_come_in_two_kinds() -> None:
    desk, events = listening()
    kept, gone, erased = desk.contact("a"), desk.contact("b"), desk.contact("c")
    events.clear()
    desk.portal.merge(kept, gone)
    desk.portal.privacy_delete(erased)
    merge = next(each for each in events if each["subscriptionType"] == "contact.merge")
    assert (merge["primaryObjectId"], merge["mergedObjectIds"]) == (int(kept), [int(gone)])
    kinds = [each["subscriptionType"] for each in events if each["objectId"] == int(erased)]
    assert kinds == ["contact.deletion", "contact.privacyDeletion"]


def test_listeners_may_call_the_portal_back() -> None:
    desk, _ = listening()
    seen: list[int] = []
    desk.portal.on_event.append(lambda event: seen.append(len(desk.portal.lists)))
    desk.contact()
    assert seen


@pytest.mark.skipif(not SPECS.is_dir(), reason="the official payloads are not beside the repository")
@pytest.mark.parametrize(
    ("shape", "file"),
    [("legacy", "webhook_legacy_contact_creation"), ("object", "webhook_object_propertyChange_contact")],
)
def test_events_have_the_fields_of_the_real_ones(shape: str, file: str) -> None:
    payloads = SPECS.parents[1] / "payloads" / "hubspot"
    real = json.loads((payloads / f"{file}.json").read_text("utf-8"))[0]
    desk, events = listening(shape=shape)
    desk.contact()
    ours = next(each for each in events if each["subscriptionType"] == real["subscriptionType"])
    assert set(real) <= set(ours)
