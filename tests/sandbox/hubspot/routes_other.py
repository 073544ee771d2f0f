"""Routes of lists, properties, pipelines, owners and the v2 enrolment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sandbox.hubspot.answers import Answer, Json, Refusal, batch, invalid, iso, item_error, missing
from tests.sandbox.hubspot.batches import inputs_of, not_text
from tests.sandbox.hubspot.calls import Call, Route, both
from tests.sandbox.hubspot.crm import Crm
from tests.sandbox.hubspot.lists import PROCESSING_TYPES, HubSpotList, change_members, member_ids
from tests.sandbox.hubspot.schema import Schema

if TYPE_CHECKING:
    from tests.sandbox.hubspot.portal import HubSpotPortal


def _object(call: Call) -> Json:
    if not isinstance(call.body, dict):
        raise invalid("Invalid input JSON: expected an object.")
    return call.body


def _list_create(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    body = _object(call)
    for key in ("name", "objectTypeId", "processingType"):
        if not isinstance(body.get(key), str) or not body[key]:
            raise invalid(f"Some required fields were not set: [{key}]")
    if body["objectTypeId"] != "0-1" or body["processingType"] not in PROCESSING_TYPES:
        raise invalid("objectTypeId must be 0-1 here and processingType MANUAL, DYNAMIC or SNAPSHOT")
    made = crm.lists.create(body["name"], body["processingType"], crm.now())
    return Answer(200, {"list": made.shown()})


def _list_by_name(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    name = call.arguments["list_name"]
    found = crm.lists.named(name) if call.arguments["object_type_id"] == "0-1" else None
    if found is None:
        raise missing(f"List does not exist with name {name}.", subCategory="ILS.LIST_NOT_FOUND")
    return Answer(200, {"list": found.shown()})


def _list_by_id(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    found = crm.lists.get(call.arguments["list_id"])
    is_active = found.processing_type == "DYNAMIC" and call.one("includeFilters") == "true"
    return Answer(
        200, {"list": found.shown() | ({"filterBranch": found.filter_branch()} if is_active else {})}
    )


def _list_search(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    body = _object(call)
    count, offset = body.get("count", 20), body.get("offset", 0)
    if not isinstance(count, int) or not 0 < count <= 500:
        raise invalid(f"count must be between 1 and 500, got {count}")
    found = [each for each in crm.lists.by_id.values() if _list_matches(each, body)]
    shown = [_found_list(each) for each in found[offset : offset + count]]
    end = offset + len(shown)
    return Answer(200, {"lists": shown, "offset": end, "hasMore": end < len(found), "total": len(found)})


def _list_matches(each: HubSpotList, body: Json) -> bool:
    ids, kinds = body.get("listIds"), body.get("processingTypes")
    if (body.get("query") or "").lower() not in each.name.lower():
        return False
    return (not ids or each.list_id in ids) and (not kinds or each.processing_type in kinds)


def _found_list(each: HubSpotList) -> Json:
    shown = each.shown()
    size = shown.pop("size")
    return shown | {"additionalProperties": {"hs_list_size": str(size)}}


def _members(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    members = crm.lists.get(call.arguments["list_id"]).members
    limit, after = call.limit(250, 100), call.one("after", "0")
    if not after.isdigit():
        raise invalid(f"Invalid after parameter: {after}")
    ids = sorted((each for each in members if int(each) > int(after)), key=int)
    page = ids[:limit]
    results = [{"recordId": each, "membershipTimestamp": iso(members[each])} for each in page]
    body: Json = {"results": results, "total": len(members)}
    if len(ids) > limit:
        body["paging"] = {"next": {"after": page[-1]}}
    return Answer(200, body)


def _change_members(crm: Crm, call: Call, add: list[str], remove: list[str]) -> Answer:
    target = crm.lists.writable(call.arguments["list_id"])

    def resolve(contact_id: str) -> str | None:
        found = crm.get("contacts", contact_id)
        return found.record_id if found else None

    body = change_members(target, add, remove, resolve, crm.now())
    crm.join_list(target.name, body["recordsIdsAdded"])
    return Answer(200, body)


def _members_add(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    return _change_members(crm, call, member_ids(call.body), [])


def _members_remove(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    return _change_members(crm, call, [], member_ids(call.body))


def _members_both(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    body = _object(call)
    add, remove = member_ids(body.get("recordIdsToAdd")), member_ids(body.get("recordIdsToRemove"))
    return _change_members(crm, call, add, remove)


def _memberships(crm: Crm, contact_id: str) -> list[Json]:
    return [
        {
            "listId": each.list_id,
            "listVersion": 1,
            "firstAddedTimestamp": iso(each.members[contact_id]),
            "lastAddedTimestamp": iso(each.members[contact_id]),
            "isPublicList": False,
        }
        for each in crm.lists.of_contact(contact_id)
    ]


def _memberships_of_one(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    contact = crm.require("contacts", None, call.arguments["record_id"])
    results = _memberships(crm, contact.record_id)
    return Answer(200, {"results": results, "total": len(results)})


def _memberships_batch(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    started = crm.now()
    results, absent = [], []
    for each in inputs_of(call.body):
        if each.get("objectTypeId") != "0-1" or not isinstance(each.get("recordId"), str):
            raise not_text("inputs.recordId", each.get("recordId"))
        contact = crm.get("contacts", each["recordId"])
        if contact is None:
            absent.append(each["recordId"])
            continue
        shown = _memberships(crm, contact.record_id)
        results.append({"objectTypeId": "0-1", "recordId": each["recordId"], "recordListMemberships": shown})
    message = "Some records do not exist."
    errors = [item_error("OBJECT_NOT_FOUND", message, {"ids": absent})] if absent else []
    return batch(started, crm.now(), results, errors)


def _schema(crm: Crm, call: Call) -> Schema:
    return crm.schemas[crm.kind(call.arguments["object_type"])]


def _properties(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    schema = _schema(crm, call)
    if call.one("archived") == "true":
        shown = [each.shown() | {"archived": True} for each in schema.archived.values()]
    else:
        shown = [each.shown() for each in schema.properties.values()]
    return Answer(200, {"results": shown})


def _property(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    return Answer(200, _schema(crm, call).get(call.arguments["property_name"]).shown())


def _property_create(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    return Answer(201, _schema(crm, call).create(_object(call), crm.now()).shown())


def _properties_create(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    started = crm.now()
    schema, results, errors = _schema(crm, call), [], []
    for each in inputs_of(call.body):
        try:
            results.append(schema.create(each, started).shown())
        except Refusal as refused:
            context = {"name": [str(each.get("name"))]}
            errors.append(item_error(refused.body["category"], refused.body["message"], context))
    return batch(started, crm.now(), results, errors, 200 if call.dated else 201)


def _groups(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    return Answer(200, {"results": list(_schema(crm, call).groups.values())})


def _group_create(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    return Answer(201, _schema(crm, call).create_group(_object(call)))


def _pipelines(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    lines = crm.pipelines.values() if crm.kind(call.arguments["object_type"]) == "deals" else ()
    return Answer(200, {"results": [each.shown(order) for order, each in enumerate(lines)]})


def _owners(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    limit, after, email = call.limit(500, 100), call.one("after", "0"), call.one("email")
    owners = [each for each in crm.owners.values() if int(each.owner_id) > int(after)]
    owners = [each for each in owners if not email or each.email == email]
    body: Json = {"results": [each.shown() for each in owners[:limit]]}
    if len(owners) > limit:
        body["paging"] = {"next": {"after": owners[limit - 1].owner_id}}
    return Answer(200, body)


def _enrol(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    workflow = crm.workflows.by_id.get(call.arguments["workflow_id"])
    contact = crm.find("contacts", "email", call.arguments["email"])
    if workflow is None or contact is None:
        raise missing("Workflow not found" if workflow is None else "No contact has that email address")
    if not workflow.enabled:
        raise invalid(f"Workflow {workflow.workflow_id} is not enabled.")
    crm.workflows.enrol(workflow, contact.record_id, crm.now())
    return Answer(204)


def _enrolments_of(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    contact = crm.require("contacts", None, call.arguments["contact_id"])
    running = [each for each in crm.workflows.by_id.values() if contact.record_id in each.running]
    return Answer(200, [{"id": int(each.workflow_id), "name": each.name} for each in running])


def _unenrol(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    workflow = crm.workflows.by_id.get(call.arguments["workflow_id"])
    contact = crm.find("contacts", "email", call.arguments["email"])
    if workflow is None or contact is None:
        raise missing("Workflow not found" if workflow is None else "No contact has that email address")
    workflow.running.discard(contact.record_id)
    return Answer(204)


def _lists(rest: str) -> tuple[str, str]:
    return both(rest, "crm/lists", "crm/v3/lists")


def _schemas(rest: str) -> tuple[str, str]:
    return both(f"/<object_type>{rest}", "crm/properties", "crm/v3/properties")


_LISTS_READ = ("crm.lists.read",)
_LISTS_WRITE = ("crm.lists.write",)
_SCHEMA_READ = ("crm.schemas.{}.read", "crm.objects.{}.read")
_SCHEMA_WRITE = ("crm.schemas.{}.write",)
_ENROLMENTS_OF = "/automation/v2/workflows/enrollments/contacts/<contact_id>"
_ENROL = "/automation/v2/workflows/<workflow_id>/enrollments/contacts/<email>"

ROUTES = (
    Route("POST", _lists(""), _list_create, _LISTS_WRITE, writes=True),
    Route("POST", _lists("/search"), _list_search, _LISTS_READ),
    Route("GET", _lists("/object-type-id/<object_type_id>/name/<list_name>"), _list_by_name, _LISTS_READ),
    Route("GET", _lists("/<list_id>"), _list_by_id, _LISTS_READ),
    Route("GET", _lists("/<list_id>/memberships"), _members, _LISTS_READ),
    Route("PUT", _lists("/<list_id>/memberships/add"), _members_add, _LISTS_WRITE, writes=True),
    Route("PUT", _lists("/<list_id>/memberships/remove"), _members_remove, _LISTS_WRITE, writes=True),
    Route("PUT", _lists("/<list_id>/memberships/add-and-remove"), _members_both, _LISTS_WRITE, writes=True),
    Route("GET", _lists("/records/0-1/<record_id>/memberships"), _memberships_of_one, _LISTS_READ),
    Route("POST", _lists("/records/memberships/batch/read"), _memberships_batch, _LISTS_READ),
    Route("GET", _schemas(""), _properties, _SCHEMA_READ),
    Route("POST", _schemas(""), _property_create, _SCHEMA_WRITE, writes=True),
    Route("POST", _schemas("/batch/create"), _properties_create, _SCHEMA_WRITE, writes=True),
    Route("GET", _schemas("/groups"), _groups, _SCHEMA_READ),
    Route("POST", _schemas("/groups"), _group_create, _SCHEMA_WRITE, writes=True),
    Route("GET", _schemas("/<property_name>"), _property, _SCHEMA_READ),
    Route(
        "GET",
        both("/<object_type>", "crm/pipelines", "crm/v3/pipelines"),
        _pipelines,
        ("crm.objects.{}.read",),
    ),
    Route("GET", both("", "crm/owners", "crm/v3/owners"), _owners, ("crm.objects.owners.read",)),
    Route("POST", (_ENROL,), _enrol, ("automation",), writes=True),
    Route("GET", (_ENROLMENTS_OF,), _enrolments_of, ("automation",)),
    Route("DELETE", (_ENROL,), _unenrol, ("automation",), writes=True),
)
