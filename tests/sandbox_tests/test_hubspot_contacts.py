"""Contacts of the stand-in HubSpot: it refuses what the real one refuses, item by item or whole."""

from __future__ import annotations

import json

import pytest

from tests.sandbox_tests.hubspot_desk import FAMILIES, START, Desk, error_of


@pytest.fixture(params=FAMILIES)
def desk(request: pytest.FixtureRequest) -> Desk:
    return Desk(request.param)


def test_an_unknown_id_in_a_read_makes_a_207_that_names_it(desk: Desk) -> None:
    known = desk.contact(firstname="Ana")
    body = {"inputs": [{"id": known}, {"id": "7"}], "properties": ["firstname", "city", "nonsense"]}
    answer = desk.post("/contacts/batch/read", body)
    assert answer.status_code == 207
    shown = answer.json["results"][0]["properties"]
    assert (shown["firstname"], shown["city"]) == ("Ana", None)
    assert answer.json["numErrors"] == 1
    assert answer.json["errors"][0]["category"] == "OBJECT_NOT_FOUND"
    assert answer.json["errors"][0]["context"]["ids"] == ["7"]


def test_reading_by_email_looks_past_case(desk: Desk) -> None:
    known = desk.contact()
    body = {"idProperty": "email", "inputs": [{"id": "ANA@Example.com"}]}
    assert desk.post("/contacts/batch/read", body).json["results"][0]["id"] == known


def test_results_come_in_hubspots_order_not_the_callers(desk: Desk) -> None:
    first, second = desk.contact("a"), desk.contact("b")
    answer = desk.post("/contacts/batch/read", {"inputs": [{"id": second}, {"id": first}]})
    assert [each["id"] for each in answer.json["results"]] == [first, second]


@pytest.mark.parametrize("operation", ["read", "update", "upsert", "create", "archive"])
def test_more_than_100_inputs_are_refused(desk: Desk, operation: str) -> None:
    inputs = [{"id": str(number), "properties": {}} for number in range(101)]
    answer = desk.post(f"/contacts/batch/{operation}", {"inputs": inputs})
    assert (answer.status_code, answer.json["category"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("operation", ["update", "upsert"])
def test_the_same_id_twice_in_a_batch_is_refused(desk: Desk, operation: str) -> None:
    twin = {"id": "ana@example.com", "idProperty": "email", "properties": {}}
    answer = desk.post(f"/contacts/batch/{operation}", {"inputs": [twin, twin | {"id": "Ana@example.com"}]})
    assert answer.status_code == 400
    assert "Duplicate" in answer.json["message"]


@pytest.mark.parametrize("value", [5, 5.5, True, None, {"a": "b"}])
def test_a_value_that_is_no_json_text_is_refused_whole(desk: Desk, value: object) -> None:
    known = desk.contact()
    inputs = [{"id": known, "properties": {"city": "Vigo"}}, {"id": "2", "properties": {"city": value}}]
    answer = desk.post("/contacts/batch/update", {"inputs": inputs})
    assert (answer.status_code, answer.json["category"]) == (400, "VALIDATION_ERROR")
    assert "city" not in desk.portal.contacts[known].properties


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("missing", "1", "PROPERTY_DOESNT_EXIST"),
        ("numberofemployees", "many", "INVALID_INTEGER"),
        ("lifecyclestage", "hot", "INVALID_OPTION"),
        ("email", "nobody", "INVALID_EMAIL"),
        ("hubspot_owner_id", "12", "INVALID_OPTION"),
        ("hs_email_open", "3", "READ_ONLY_VALUE"),
        ("createdate", "2026-01-01", "READ_ONLY_VALUE"),
        ("lastmodifieddate", "1", "READ_ONLY_VALUE"),
        ("company", "x" * 65_537, "INVALID_STRING"),
    ],
)
def test_a_bad_property_fails_its_item_alone_and_names_its_trace_id(
    desk: Desk, name: str, value: str, code: str
) -> None:
    good, bad = desk.contact("a"), desk.contact("b")
    inputs = [
        {"id": good, "properties": {"city": "Vigo"}},
        {"id": bad, "properties": {name: value, "city": "Lugo"}, "objectWriteTraceId": "t-2"},
    ]
    answer = desk.post("/contacts/batch/update", {"inputs": inputs})
    assert answer.status_code == 207
    assert [each["id"] for each in answer.json["results"]] == [good]
    error = answer.json["errors"][0]
    assert (answer.json["numErrors"], error["category"]) == (1, "VALIDATION_ERROR")
    assert error["context"] == {"objectWriteTraceId": ["t-2"]}
    faults = json.loads(error["message"].removeprefix("Property values were not valid: "))
    assert [fault["error"] for fault in faults] == [code]
    assert "city" not in desk.portal.contacts[bad].properties


def test_an_update_of_an_unknown_contact_is_told_by_its_id(desk: Desk) -> None:
    answer = desk.update("404", city="Vigo")
    assert answer.status_code == 207
    assert answer.json["errors"][0]["context"]["ids"] == ["404"]


def test_one_bad_item_fails_a_whole_upsert(desk: Desk) -> None:
    good = {"id": "a@example.com", "idProperty": "email", "properties": {"city": "Vigo"}}
    bad = {"id": "not an address", "idProperty": "email", "properties": {}}
    answer = desk.post("/contacts/batch/upsert", {"inputs": [good, bad]})
    assert (answer.status_code, answer.json["category"]) == (400, "VALIDATION_ERROR")
    assert desk.portal.contacts == {}


def test_an_upsert_creates_once_and_then_changes(desk: Desk) -> None:
    item = {"id": "A@example.com", "idProperty": "email", "properties": {"city": "Vigo"}}
    first = desk.post("/contacts/batch/upsert", {"inputs": [item]})
    again = desk.post("/contacts/batch/upsert", {"inputs": [item]})
    assert [first.json["results"][0]["new"], again.json["results"][0]["new"]] == [True, False]
    assert [each.properties["email"] for each in desk.portal.contacts.values()] == ["a@example.com"]


def test_creating_an_address_that_is_taken_is_a_conflict_that_names_the_contact(desk: Desk) -> None:
    known = desk.contact()
    answer = desk.post("/contacts", {"properties": {"email": "ANA@example.com"}, "associations": []})
    assert answer.status_code == 409
    assert error_of(answer) == f"CONFLICT Contact already exists. Existing ID: {known}"


def test_a_batch_create_makes_the_good_ones(desk: Desk) -> None:
    desk.contact()
    taken = {"properties": {"email": "ana@example.com"}, "associations": [], "objectWriteTraceId": "1"}
    free = {"properties": {"email": "eva@example.com"}, "associations": []}
    answer = desk.post("/contacts/batch/create", {"inputs": [taken, free]})
    assert answer.status_code == 207
    assert answer.json["errors"][0]["context"] == {"objectWriteTraceId": ["1"]}
    assert answer.json["results"][0]["properties"]["email"] == "eva@example.com"


def test_the_lifecycle_stage_only_moves_forward_and_says_nothing(desk: Desk) -> None:
    known = desk.contact(lifecyclestage="opportunity")
    answer = desk.update(known, lifecyclestage="lead")
    assert answer.status_code == 200
    assert desk.portal.contacts[known].properties["lifecyclestage"] == "opportunity"
    desk.update(known, lifecyclestage="")
    desk.update(known, lifecyclestage="lead")
    assert desk.portal.contacts[known].properties["lifecyclestage"] == "lead"


def test_an_empty_text_clears_a_value(desk: Desk) -> None:
    known = desk.contact(city="Vigo")
    desk.update(known, city="")
    read = desk.post("/contacts/batch/read", {"inputs": [{"id": known}], "properties": ["city"]})
    assert read.json["results"][0]["properties"]["city"] is None


def test_the_same_value_again_moves_only_the_time_of_modification(desk: Desk) -> None:
    known = desk.contact(city="Vigo")
    before = desk.portal.contacts[known].properties["lastmodifieddate"]
    desk.now += 60
    desk.update(known, city="Vigo")
    record = desk.portal.contacts[known]
    assert record.properties["lastmodifieddate"] > before
    assert len(record.history["city"]) == 1
    assert [(write.value, write.changed) for write in desk.portal.writes] == [("Vigo", False)]


def test_history_is_newest_first_and_says_who_wrote(desk: Desk) -> None:
    known = desk.contact(city="Vigo")
    desk.now += 60
    desk.update(known, city="Lugo")
    body = {"inputs": [{"id": known}], "propertiesWithHistory": ["city"]}
    past = desk.post("/contacts/batch/read", body).json["results"][0]["propertiesWithHistory"]["city"]
    assert [each["value"] for each in past] == ["Lugo", "Vigo"]
    assert [each["sourceType"] for each in past] == ["INTEGRATION", "CRM_UI"]
    assert past[0]["timestamp"] > past[1]["timestamp"]


def test_times_come_back_as_iso_however_they_were_written(desk: Desk) -> None:
    desk.call("POST", desk.area("properties", "/contacts/groups"), {"name": "savia", "label": "Savia"})
    definition = {
        "name": "savia_at",
        "label": "at",
        "groupName": "savia",
        "type": "datetime",
        "fieldType": "date",
    }
    assert desk.call("POST", desk.area("properties", "/contacts"), definition).status_code == 201
    known = desk.contact()
    desk.update(known, savia_at=str(int(START * 1000)))
    assert desk.portal.contacts[known].properties["savia_at"] == "2026-11-18T11:06:40Z"


def test_pages_follow_ids_until_the_token_expires(desk: Desk) -> None:
    for number in range(5):
        desk.contact(f"a{number}")
    first = desk.get("/contacts?limit=3").json
    after = first["paging"]["next"]["after"]
    second = desk.get(f"/contacts?limit=3&after={after}").json
    ids = [each["id"] for each in first["results"] + second["results"]]
    assert ids == sorted(desk.portal.contacts)
    assert "paging" not in second
    desk.portal.page_token_seconds = 300
    desk.now += 301
    assert desk.get(f"/contacts?limit=3&after={after}").status_code == 400


def test_a_page_of_more_than_100_is_refused(desk: Desk) -> None:
    assert desk.get("/contacts?limit=101").status_code == 400


def test_deals_show_their_contacts_and_whether_they_were_won(desk: Desk) -> None:
    known = desk.contact()
    deal = desk.portal.add_deal({"dealname": "x", "dealstage": "qualifiedtobuy", "amount": "900"}, [known])
    desk.portal.edit_deal(deal, {"dealstage": "closedwon"})
    row = desk.get("/deals?associations=contacts&properties=amount,hs_is_closed_won").json["results"][0]
    assert row["associations"]["contacts"]["results"] == [{"id": known, "type": "deal_to_contact"}]
    assert row["properties"]["hs_is_closed_won"] == "true"
    assert desk.portal.contacts[known].properties["num_associated_deals"] == "1"


def test_a_merged_id_still_finds_the_surviving_contact(desk: Desk) -> None:
    kept, gone = desk.contact("kept"), desk.contact("gone", city="Vigo")
    desk.portal.merge(kept, gone)
    assert desk.get(f"/contacts/{gone}").json["id"] == kept
    assert desk.get("/contacts/gone@example.com?idProperty=email").json["id"] == kept
    properties = desk.portal.contacts[kept].properties
    assert (properties["city"], properties["hs_additional_emails"]) == ("Vigo", "gone@example.com")


def test_a_deleted_contact_is_not_found(desk: Desk) -> None:
    known = desk.contact()
    desk.portal.delete(known)
    assert desk.get(f"/contacts/{known}").status_code == 404
    assert desk.post("/contacts/batch/read", {"inputs": [{"id": known}]}).status_code == 207


def test_archiving_is_a_204(desk: Desk) -> None:
    known = desk.contact()
    assert desk.post("/contacts/batch/archive", {"inputs": [{"id": known}]}).status_code == 204
    assert desk.portal.contacts == {}
