"""Lists, workflows and tasks of the stand-in HubSpot."""

from __future__ import annotations

import pytest

from tests.sandbox.hubspot import ListTrigger, PropertyTrigger, V2Trigger
from tests.sandbox_tests.hubspot_desk import FAMILIES, START, Desk


@pytest.fixture(params=FAMILIES)
def desk(request: pytest.FixtureRequest) -> Desk:
    return Desk(request.param)


def made(desk: Desk, name: str = "Savia: calientes", kind: str = "MANUAL") -> str:
    body = {"name": name, "objectTypeId": "0-1", "processingType": kind}
    list_id: str = desk.call("POST", desk.area("lists"), body).json["list"]["listId"]
    return list_id


def members(desk: Desk, list_id: str, operation: str, body: object) -> dict[str, list[str]]:
    answer = desk.call("PUT", desk.area("lists", f"/{list_id}/memberships/{operation}"), body)
    assert answer.status_code == 200, answer.text
    changed: dict[str, list[str]] = answer.json
    return changed


def test_a_list_is_found_by_its_name_whatever_the_case_and_made_once(desk: Desk) -> None:
    list_id = made(desk, "Savia: Ñandú")
    path = desk.area("lists", "/object-type-id/0-1/name/savia: ñandú")
    assert desk.call("GET", path).json["list"]["listId"] == list_id
    body = {"name": "savia: ñandú", "objectTypeId": "0-1", "processingType": "MANUAL"}
    again = desk.call("POST", desk.area("lists"), body)
    assert (again.status_code, again.json["subCategory"]) == (400, "ILS.DUPLICATE_LIST_NAMES")
    assert desk.call("GET", desk.area("lists", "/object-type-id/0-1/name/none")).status_code == 404
    found = desk.call("POST", desk.area("lists", "/search"), {"query": "SAVIA"}).json
    assert (found["total"], found["lists"][0]["listId"]) == (1, list_id)


def test_joining_twice_is_ignored_and_unknown_ids_are_told(desk: Desk) -> None:
    known, list_id = desk.contact(), made(desk)
    first = members(desk, list_id, "add", [known, "7"])
    assert first == {"recordsIdsAdded": [known], "recordIdsRemoved": [], "recordIdsMissing": ["7"]}
    again = members(desk, list_id, "add", [known])
    assert again == {"recordsIdsAdded": [], "recordIdsRemoved": [], "recordIdsMissing": []}
    assert desk.portal.lists == {"Savia: calientes": {known}}


def test_leaving_and_changing_both_ways(desk: Desk) -> None:
    here, there, list_id = desk.contact("a"), desk.contact("b"), made(desk)
    members(desk, list_id, "add", [here])
    body = {"recordIdsToAdd": [there], "recordIdsToRemove": [here]}
    assert members(desk, list_id, "add-and-remove", body)["recordIdsRemoved"] == [here]
    assert members(desk, list_id, "remove", [there])["recordIdsRemoved"] == [there]
    assert desk.portal.lists == {"Savia: calientes": set()}


@pytest.mark.parametrize("body", [[1], {"recordIds": ["1"]}, "1"])
def test_members_come_as_a_bare_array_of_texts(desk: Desk, body: object) -> None:
    path = desk.area("lists", f"/{made(desk)}/memberships/add")
    assert desk.call("PUT", path, body).status_code == 400


def test_a_dynamic_list_takes_no_members(desk: Desk) -> None:
    path = desk.area("lists", f"/{made(desk, kind='DYNAMIC')}/memberships/add")
    assert desk.call("PUT", path, [desk.contact()]).status_code == 400
    assert desk.call("PUT", desk.area("lists", "/99/memberships/add"), ["1"]).status_code == 404


def test_memberships_are_read_by_page_and_by_contact(desk: Desk) -> None:
    people, list_id = [desk.contact(f"a{number}") for number in range(3)], made(desk)
    members(desk, list_id, "add", people)
    first = desk.call("GET", desk.area("lists", f"/{list_id}/memberships?limit=2")).json
    rest = f"/{list_id}/memberships?limit=2&after={first['paging']['next']['after']}"
    second = desk.call("GET", desk.area("lists", rest)).json
    assert [each["recordId"] for each in first["results"] + second["results"]] == people
    inputs = [{"objectTypeId": "0-1", "recordId": people[0]}, {"objectTypeId": "0-1", "recordId": "9"}]
    answer = desk.call("POST", desk.area("lists", "/records/memberships/batch/read"), {"inputs": inputs})
    assert answer.status_code == 207
    assert answer.json["results"][0]["recordListMemberships"][0]["listId"] == list_id


def test_joining_a_list_starts_its_workflow_once_per_joining(desk: Desk) -> None:
    desk.portal.add_workflow("11", "Calientes", ListTrigger("Savia: calientes"))
    desk.portal.add_workflow("12", "Una vez", ListTrigger("Savia: calientes"), re_enrolment=False)
    known, list_id = desk.contact(), made(desk)
    members(desk, list_id, "add", [known])
    members(desk, list_id, "add", [known])
    members(desk, list_id, "remove", [known])
    members(desk, list_id, "add", [known])
    assert [each.workflow_id for each in desk.portal.enrolments] == ["11", "12", "11"]


def test_a_property_starts_its_workflow_only_when_it_really_changes(desk: Desk) -> None:
    desk.portal.add_workflow("13", "Ciudad", PropertyTrigger("city"))
    known = desk.contact()
    for value in ("Vigo", "Vigo", "", "Lugo"):
        desk.update(known, city=value)
    assert len(desk.portal.enrolments) == 2
    desk.portal.switch_workflow("13", on=False)
    desk.update(known, city="Ourense")
    assert len(desk.portal.enrolments) == 2


def test_the_v2_call_enrols_by_address(desk: Desk) -> None:
    desk.portal.add_workflow("14", "Por llamada", V2Trigger())
    known = desk.contact()
    path = "/automation/v2/workflows/{}/enrollments/contacts/{}"
    answer = desk.call("POST", path.format("14", "ana@example.com"))
    assert (answer.status_code, answer.data) == (204, b"")
    assert [(each.contact_id, each.workflow_id) for each in desk.portal.enrolments] == [(known, "14")]
    assert desk.call("POST", path.format("99", "ana@example.com")).status_code == 404
    assert desk.call("POST", path.format("14", "eva@example.com")).status_code == 404
    desk.portal.switch_workflow("14", on=False)
    assert desk.call("POST", path.format("14", "ana@example.com")).status_code == 400
    assert desk.call("GET", "/automation/v4/flows").json["results"][0]["isEnabled"] is False


def task(contact_id: str, type_id: int = 204, **properties: str) -> dict[str, object]:
    type_ = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}
    return {
        "properties": {"hs_timestamp": str(int(START * 1000)), "hs_task_subject": "Llamar"} | properties,
        "associations": [{"to": {"id": contact_id}, "types": [type_]}],
    }


def test_a_task_is_found_again_through_its_contact(desk: Desk) -> None:
    known, other = desk.contact("a"), desk.contact("b")
    body = {"inputs": [task(known, hs_task_body="marca savia-k1")]}
    made_task = desk.post("/tasks/batch/create", body)
    assert made_task.status_code == 201
    task_id = made_task.json["results"][0]["id"]
    area = "/crm/associations/2026-09" if desk.family == "2026-09" else "/crm/v4/associations"
    inputs = {"inputs": [{"id": known}, {"id": other}]}
    linked = desk.call("POST", f"{area}/contacts/tasks/batch/read", inputs)
    assert linked.status_code == 207
    assert [each["toObjectId"] for each in linked.json["results"][0]["to"]] == [task_id]
    assert linked.json["errors"][0]["context"]["fromObjectId"] == [other]
    read = desk.post("/tasks/batch/read", {"inputs": [{"id": task_id}], "properties": ["hs_task_body"]})
    assert read.json["results"][0]["properties"]["hs_task_body"] == "marca savia-k1"
    assert desk.portal.task_contacts(task_id) == [known]


def test_a_task_needs_a_due_time_a_known_contact_and_the_right_association(desk: Desk) -> None:
    known = desk.contact()
    assert desk.post("/tasks", task(known, hs_timestamp="")).status_code == 400
    assert desk.post("/tasks", task("7")).status_code == 400
    assert desk.post("/tasks", task(known, type_id=202)).status_code == 400
    assert desk.post("/tasks", task(known, hs_task_priority="URGENT")).status_code == 400
    assert desk.post("/tasks", task(known)).status_code == 201


def test_two_portals_that_saw_the_same_work_have_the_same_dump() -> None:
    dumps = []
    for family, early in (("2026-09", 0), ("v3", 3)):
        desk = Desk(family)
        for number in range(early):
            desk.portal.delete(desk.contact(f"gone{number}"))
        desk.now += early
        known, list_id = desk.contact(), made(desk)
        desk.portal.add_workflow("11", "Calientes", ListTrigger("Savia: calientes"))
        members(desk, list_id, "add", [known])
        desk.post("/tasks", task(known))
        desk.update(known, city="Vigo")
        assert desk.objections == []
        dumps.append(desk.portal.dump())
    assert dumps[0] == dumps[1]
    assert dumps[0]["lists"] == {"Savia: calientes": ["ana@example.com"]}
    assert dumps[0]["enrolments"] == [["11", "ana@example.com"]]
    assert dumps[0]["tasks"] == [["ana@example.com", "Llamar", "", "", ""]]
