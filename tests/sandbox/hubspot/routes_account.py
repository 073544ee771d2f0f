"""Routes of the account itself: who it is, what a token may do, how much room there is, its workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sandbox.hubspot.answers import Answer, Json, iso, missing, refusal
from tests.sandbox.hubspot.batches import inputs_of
from tests.sandbox.hubspot.calls import Call, Route, both
from tests.sandbox.hubspot.crm import Crm
from tests.sandbox.hubspot.reference import account_details
from tests.sandbox.hubspot.workflows import ListTrigger, PropertyTrigger, Workflow

if TYPE_CHECKING:
    from tests.sandbox.hubspot.portal import HubSpotPortal


def _details(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    return Answer(200, account_details(portal.portal_id, portal.time_zone, crm.now()))


def _usage(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    usage = {
        "name": "private-apps-api-calls-daily",
        "usageLimit": portal.limits.daily_max,
        "currentUsage": portal.limits.daily_used,
        "collectedAt": iso(crm.now()),
        "fetchStatus": "SUCCESS",
        "resetsAt": iso(portal.limits.resets_at()),
    }
    return Answer(200, {"results": [usage]})


def _token(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    """What a private app's token may do; of other kinds of token HubSpot says nothing."""
    if not portal.tells_tokens or call.body != {"tokenKey": portal.token}:
        raise missing("No private app has this token.")
    told = {"userId": 98499705, "hubId": portal.portal_id, "appId": portal.app_id}
    return Answer(200, told | {"scopes": sorted(portal.scopes)})


def _custom_properties(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    own = [each for each in crm.schemas["contacts"].properties.values() if not each.hubspot_defined]
    row = {
        "objectTypeId": "0-1",
        "singularLabel": "Contact",
        "pluralLabel": "Contacts",
        "limit": portal.custom_properties_max,
        "usage": len(own),
        "percentage": 100 * len(own) / portal.custom_properties_max,
    }
    overall = {"overallLimit": 10 * row["limit"], "overallUsage": len(own), "overallPercentage": 0.0}
    return Answer(200, overall | {"byObjectType": [row]})


def _flows(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    _need_plan(portal)
    limit, after = call.limit(100, 100), call.one("after", "0")
    found = [each for each in crm.workflows.by_id.values() if int(each.workflow_id) > int(after)]
    body: Json = {"results": [_listing(each) for each in found[:limit]]}
    if len(found) > limit:
        body["paging"] = {"next": {"after": found[limit - 1].workflow_id}}
    return Answer(200, body)


def _flows_batch(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    _need_plan(portal)
    asked = [crm.workflows.by_id.get(str(each.get("flowId"))) for each in inputs_of(call.body)]
    results = [_whole(crm, each) for each in asked if each is not None]
    stamps = {"startedAt": iso(crm.now()), "completedAt": iso(crm.now())}
    return Answer(200, {"status": "COMPLETE", "results": results} | stamps)


def _need_plan(portal: HubSpotPortal) -> None:
    if not portal.has_workflows:
        raise refusal(403, "FORBIDDEN", "This account does not have access to workflows.")


def _listing(workflow: Workflow) -> Json:
    return {
        "id": workflow.workflow_id,
        "name": workflow.name,
        "isEnabled": workflow.enabled,
        "objectTypeId": "0-1",
        "flowType": "WORKFLOW",
        "revisionId": "1",
        "createdAt": iso(0),
        "updatedAt": iso(0),
    }


def _whole(crm: Crm, workflow: Workflow) -> Json:
    """A flow as a batch read shows it, its actions left out."""
    kept_out = [crm.lists.named(name) for name in workflow.suppresses]
    return _listing(workflow) | {
        "type": "CONTACT_FLOW",
        "actions": [],
        "enrollmentCriteria": _criteria(crm, workflow),
        "timeWindows": [],
        "blockedDates": [],
        "customProperties": {},
        "dataSources": [],
        "crmObjectCreationStatus": "COMPLETE",
        "suppressionListIds": [int(each.list_id) for each in kept_out if each is not None],
        "canEnrollFromSalesforce": False,
        "nextAvailableActionId": "1",
    }


def _criteria(crm: Crm, workflow: Workflow) -> Json:
    again: Json = {"shouldReEnroll": workflow.re_enrolment}
    trigger = workflow.trigger
    if isinstance(trigger, ListTrigger):
        known = crm.lists.named(trigger.list_name)
        filters = [{"filterType": "IN_LIST", "listId": known.list_id, "operator": "IN_LIST"}] if known else []
        inner = _branch("AND", filters)
        return again | {
            "type": "LIST_BASED",
            "listFilterBranch": _branch("OR", []) | {"filterBranches": [inner]},
            "unEnrollObjectsNotMeetingCriteria": False,
            "reEnrollmentTriggersFilterBranches": [inner] if workflow.re_enrolment else [],
        }
    if isinstance(trigger, PropertyTrigger):
        event = _branch("UNIFIED_EVENTS", _changed(trigger.property)) | {
            "filterBranchOperator": "AND",
            "eventTypeId": "4-655002",
            "operator": "HAS_COMPLETED",
        }
        return again | {
            "type": "EVENT_BASED",
            "eventFilterBranches": [event],
            "listMembershipFilterBranches": [],
        }
    return again | {"type": "MANUAL"}


def _branch(kind: str, filters: list[Json]) -> Json:
    return {"filterBranchType": kind, "filterBranchOperator": kind, "filterBranches": [], "filters": filters}


def _changed(name: str) -> list[Json]:
    """The two filters of the event "a property changed": which, and to any value."""
    is_it = {"operationType": "STRING", "operator": "IS_EQUAL_TO", "value": name}
    is_known = {"operationType": "ALL_PROPERTY", "operator": "IS_KNOWN"}
    return [
        {
            "filterType": "PROPERTY",
            "property": prop,
            "operation": what | {"includeObjectsWithNoValueSet": False},
        }
        for prop, what in (("hs_name", is_it), ("hs_value", is_known))
    ]


def _account(rest: str) -> tuple[str, str]:
    return both(rest, "account-info", "account-info/v3")


ROUTES = (
    Route("GET", _account("/details"), _details),
    Route("GET", _account("/api-usage/daily/private-apps"), _usage),
    Route("POST", ("/oauth/v2/private-apps/get/access-token-info",), _token),
    Route("GET", both("/custom-properties", "crm/limits", "crm/v3/limits"), _custom_properties),
    Route("GET", ("/automation/v4/flows",), _flows, ("automation",)),
    Route("POST", ("/automation/v4/flows/batch/read",), _flows_batch, ("automation",)),
)
