"""Search in the stand-in HubSpot: filters, order, limits and the lagging index."""

from __future__ import annotations

import pytest

from tests.sandbox_tests.hubspot_desk import FAMILIES, Desk


@pytest.fixture(params=FAMILIES)
def desk(request: pytest.FixtureRequest) -> Desk:
    made = Desk(request.param)
    made.portal.limits.search_max = 1000
    return made


def found(desk: Desk, name: str, operator: str, **rule: object) -> list[str]:
    filters = [{"propertyName": name, "operator": operator, **rule}]
    answer = desk.post("/contacts/search", {"filterGroups": [{"filters": filters}], "limit": 200})
    assert answer.status_code == 200, answer.text
    return [each["properties"]["email"].removesuffix("@example.com") for each in answer.json["results"]]


def test_operators_compare_by_the_propertys_type(desk: Desk) -> None:
    desk.contact("small", numberofemployees="9", city="Vigo")
    desk.contact("large", numberofemployees="80", city="San Sebastián")
    assert found(desk, "numberofemployees", "GT", value="10") == ["large"]
    assert found(desk, "numberofemployees", "BETWEEN", value="5", highValue="9") == ["small"]
    assert found(desk, "city", "EQ", value="vigo") == ["small"]
    assert found(desk, "city", "IN", values=["vigo"]) == ["small"]
    assert found(desk, "city", "IN", values=["Vigo"]) == []
    assert found(desk, "city", "NEQ", value="vigo") == ["large"]
    assert found(desk, "city", "CONTAINS_TOKEN", value="sebas*") == ["large"]
    assert found(desk, "country", "NOT_HAS_PROPERTY") == ["small", "large"]


def test_changes_are_found_from_a_moment_on_in_order(desk: Desk) -> None:
    desk.contact("old")
    desk.now += 60
    since = str(int(desk.now * 1000))
    desk.contact("new")
    assert found(desk, "lastmodifieddate", "GTE", value=since) == ["new"]
    assert found(desk, "lastmodifieddate", "LT", value=since) == ["old"]


def test_pages_are_offsets_and_end_at_ten_thousand(desk: Desk) -> None:
    for number in range(5):
        desk.contact(f"a{number}")
    body = {"limit": 3, "sorts": [{"propertyName": "hs_object_id", "direction": "DESCENDING"}]}
    first = desk.post("/contacts/search", body).json
    assert (first["total"], first["paging"]["next"]["after"]) == (5, "3")
    second = desk.post("/contacts/search", body | {"after": "3"}).json
    emails = [each["properties"]["email"][:2] for each in first["results"] + second["results"]]
    assert emails == ["a4", "a3", "a2", "a1", "a0"]
    assert "paging" not in second
    assert desk.post("/contacts/search", {"limit": 200, "after": "9801"}).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"filterGroups": [{"filters": []}] * 6},
        {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "HAS_PROPERTY"}] * 7}]},
        {"filterGroups": [{"filters": [{"propertyName": "nonsense", "operator": "HAS_PROPERTY"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "LIKE", "value": "x"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "EQ"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "EQ", "value": 5}]}]},
        {"sorts": ["city", "state"]},
        {"sorts": ["nonsense"]},
        {"query": "x" * 3001},
    ],
)
def test_a_search_beyond_the_rules_is_refused(desk: Desk, body: dict[str, object]) -> None:
    answer = desk.post("/contacts/search", body)
    assert (answer.status_code, answer.json["category"]) == (400, "VALIDATION_ERROR")


def test_a_lagging_index_shows_what_was(desk: Desk) -> None:
    desk.contact("known", city="Vigo")
    known = next(iter(desk.portal.contacts))
    desk.portal.crm.search_lag = 5
    desk.update(known, city="Lugo")
    desk.contact("fresh", city="Lugo")
    assert found(desk, "city", "EQ", value="lugo") == []
    assert found(desk, "city", "EQ", value="vigo") == ["known"]
    desk.now += 5
    assert found(desk, "city", "EQ", value="lugo") == ["known", "fresh"]


def test_tasks_are_found_by_a_marker_in_their_body_or_by_their_contact(desk: Desk) -> None:
    known = desk.contact()
    type_ = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 204}
    properties = {"hs_timestamp": "1795000000000", "hs_task_body": "Motivo: asistió.\n[savia k81f2]"}
    linked = [{"to": {"id": known}, "types": [type_]}]
    task_id = desk.post("/tasks", {"properties": properties, "associations": linked}).json["id"]
    for name, operator, value in (
        ("hs_task_body", "CONTAINS_TOKEN", "k81f2"),
        ("associations.contact", "EQ", known),
    ):
        filters = [{"propertyName": name, "operator": operator, "value": value}]
        answer = desk.post("/tasks/search", {"filterGroups": [{"filters": filters}]})
        assert [each["id"] for each in answer.json["results"]] == [task_id]
    assert desk.objections == []
