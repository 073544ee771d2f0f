"""Routes of contacts, deals and tasks, and of what is associated with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sandbox.hubspot import batches, search
from tests.sandbox.hubspot.answers import Answer, Json, batch, invalid, iso, item_error
from tests.sandbox.hubspot.calls import Call, Route, both
from tests.sandbox.hubspot.crm import OBJECT_NAMES, Crm
from tests.sandbox.hubspot.records import CrmRecord, Kind

if TYPE_CHECKING:
    from tests.sandbox.hubspot.portal import HubSpotPortal

TYPE_IDS: dict[tuple[Kind, Kind], int] = {
    ("contacts", "tasks"): 203, ("tasks", "contacts"): 204, ("contacts", "deals"): 4,
    ("deals", "contacts"): 3,
}  # fmt: skip
LINK_NAMES = {"contacts": "contact", "deals": "deal", "tasks": "task"}
MAX_ASSOCIATION_INPUTS = 1000


def _kind(crm: Crm, call: Call) -> Kind:
    return crm.kind(call.arguments["object_type"])


def _page(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    kind = _kind(crm, call)
    limit = call.limit(100, 10)
    after = _after(portal, call)
    archived = call.one("archived") == "true"
    in_bin = [each for each, (record, _) in crm.archived.items() if record.kind == kind]
    known = in_bin if archived else crm.records[kind]
    ids = sorted((each for each in known if int(each) > after), key=int)
    shown = _archived if archived else _live
    results = [shown(crm, kind, each, call) for each in ids[:limit]]
    body: Json = {"results": results}
    if len(ids) > limit:
        token = ids[limit - 1]
        portal.page_tokens[token] = portal.now()
        link = f"https://api.hubapi.com{call.path}?limit={limit}&after={token}"
        body["paging"] = {"next": {"after": token, "link": link}}
    return Answer(200, body)


def _live(crm: Crm, kind: Kind, record_id: str, call: Call) -> Json:
    return _with_links(crm, crm.records[kind][record_id], call)


def _archived(crm: Crm, kind: Kind, record_id: str, call: Call) -> Json:
    record, at = crm.archived[record_id]
    return record.shown(call.many("properties")) | {"archived": True, "archivedAt": iso(at)}


def _after(portal: HubSpotPortal, call: Call) -> int:
    token = call.one("after")
    if not token:
        return 0
    if not token.isdigit():
        raise invalid(f"Invalid after parameter: {token}")
    lifetime = portal.page_token_seconds
    if lifetime is not None and portal.now() >= portal.page_tokens.get(token, 0.0) + lifetime:
        raise invalid("The paging token given in 'after' has expired. Start again from the first page.")
    return int(token)


def _with_links(crm: Crm, record: CrmRecord, call: Call) -> Json:
    shown = record.shown(call.many("properties"), call.many("propertiesWithHistory"))
    for name in call.many("associations"):
        other = crm.kind(name)
        link = f"{LINK_NAMES[record.kind]}_to_{LINK_NAMES[other]}"
        linked = [{"id": each, "type": link} for each in crm.links.of(record.kind, record.record_id, other)]
        if linked:
            shown.setdefault("associations", {})[other] = {"results": linked}
    return shown


def _one(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    record = crm.require(_kind(crm, call), call.one("idProperty"), call.arguments["record_id"])
    return Answer(200, _with_links(crm, record, call))


def _create_one(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    record = batches.create_one(crm, _kind(crm, call), call.body, portal.api)
    return Answer(201, record.shown(tuple(call.body["properties"])))


def _update_one(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    kind = _kind(crm, call)
    record = crm.require(kind, call.one("idProperty"), call.arguments["record_id"])
    values = batches.checked(crm, kind, batches.values_of(call.body))
    crm.check_unique(kind, values, record)
    crm.change(record, values, portal.api)
    return Answer(200, record.shown(tuple(values)))


def _search(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    return search.search(crm, _kind(crm, call), call.body)


def _read(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    return batches.read(crm, _kind(crm, call), call.body, archived=call.one("archived") == "true")


def _create(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    return batches.create(crm, _kind(crm, call), call.body, portal.api)


def _update(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    return batches.update(crm, _kind(crm, call), call.body, portal.api, by_rules=call.dated)


def _upsert(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    return batches.upsert(crm, _kind(crm, call), call.body, portal.api)


def _archive(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    return batches.archive(crm, _kind(crm, call), call.body, portal.api)


def _associations(portal: HubSpotPortal, crm: Crm, call: Call) -> Answer:
    started = crm.now()
    near, far = crm.kind(call.arguments["object_type"]), crm.kind(call.arguments["to_type"])
    if (near, far) not in TYPE_IDS:
        raise invalid(f"No associations between {near} and {far} here.")
    types = [{"category": "HUBSPOT_DEFINED", "typeId": TYPE_IDS[near, far]}]
    results, errors = [], []
    for each in batches.inputs_of(call.body, MAX_ASSOCIATION_INPUTS):
        if not isinstance(each.get("id"), str):
            raise batches.not_text("inputs.id", each.get("id"))
        linked = crm.links.of(near, each["id"], far)
        if linked:
            to = [{"toObjectId": other, "associationTypes": types} for other in linked]
            results.append({"from": {"id": each["id"]}, "to": to})
        else:
            errors.append(_unlinked(near, far, each["id"]))
    return batch(started, crm.now(), results, errors)


def _unlinked(near: Kind, far: Kind, record_id: str) -> Json:
    message = f"No {LINK_NAMES[far]} is associated with {LINK_NAMES[near]} {record_id}."
    context = {
        "fromObjectId": [record_id],
        "fromObjectType": [OBJECT_NAMES[near]],
        "toObjectType": [OBJECT_NAMES[far]],
    }
    error = item_error("OBJECT_NOT_FOUND", message, context)
    return error | {"subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND"}


_READ = ("crm.objects.{}.read",)
_WRITE = ("crm.objects.{}.write",)
_BASE = "/<object_type>"
_ASSOCIATIONS = (
    "/crm/associations/2026-09/<object_type>/<to_type>/batch/read",
    "/crm/v4/associations/<object_type>/<to_type>/batch/read",
)

ROUTES = (
    Route("GET", both(_BASE), _page, _READ),
    Route("POST", both(_BASE), _create_one, _WRITE, writes=True),
    Route("POST", both(f"{_BASE}/search"), _search, _READ, search=True),
    Route("POST", both(f"{_BASE}/batch/read"), _read, _READ),
    Route("POST", both(f"{_BASE}/batch/create"), _create, _WRITE, writes=True),
    Route("POST", both(f"{_BASE}/batch/update"), _update, _WRITE, writes=True),
    Route("POST", both(f"{_BASE}/batch/upsert"), _upsert, _WRITE, writes=True),
    Route("POST", both(f"{_BASE}/batch/archive"), _archive, _WRITE, writes=True),
    Route("GET", both(f"{_BASE}/<record_id>"), _one, _READ),
    Route("PATCH", both(f"{_BASE}/<record_id>"), _update_one, _WRITE, writes=True),
    Route("POST", _ASSOCIATIONS, _associations, _READ),
)
