"""Batches of records: read, create, update, upsert, archive, with HubSpot's rules for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.sandbox.hubspot.answers import (
    Answer,
    Json,
    Refusal,
    batch,
    invalid,
    invalid_properties,
    item_error,
)
from tests.sandbox.hubspot.crm import OBJECT_NAMES, Crm
from tests.sandbox.hubspot.records import CrmRecord, Kind, Source

MAX_INPUTS = 100
MAX_WITH_HISTORY = 50
REQUIRED: dict[Kind, tuple[str, ...]] = {
    "contacts": (), "deals": ("dealname", "dealstage"), "tasks": ("hs_timestamp",),
}  # fmt: skip
LINK_TYPES: dict[tuple[Kind, int], Kind] = {("tasks", 204): "contacts", ("deals", 3): "contacts"}


def read(crm: Crm, kind: Kind, body: Any, *, archived: bool = False) -> Answer:
    """Records by id or by a unique property, or those in the recycle bin. Order is HubSpot's, not the
    caller's; unknown ids make a 207.
    """
    started = crm.now()
    names, history = _names(body, "properties"), _names(body, "propertiesWithHistory")
    inputs = inputs_of(body, MAX_WITH_HISTORY if history else MAX_INPUTS)
    found: dict[str, CrmRecord] = {}
    absent = []
    for each in inputs:
        in_bin = crm.archived.get(_id(each), (None, 0.0))[0]
        record = in_bin if archived else crm.find(kind, body.get("idProperty"), _id(each))
        if record is None:
            absent.append(each["id"])
        else:
            found[record.record_id] = record
    results = [found[key].shown(names, history) for key in sorted(found)]
    errors = [_not_found(kind, absent)] if absent else []
    return batch(started, crm.now(), results, errors)


def create(crm: Crm, kind: Kind, body: Any, source: Source) -> Answer:
    """New records; a bad one is told in a 207 and the rest are made."""

    def make(each: Json) -> CrmRecord:
        return create_one(crm, kind, each, source)

    return _each_alone(crm, kind, inputs_of(body), make, 201)


def create_one(crm: Crm, kind: Kind, body: Any, source: Source) -> CrmRecord:
    """One new record with its associations. 400 for bad values, 409 for a unique value that is taken."""
    values = checked(crm, kind, values_of(body))
    unset = [name for name in REQUIRED[kind] if not values.get(name)]
    if unset:
        message = f"Error creating {OBJECT_NAMES[kind]}. Some required properties were not set."
        raise invalid(message, context={"properties": [f"[{', '.join(unset)}]"]})
    crm.check_unique(kind, values, None)
    contacts = [_linked_contact(crm, kind, each) for each in body.get("associations") or []]
    record = crm.create(kind, values, source)
    for contact_id in contacts:
        crm.link(kind, record.record_id, contact_id)
    return record


def update(crm: Crm, kind: Kind, body: Any, source: Source, *, by_rules: bool = False) -> Answer:
    """Changes to existing records; a bad one is told in a 207 and the rest are written. `by_rules`: the
    portal's own rules hold, too.
    """
    inputs = inputs_of(body)
    _refuse_twins(inputs)

    def write(each: Json) -> CrmRecord | None:
        values = checked(crm, kind, values_of(each))
        record = crm.find(kind, each.get("idProperty"), each["id"])
        if record is None:
            return None
        if record.record_id in crm.locked:
            raise Refusal(423, {"status": "error", "category": "LOCKED", "message": "held by another write"})
        crm.check_unique(kind, values, record)
        if by_rules:
            _obey(crm, record, values)
        crm.change(record, values, source)
        return record

    return _each_alone(crm, kind, inputs, write, 200)


def _obey(crm: Crm, record: CrmRecord, values: dict[str, str]) -> None:
    """400 where an admin's rule wants a property that the record would lack."""
    after = {**record.properties, **values}
    for name, value, required in crm.rules:
        if after.get(name) == value and not after.get(required):
            message = f"{required} is required when {name} is {value}"
            context = {"propertyName": [required]}
            error = {"message": message, "code": "MISSING_REQUIRED_PROPERTY", "context": context}
            raise invalid("One or more validation errors occurred", errors=[error])


def upsert(crm: Crm, kind: Kind, body: Any, source: Source) -> Answer:
    """Create or change by a unique property. All or nothing: one bad item is a 400 for the whole batch."""
    started = crm.now()
    inputs = inputs_of(body)
    _refuse_twins(inputs)
    prepared = [_prepared(crm, kind, each) for each in inputs]
    results = []
    for record, values in prepared:
        new = record is None
        written = crm.create(kind, values, source) if record is None else record
        if not new:
            crm.change(written, values, source)
        results.append((written, new, tuple(values)))
    ordered = sorted(results, key=lambda result: result[0].record_id)
    shown = [record.shown(names) | {"new": new} for record, new, names in ordered]
    return batch(started, crm.now(), shown, [])


def archive(crm: Crm, kind: Kind, body: Any, source: Source) -> Answer:
    """Delete contacts or tasks; ids that are gone already are ignored."""
    if kind not in ("contacts", "tasks"):
        raise invalid("Only contacts and tasks are archived here.")
    for each in inputs_of(body):
        record = crm.get(kind, _id(each))
        if record is not None and kind == "tasks":
            crm.remove_task(record)
        elif record is not None:
            crm.remove(record, source)
    return Answer(204)


def checked(crm: Crm, kind: Kind, wanted: dict[str, str]) -> dict[str, str]:
    """The values as they will be kept, or 400 naming every bad property."""
    values, faults = crm.schemas[kind].check(wanted)
    owner = values.get("hubspot_owner_id", "")
    if faults:
        raise invalid_properties(faults)
    if owner and owner not in crm.owners:
        message = f"{owner} was not one of the allowed options: {sorted(crm.owners)}"
        raise invalid_properties(
            [{"message": message, "error": "INVALID_OPTION", "name": "hubspot_owner_id"}]
        )
    return values


def inputs_of(body: Any, limit: int = MAX_INPUTS) -> list[Json]:
    """The items of a batch body, or 400: no items, too many, or one that is no object."""
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(inputs, list) or not inputs or not all(isinstance(each, dict) for each in inputs):
        raise invalid("Invalid request: some required fields were not set: [inputs]")
    if len(inputs) > limit:
        message = f"The maximum number of inputs supported in a batch request for this endpoint is {limit}"
        raise invalid(message)
    return inputs


def not_text(name: str, value: Any) -> Refusal:
    """What a JSON number, boolean, null or object gets where a text belongs."""
    kind = type(value).__name__
    return invalid(
        f"Invalid input JSON: cannot deserialize value of type `java.lang.String` at {name} ({kind})"
    )


def _each_alone(
    crm: Crm, kind: Kind, inputs: list[Json], write: Callable[[Json], CrmRecord | None], status: int
) -> Answer:
    started = crm.now()
    for each in inputs:
        values_of(each)
    results, errors, absent = [], [], []
    for each in inputs:
        try:
            record = write(each)
        except Refusal as refused:
            errors.append(_told(each, refused))
            continue
        if record is None:
            absent.append(each["id"])
            continue
        shown = record.shown(tuple(each["properties"]))
        if "objectWriteTraceId" in each:
            shown["objectWriteTraceId"] = each["objectWriteTraceId"]
        results.append(shown)
    if absent:
        errors.append(_not_found(kind, absent))
    results.sort(key=lambda shown: shown["id"])
    return batch(started, crm.now(), results, errors, status)


def _told(item: Json, refused: Refusal) -> Json:
    """An item's fault. HubSpot names the item by its trace id alone, where the caller gave one."""
    trace = item.get("objectWriteTraceId")
    context = dict(refused.body.get("context", {}))
    if trace is not None:
        context["objectWriteTraceId"] = [trace]
    told = item_error(refused.body["category"], refused.body["message"], context)
    return told | ({"errors": refused.body["errors"]} if "errors" in refused.body else {})


def _prepared(crm: Crm, kind: Kind, item: Json) -> tuple[CrmRecord | None, dict[str, str]]:
    key = item.get("idProperty")
    wanted = values_of(item)
    if key and key != "hs_object_id":
        wanted = {key: item["id"]} | wanted
    values = checked(crm, kind, wanted)
    record = crm.find(kind, key, item["id"])
    if record is None and (not key or key == "hs_object_id"):
        raise invalid(f"{OBJECT_NAMES[kind]} {item['id']} does not exist.")
    if record is not None and key == "email" and "email" not in item["properties"]:
        # A contact found by a second address keeps its first.
        del values["email"]
    crm.check_unique(kind, values, record)
    return record, values


def _linked_contact(crm: Crm, kind: Kind, association: Json) -> str:
    for each in association.get("types") or [{}]:
        if (kind, each.get("associationTypeId")) not in LINK_TYPES:
            type_id = each.get("associationTypeId")
            raise invalid(f"Association type {type_id} is not valid between {OBJECT_NAMES[kind]} and CONTACT")
    target = association.get("to", {}).get("id")
    if not isinstance(target, str):
        raise not_text("associations.to.id", target)
    contact = crm.get("contacts", target)
    if contact is None:
        raise invalid(f"CONTACT {target} to associate with does not exist.", context={"ids": [target]})
    return contact.record_id


def _refuse_twins(inputs: list[Json]) -> None:
    ids = [_id(each).lower() for each in inputs]
    twins = sorted({each for each in ids if ids.count(each) > 1}) if len(set(ids)) != len(ids) else []
    if twins:
        raise invalid(
            f"Duplicate IDs found in batch input: {twins}. IDs must be unique", context={"ids": twins}
        )


def _id(item: Json) -> str:
    value = item.get("id")
    if not isinstance(value, str) or not value:
        raise not_text("inputs.id", value)
    return value


def values_of(item: Any) -> dict[str, str]:
    """The property values of one item, all of them texts, or 400."""
    properties = item.get("properties") if isinstance(item, dict) else None
    if not isinstance(properties, dict):
        raise invalid("Invalid request: some required fields were not set: [properties]")
    for name, value in properties.items():
        if not isinstance(value, str):
            raise not_text(f"properties.{name}", value)
    return properties


def _names(body: Json, key: str) -> list[str]:
    names = body.get(key) or []
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise not_text(key, names)
    return names


def _not_found(kind: Kind, ids: list[str]) -> Json:
    message = (
        f"Could not get some {OBJECT_NAMES[kind]} objects, they may be deleted or not exist. "
        "Check that ids are valid."
    )
    return item_error("OBJECT_NOT_FOUND", message, {"ids": ids})
