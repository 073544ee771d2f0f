"""Checks a request to HubSpot against HubSpot's own OpenAPI files, where those lie beside the repository."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT202012

SPECS = Path(__file__).resolve().parents[3] / "shared" / "contracts" / "specs" / "hubspot"
AREAS = (
    "contacts", "deals", "tasks", "lists", "properties", "pipelines", "crmOwners", "associations",
    "accountInfo", "automationV4", "limitsTracking",
)  # fmt: skip
WITHOUT_SPEC = ("/automation/v2/", "/oauth/v2/", "/email/public/v1/")
LENIENT = ("PublicObjectSearchRequest", "ListSearchRequest")
"""Schemas that call everything required and sorts texts, which the live API does not."""

# HubSpot lists v3 deals by type id only; the name means the same.
ALIASES = (("/crm/v3/objects/deals", "/crm/v3/objects/0-3"),)


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, and the file it is defined in."""

    file: str
    method: str
    template: str
    pattern: re.Pattern[str]


def available() -> bool:
    """Are the official files there?"""
    return SPECS.is_dir()


def validate_request(method: str, path: str, query: dict[str, list[str]], body: Any) -> list[str]:
    """What HubSpot's own description objects to, empty when nothing. `path` is without host and prefix.

    The old v2 calls and the mail log have no published description and pass.
    """
    if path.startswith(WITHOUT_SPEC):
        return []
    path = path.rstrip("/")
    for name, alias in ALIASES:
        path = path.replace(name, alias, 1) if path.startswith(name) else path
    for each in _operations():
        if each.method == method.lower() and each.pattern.fullmatch(path):
            described = _file(each.file)["paths"][each.template][each.method]
            return [*_query_faults(described, query), *_body_faults(each.file, described, body)]
    return [f"{method} {path}: no such operation"]


def validate_answer(file: str, schema: str, body: Any) -> list[str]:
    """What the schema of this name objects to in an answer, empty when nothing."""
    reference = {"$ref": f"{file}#/components/schemas/{schema}"}
    validator = Draft202012Validator(reference, registry=_registry(file))
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(body)]


def _query_faults(described: dict[str, Any], query: dict[str, list[str]]) -> list[str]:
    known = {each["name"]: each for each in described.get("parameters", []) if each["in"] == "query"}
    faults = [f"query {name}: unknown" for name in query if name not in known]
    for name, each in known.items():
        if each.get("required") and name not in query:
            faults.append(f"query {name}: required")
        if each["schema"].get("type") == "integer" and not all(v.isdigit() for v in query.get(name, [])):
            faults.append(f"query {name}: not a number")
    return faults


def _body_faults(file: str, described: dict[str, Any], body: Any) -> list[str]:
    content = described.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return [] if body is None else ["body: none is expected"]
    reference = content["schema"].get("$ref", "")
    name = reference.rpartition("/")[2]
    schema = {"$ref": file + reference} if reference else content["schema"]
    validator = Draft202012Validator(schema, registry=_registry(file))
    return [
        f"body.{error.json_path.removeprefix('$.')}: {error.message[:200]}"
        for error in validator.iter_errors(body)
        if not (name in LENIENT and _is_lenient(error))
    ]


def _is_lenient(error: ValidationError) -> bool:
    path = list(error.absolute_path)
    return path[:1] == ["sorts"] or (error.validator == "required" and not path)


@cache
def _operations() -> tuple[Operation, ...]:
    """Every operation, those with the fewest placeholders first."""
    found = [
        Operation(file.name, method, template, re.compile(_pattern(template)))
        for area in AREAS
        for file in sorted(SPECS.glob(f"{area}.*.json"))
        for template, methods in _file(file.name)["paths"].items()
        for method in methods
        if method in ("get", "post", "put", "patch", "delete")
    ]
    return tuple(sorted(found, key=lambda each: (each.template.count("{"), each.file)))


def _pattern(template: str) -> str:
    return "".join(
        "[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{\w+\})", template)
    )


@cache
def _file(name: str) -> dict[str, Any]:
    """One file with its objects closed: a field HubSpot does not describe is a mistake of the caller."""
    document: dict[str, Any] = json.loads((SPECS / name).read_text("utf-8"))
    for schema in document["components"]["schemas"].values():
        if schema.get("type") == "object" and schema.get("properties"):
            schema.setdefault("additionalProperties", False)
    return document


@cache
def _registry(file: str) -> Registry:
    """References are followed only as far as a body leads: the list schemas are recursive."""
    return Registry().with_resource(file, DRAFT202012.create_resource(_file(file)))
