"""Property definitions and groups of one object type: what may be created, what may be written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.sandbox.hubspot import values
from tests.sandbox.hubspot.answers import Json, invalid, iso, missing, refusal

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
MAX_UNIQUE = 10
FIELD_TYPES = {
    "bool": {"booleancheckbox", "calculation_equation"},
    "date": {"date"},
    "datetime": {"date"},
    "enumeration": {"booleancheckbox", "checkbox", "radio", "select", "calculation_equation"},
    "number": {"number", "calculation_equation"},
    "phone_number": {"phonenumber"},
    "string": {"file", "html", "phonenumber", "select", "text", "textarea", "calculation_equation"},
}


@dataclass(frozen=True, slots=True)
class Property:
    """One property. `options` holds the values an enumeration takes; None: HubSpot supplies them."""

    name: str
    label: str
    type: str
    field_type: str
    group: str
    options: tuple[Json, ...] | None = ()
    unique: bool = False
    read_only: bool = False
    hubspot_defined: bool = False
    description: str = ""
    display_order: int = -1
    hidden: bool = False
    form_field: bool = False
    created_at: float = 0.0

    def kept(self, value: str) -> str:
        """The value as HubSpot keeps it. Raises BadValue when the property does not take it."""
        if value == "":
            return value
        if self.name == "email":
            return values.email(self.name, value)
        if self.type != "enumeration":
            return values.BY_TYPE[self.type](self.name, value)
        self._check_options(value)
        return value

    def _check_options(self, value: str) -> None:
        if self.options is None:
            return
        allowed = {option["value"] for option in self.options}
        chosen = [part for part in value.split(";") if part] if self.field_type == "checkbox" else [value]
        for each in chosen:
            if each not in allowed:
                listed = ", ".join(sorted(allowed))
                raise values.BadValue(
                    "INVALID_OPTION", f"{each} was not one of the allowed options: [{listed}]"
                )

    def shown(self) -> Json:
        """The definition as the properties API shows it."""
        return {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group,
            "options": list(self.options or ()),
            "externalOptions": self.options is None,
            "displayOrder": self.display_order,
            "calculated": False,
            "hasUniqueValue": self.unique,
            "hidden": self.hidden,
            "hubspotDefined": self.hubspot_defined,
            "formField": self.form_field,
            "archived": False,
            "dataSensitivity": "non_sensitive",
            "createdAt": iso(self.created_at),
            "updatedAt": iso(self.created_at),
            "modificationMetadata": {
                "archivable": not self.hubspot_defined,
                "readOnlyDefinition": self.hubspot_defined,
                "readOnlyValue": self.read_only,
            },
        }


class Schema:
    """The properties and groups of one object type in one portal."""

    def __init__(self, object_name: str, portal_id: int, group: str, standard: tuple[Property, ...]) -> None:
        self.object_name = object_name
        self.portal_id = portal_id
        self.properties = {each.name: each for each in standard}
        self.archived: dict[str, Property] = {}
        self.groups: dict[str, Json] = {}
        self.standard_groups = frozenset({group})
        self._add_group(group, group.capitalize(), 0)

    def check(self, wanted: Mapping[str, Any], *, by_api: bool = True) -> tuple[dict[str, str], list[Json]]:
        """The values as they will be kept, and one fault per property that is unknown, read only or of the
        wrong type. `by_api` False lets read-only values pass: HubSpot itself sets them.
        """
        kept: dict[str, str] = {}
        faults: list[Json] = []
        for name, value in wanted.items():
            found = self.properties.get(name)
            if found is None:
                faults.append(self._fault(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'))
            elif by_api and found.read_only:
                message = f'"{name}" is a read only property; its value cannot be set.'
                faults.append(self._fault(name, "READ_ONLY_VALUE", message))
            else:
                try:
                    kept[name] = found.kept(value)
                except values.BadValue as bad:
                    faults.append(self._fault(name, bad.code, bad.message))
        return kept, faults

    def get(self, name: str) -> Property:
        """The definition, or 404."""
        if name not in self.properties:
            raise missing(f'Property "{name}" does not exist.', subCategory="Properties.PROPERTY_NOT_FOUND")
        return self.properties[name]

    def create_group(self, body: Json) -> Json:
        """A new property group, or 400/409."""
        name, label = body.get("name"), body.get("label")
        if not isinstance(name, str) or not isinstance(label, str) or not _NAME.fullmatch(name):
            raise invalid("A property group needs a name (lower-case letters, digits, _) and a label.")
        if name in self.groups:
            raise refusal(409, "OBJECT_ALREADY_EXISTS", f"A property group named '{name}' already exists.")
        return self._add_group(name, label, body.get("displayOrder", -1))

    def create(self, body: Json, now: float) -> Property:
        """A new property, or 400/409 with the reason."""
        self._check_shape(body)
        name = body["name"]
        if name in self.properties:
            raise refusal(
                409,
                "OBJECT_ALREADY_EXISTS",
                f"A property named '{name}' already exists.",
                subCategory="Properties.PROPERTY_EXISTS",
            )
        if body.get("hasUniqueValue") and sum(p.unique for p in self.properties.values()) >= MAX_UNIQUE:
            raise invalid(f"No more than {MAX_UNIQUE} properties can require unique values.")
        made = Property(
            name=name,
            label=body["label"],
            type=body["type"],
            field_type=body["fieldType"],
            group=body["groupName"],
            options=tuple(body.get("options") or ()),
            unique=bool(body.get("hasUniqueValue", False)),
            description=body.get("description", ""),
            display_order=body.get("displayOrder", -1),
            hidden=body.get("hidden", False),
            form_field=body.get("formField", False),
            created_at=now,
        )
        self.properties[name] = made
        return made

    def _check_shape(self, body: Json) -> None:
        for key in ("name", "label", "groupName", "type", "fieldType"):
            if not isinstance(body.get(key), str) or not body[key]:
                raise invalid(f"Property creation needs a text in '{key}'.", context={"missing": [key]})
        if not _NAME.fullmatch(body["name"]):
            raise invalid(f"Invalid property name '{body['name']}': lower-case letters, digits and _ only.")
        if body["groupName"] not in self.groups:
            raise invalid(f"Property group '{body['groupName']}' does not exist.")
        if body["fieldType"] not in FIELD_TYPES.get(body["type"], ()):
            raise invalid(f"Field type {body['fieldType']} does not go with type {body['type']}.")
        _check_options(body)

    def _add_group(self, name: str, label: str, order: int) -> Json:
        self.groups[name] = {"name": name, "label": label, "displayOrder": order, "archived": False}
        return self.groups[name]

    def _fault(self, name: str, code: str, message: str) -> Json:
        return {
            "isValid": False,
            "message": message,
            "error": code,
            "name": name,
            "localizedErrorMessage": message,
            "portalId": self.portal_id,
        }


def _check_options(body: Json) -> None:
    options = body.get("options") or []
    for each in options:
        if not {"label", "value", "displayOrder", "hidden"} <= set(each):
            raise invalid("Every option needs label, value, displayOrder and hidden.")
    chosen = [each["value"] for each in options]
    if len(set(chosen)) != len(chosen):
        raise invalid("Option values must be unique.")
    if body["type"] == "bool" and set(chosen) != {"true", "false"}:
        raise invalid("Boolean properties must have exactly two options: true and false.")
    if body["type"] == "enumeration" and not chosen:
        raise invalid("Enumeration properties must have at least one option.")
