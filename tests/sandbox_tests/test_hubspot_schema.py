"""Properties, owners, pipelines and account of the stand-in HubSpot."""

from __future__ import annotations

import pytest

from tests.sandbox_tests.hubspot_desk import FAMILIES, Desk


@pytest.fixture(params=FAMILIES)
def desk(request: pytest.FixtureRequest) -> Desk:
    made = Desk(request.param)
    made.call("POST", made.area("properties", "/contacts/groups"), {"name": "savia", "label": "Savia"})
    return made


def definition(name: str, **changes: object) -> dict[str, object]:
    usual = {"name": name, "label": name, "groupName": "savia", "type": "number", "fieldType": "number"}
    return usual | changes


def option(value: str) -> dict[str, object]:
    return {"label": value, "value": value, "displayOrder": 0, "hidden": False}


def test_a_property_is_made_once(desk: Desk) -> None:
    path = desk.area("properties", "/contacts")
    assert desk.call("POST", path, definition("savia_score")).status_code == 201
    again = desk.call("POST", path, definition("savia_score"))
    assert (again.status_code, again.json["category"]) == (409, "OBJECT_ALREADY_EXISTS")
    assert desk.call("GET", f"{path}/savia_score").json["type"] == "number"
    assert desk.call("GET", f"{path}/savia_none").status_code == 404
    names = [each["name"] for each in desk.call("GET", path).json["results"]]
    assert {"email", "savia_score"} <= set(names)


@pytest.mark.parametrize(
    "changes",
    [
        {"groupName": "none"},
        {"name": "Savia Score"},
        {"fieldType": "checkbox"},
        {"type": "enumeration", "fieldType": "select"},
        {"type": "bool", "fieldType": "booleancheckbox", "options": [option("yes"), option("no")]},
        {"type": "enumeration", "fieldType": "select", "options": [{"label": "a", "value": "a"}]},
        {"label": ""},
    ],
)
def test_a_faulty_definition_is_refused(desk: Desk, changes: dict[str, object]) -> None:
    answer = desk.call("POST", desk.area("properties", "/contacts"), definition("savia_x") | changes)
    assert (answer.status_code, answer.json["category"]) == (400, "VALIDATION_ERROR")


def test_a_batch_of_properties_tells_which_one_was_there(desk: Desk) -> None:
    path = desk.area("properties", "/contacts/batch/create")
    first = desk.call("POST", path, {"inputs": [definition("savia_a")]})
    assert first.status_code == (200 if desk.family == "2026-09" else 201)
    second = desk.call("POST", path, {"inputs": [definition("savia_a"), definition("savia_b")]})
    assert second.status_code == 207
    assert [each["name"] for each in second.json["results"]] == ["savia_b"]
    assert second.json["errors"][0]["category"] == "OBJECT_ALREADY_EXISTS"


def test_a_group_is_made_once(desk: Desk) -> None:
    body = {"name": "savia", "label": "Savia"}
    assert desk.call("POST", desk.area("properties", "/contacts/groups"), body).status_code == 409
    groups = desk.call("GET", desk.area("properties", "/contacts/groups")).json["results"]
    assert [each["name"] for each in groups] == ["contactinformation", "savia"]


@pytest.mark.parametrize(
    ("type_", "field", "good", "kept", "bad"),
    [
        ("number", "number", "87.5", "87.5", "87,5"),
        ("bool", "booleancheckbox", "TRUE", "true", "1"),
        ("date", "date", "1795046400000", "2026-11-19", "1795046400001"),
        ("date", "date", "2026-11-19", "2026-11-19", "2026-13-01"),
        ("datetime", "date", "2026-11-19T10:00:00+01:00", "2026-11-19T09:00:00Z", "2026-11-19T10:00:00"),
        ("enumeration", "select", "a", "a", "a;b"),
        ("enumeration", "checkbox", "a;b", "a;b", "a;c"),
    ],
)
def test_a_value_must_be_of_its_type(
    desk: Desk, type_: str, field: str, good: str, kept: str, bad: str
) -> None:
    options = {"bool": ["true", "false"], "enumeration": ["a", "b"]}.get(type_, [])
    body = definition("savia_x", type=type_, fieldType=field, options=[option(each) for each in options])
    assert desk.call("POST", desk.area("properties", "/contacts"), body).status_code == 201
    known = desk.contact()
    assert desk.update(known, savia_x=good).status_code == 200
    assert desk.portal.contacts[known].properties["savia_x"] == kept
    assert desk.update(known, savia_x=bad).status_code == 207


def test_a_person_who_seeds_an_unknown_property_is_told(desk: Desk) -> None:
    with pytest.raises(ValueError, match="shoe_size"):
        desk.contact(shoe_size="44")


def test_pipelines_owners_and_account(desk: Desk) -> None:
    owner = desk.portal.add_owner("comercial@example.com", "Nerea", "Comercial")
    stages = desk.call("GET", desk.area("pipelines", "/deals")).json["results"][0]["stages"]
    assert {each["id"]: each["metadata"]["isClosed"] for each in stages}["closedwon"] == "true"
    assert desk.call("GET", desk.area("owners", "?limit=100")).json["results"][0]["id"] == owner
    known = desk.contact()
    assert desk.update(known, hubspot_owner_id=owner).status_code == 200
    details = desk.call("GET", f"/account-info/{desk.family}/details").json
    assert (details["timeZone"], details["utcOffset"]) == ("Europe/Madrid", "+01:00")
    assert desk.objections == []
