"""The canonical end state of a portal: what two runs must agree on, whatever ids and times they saw."""

from __future__ import annotations

from tests.sandbox.hubspot.answers import Json
from tests.sandbox.hubspot.crm import Crm
from tests.sandbox.hubspot.records import CrmRecord

LEFT_OUT = frozenset(
    [
        "hs_object_id",
        "createdate",
        "lastmodifieddate",
        "hs_createdate",
        "hs_lastmodifieddate",
        "hs_merged_object_ids",
    ]
)


def dump(crm: Crm) -> Json:
    """Contacts by address, list members and enrolments by address, tasks, and what the app defined. Lists and
    properties come by name.
    """
    names = {contact_id: _name(record) for contact_id, record in crm.records["contacts"].items()}
    return {
        "contacts": {
            names[contact_id]: _values(record) for contact_id, record in crm.records["contacts"].items()
        },
        "lists": {
            each.name: sorted(names[contact_id] for contact_id in each.members)
            for each in crm.lists.by_id.values()
        },
        "enrolments": sorted(
            [each.workflow_id, names.get(each.contact_id, "gone")] for each in crm.workflows.enrolments
        ),
        "tasks": sorted(_tasks(crm, names)),
        "properties": _properties(crm),
        "groups": sorted(
            name
            for schema in crm.schemas.values()
            for name in schema.groups
            if name not in schema.standard_groups
        ),
    }


def _name(contact: CrmRecord) -> str:
    given = " ".join(filter(None, (contact.properties.get("firstname"), contact.properties.get("lastname"))))
    return contact.properties.get("email") or f"no address: {given}"


def _values(record: CrmRecord) -> Json:
    return {name: value for name, value in sorted(record.properties.items()) if name not in LEFT_OUT}


def _tasks(crm: Crm, names: dict[str, str]) -> list[list[str]]:
    wanted = ("hs_task_subject", "hs_task_body", "hs_task_priority", "hs_task_type")
    return [
        [names.get(contact_id, "gone"), *(task.properties.get(name, "") for name in wanted)]
        for task_id, task in crm.records["tasks"].items()
        for contact_id in crm.links.of("tasks", task_id, "contacts") or [""]
    ]


def _properties(crm: Crm) -> Json:
    return {
        f"{kind}.{each.name}": {
            key: value for key, value in each.shown().items() if key not in ("createdAt", "updatedAt")
        }
        for kind, schema in crm.schemas.items()
        for each in schema.properties.values()
        if not each.hubspot_defined
    }
