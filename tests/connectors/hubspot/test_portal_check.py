"""The portal looked over: many workflows, the ways to keep somebody out, tokens that tell nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.domain.portal import Workflow
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.flows import FLOWS_PAGE, Flow, filters_in, lets_held_out_in, read_flows
from connectors.hubspot.lists import Lists
from connectors.hubspot.portal_check import HubSpotPortalCheck
from connectors.hubspot.scopes import NEEDED
from tests.contracts.looked_over import PortalCheckContract
from tests.sandbox.hubspot import HubSpotPortal, ListTrigger, PropertyTrigger

WANTED = Workflow("hot_leads", "hot", "Savia: secuencia hot_leads", "savia_hot_leads_at", "inicio", "start")
HELD = "savia_holdout"


def told(client: HubSpotClient, holdout: str = "") -> list[str]:
    return [problem.message for problem in HubSpotPortalCheck(client).workflows([WANTED], holdout)]


class TestHubSpotPortalCheck(PortalCheckContract):
    @pytest.fixture
    def looked(self, client: HubSpotClient) -> HubSpotPortalCheck:
        return HubSpotPortalCheck(client)

    @pytest.fixture
    def snapshot(self, portal: HubSpotPortal) -> Callable[[], Any]:
        return portal.dump


def test_a_workflow_is_found_behind_two_full_pages_of_others(portal: HubSpotPortal, client: HubSpotClient):
    for number in range(2 * FLOWS_PAGE + 50):
        portal.add_workflow(str(1_000 + number), f"De otros {number}", PropertyTrigger("city"))
    assert len(read_flows(client)) == 2 * FLOWS_PAGE + 50
    assert "is missing" in told(client)[0]
    portal.add_workflow("9000", "El nuestro", PropertyTrigger("savia_hot_leads_at"))
    assert told(client) == []


def test_a_workflow_of_a_list_that_is_gone_starts_by_something_else(
    portal: HubSpotPortal, client: HubSpotClient
):
    portal.add_workflow("1", "Savia hot_leads", ListTrigger("Savia: secuencia hot_leads"))
    assert "starts by something else" in told(client)[0]
    portal.add_list("Savia: secuencia hot_leads")
    assert told(client) == []


def test_the_one_that_is_on_counts_where_an_old_copy_is_off(portal: HubSpotPortal, client: HubSpotClient):
    portal.add_workflow("1", "La vieja", PropertyTrigger("savia_hot_leads_at"), enabled=False)
    portal.add_workflow("2", "La nueva", PropertyTrigger("savia_hot_leads_at"))
    assert told(client) == []


def test_without_the_scope_nothing_is_said_of_the_plan(portal: HubSpotPortal, client: HubSpotClient):
    portal.scopes.discard("automation")
    assert told(client) == []
    assert ["automation" in problem.message for problem in HubSpotPortalCheck(client).rights()] == [True]


def test_a_token_that_hubspot_tells_nothing_of_is_no_problem(portal: HubSpotPortal, client: HubSpotClient):
    portal.tells_tokens = False
    portal.scopes -= set(NEEDED)
    assert HubSpotPortalCheck(client).rights() == []


def test_the_token_itself_is_in_no_message(portal: HubSpotPortal, client: HubSpotClient):
    portal.scopes.clear()
    portal.has_workflows = False
    looked = HubSpotPortalCheck(client)
    messages = [problem.message for problem in (*looked.rights(), *looked.workflows([WANTED], HELD))]
    assert messages
    assert not any(portal.token in message for message in messages)


def asks(operator: str, value: Any, name: str = HELD) -> dict[str, Any]:
    operation = {"operationType": "BOOL", "operator": operator, "value": value}
    return {"filterType": "PROPERTY", "property": name, "operation": operation}


@pytest.mark.parametrize(
    ("narrowed_by", "is_kept_out"),
    [
        (asks("IS_EQUAL_TO", False), True),
        (asks("IS_NOT_EQUAL_TO", True), True),
        (asks("IS_EQUAL_TO", True), False),
        (asks("IS_EQUAL_TO", False, "city"), False),
    ],
)
def test_a_condition_of_the_workflow_may_keep_the_held_out_out_too(
    client: HubSpotClient, narrowed_by: dict[str, Any], is_kept_out: bool
):
    criteria = {
        "eventFilterBranches": [{"filters": [asks("IS_EQUAL_TO", "savia_hot_leads_at", "hs_name")]}],
        "refinementCriteria": {"filterBranches": [{"filters": [narrowed_by]}]},
    }
    flow = Flow("hot", is_on=True, lets_in_again=True, criteria=criteria, kept_out=())
    found = list(lets_held_out_in(WANTED, None, [flow], HELD, Lists(client)))
    assert (found == []) == is_kept_out


@pytest.mark.parametrize(
    "odd", [None, [], {}, "text", {"filters": "x"}, {"filterBranches": {"filters": [1]}}]
)
def test_criteria_of_an_unknown_shape_hold_no_filter(odd: Any):
    assert list(filters_in(odd)) == []


def test_a_plan_without_room_says_how_much_there_is(portal: HubSpotPortal, client: HubSpotClient):
    portal.custom_properties_max = 10
    assert HubSpotPortalCheck(client).room(10) == []
    (problem,) = HubSpotPortalCheck(client).room(11)
    assert "room for 10 more" in problem.message
