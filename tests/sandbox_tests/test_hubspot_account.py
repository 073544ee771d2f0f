"""The stand-in's answers about the account, as HubSpot's own description has them, and behind its rights."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.hubspot import ListTrigger, PropertyTrigger, V2Trigger
from tests.sandbox.openapi import available, validate_answer
from tests.sandbox_tests.hubspot_desk import FAMILIES, Desk

FLOWS = "automationV4.v4.json"
needs_specs = pytest.mark.skipif(
    not available(), reason="HubSpot's specifications are not beside this checkout"
)


@pytest.fixture(params=FAMILIES)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    desk = Desk(request.param)
    yield desk
    assert desk.objections == []


def built(desk: Desk) -> list[str]:
    """A workflow of each kind; their ids."""
    desk.portal.add_list("Calientes")
    desk.portal.add_list("Control", "DYNAMIC", ("city", "true"))
    triggers = (ListTrigger("Calientes"), PropertyTrigger("city"), V2Trigger(), ListTrigger("No existe"))
    for number, trigger in enumerate(triggers, start=1):
        desk.portal.add_workflow(str(number), f"W{number}", trigger, suppresses=["Control"])
    return [str(number) for number in range(1, len(triggers) + 1)]


def read(desk: Desk, ids: list[str]) -> dict:
    inputs = [{"flowId": each, "type": "FLOW_ID"} for each in ids]
    return desk.call("POST", "/automation/v4/flows/batch/read", {"inputs": inputs}).json


@needs_specs
def test_a_workflow_has_the_shape_hubspot_describes(desk: Desk) -> None:
    for flow in read(desk, built(desk))["results"]:
        assert validate_answer(FLOWS, "ApiContactFlow", flow) == []


@needs_specs
def test_so_have_the_listing_and_the_room_for_properties(desk: Desk) -> None:
    built(desk)
    for row in desk.call("GET", "/automation/v4/flows").json["results"]:
        assert validate_answer(FLOWS, "ApiFlowListing", row) == []
    area = "/crm/limits/2026-09" if desk.family == "2026-09" else "/crm/v3/limits"
    told = desk.call("GET", f"{area}/custom-properties").json
    file = f"limitsTracking.{desk.family}.json"
    assert validate_answer(file, "CustomPropertyLimitResponse", told) == []


def test_workflows_are_listed_page_by_page_and_read_by_id(desk: Desk) -> None:
    ids = built(desk)
    first = desk.call("GET", "/automation/v4/flows?limit=3").json
    second = desk.call("GET", f"/automation/v4/flows?limit=3&after={first['paging']['next']['after']}").json
    assert [each["id"] for each in first["results"] + second["results"]] == ids
    assert "paging" not in second
    (flow,) = read(desk, ["2", "99"])["results"]
    assert flow["suppressionListIds"] == [2]


def test_a_smaller_plan_has_no_workflows(desk: Desk) -> None:
    desk.portal.has_workflows = False
    assert desk.call("GET", "/automation/v4/flows").status_code == 403


def test_a_token_tells_what_it_may_do_unless_it_is_of_the_other_kind(desk: Desk) -> None:
    path, body = "/oauth/v2/private-apps/get/access-token-info", {"tokenKey": desk.portal.token}
    told = desk.call("POST", path, body).json
    assert told["hubId"] == desk.portal.portal_id
    assert set(told["scopes"]) == desk.portal.scopes
    desk.portal.tells_tokens = False
    assert desk.call("POST", path, body).status_code == 404


def test_an_archived_property_is_shown_among_the_archived_alone(desk: Desk) -> None:
    desk.portal.archive_property("city")
    shown, archived = (
        {
            each["name"]
            for each in desk.call("GET", desk.area("properties", f"/contacts{more}")).json["results"]
        }
        for more in ("", "?archived=true")
    )
    assert "city" not in shown
    assert archived == {"city"}
