"""What the portal itself must have before anything is written: a property group, properties, lists."""

from __future__ import annotations

from typing import Literal

from app.domain.changes import EnsureList, EnsureProperty, SetupChange
from app.domain.portal import AskedProperty, HubSpotMapping, OwnedProperty, Workflow, our_lists


def wanted_schema(mapping: HubSpotMapping, language: Literal["es", "en"]) -> tuple[SetupChange, ...]:
    """The property group, properties and lists a portal must have, in the order they must be made."""
    group = mapping.group
    group_label = group.label_es if language == "es" else group.label_en
    triggers = tuple(_trigger_property(workflow) for workflow in mapping.workflows)
    return (
        EnsureProperty(
            f"group:{group.name}", group.name, {"group": True, "name": group.name, "label": group_label}
        ),
        *(
            EnsureProperty(f"property:{item.name}", item.name, _definition(item, group.name, language))
            for item in (*mapping.properties, _pause_property(mapping), *triggers)
        ),
        *(
            EnsureProperty(f"property:{item.name}", item.name, _question(item, group.name, language))
            for item in mapping.asked
        ),
        *(EnsureList(f"list:{name}", name) for name in our_lists(mapping)),
    )


def _trigger_property(workflow: Workflow) -> OwnedProperty:
    return OwnedProperty(
        name=workflow.trigger_property,
        value="",
        label_es=workflow.label_es,
        label_en=workflow.label_en,
        type="datetime",
        field_type="date",
        write="rides",
    )


def _pause_property(mapping: HubSpotMapping) -> OwnedProperty:
    own = mapping.pause
    return OwnedProperty(
        name=own.name,
        value="",
        label_es=own.label_es,
        label_en=own.label_en,
        type="bool",
        field_type="booleancheckbox",
        write="rides",
    )


def _question(item: AskedProperty, group: str, language: Literal["es", "en"]) -> dict[str, object]:
    """The create body of a property that people fill in, its answers in the portal's language."""
    return {
        "name": item.name,
        "label": item.label_es if language == "es" else item.label_en,
        "groupName": group,
        "type": "enumeration",
        "fieldType": "select",
        "options": [
            {
                "label": choice.es if language == "es" else choice.en,
                "value": choice.value,
                "displayOrder": place,
                "hidden": False,
            }
            for place, choice in enumerate(item.options)
        ],
    }


def _definition(item: OwnedProperty, group: str, language: Literal["es", "en"]) -> dict[str, object]:
    """HubSpot's create body of a property. Source: properties API, "create a property"."""
    body: dict[str, object] = {
        "name": item.name,
        "label": item.label_es if language == "es" else item.label_en,
        "groupName": group,
        "type": item.type,
        "fieldType": item.field_type,
    }
    options = ("true", "false") if item.type == "bool" else item.options
    if options:
        body["options"] = [
            {"label": option, "value": option, "displayOrder": place, "hidden": False}
            for place, option in enumerate(options)
        ]
    return body
