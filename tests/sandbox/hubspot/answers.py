"""HubSpot's answers in its own words: refusals with their bodies, time stamps, batch envelopes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route says: status, JSON body (None for no body), further headers."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """A call HubSpot turns down, with the status and body it does so with."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(str(body.get("message", status)))
        self.status = status
        self.body = body


def iso(at: float) -> str:
    """Seconds since 1970 as HubSpot prints an instant: UTC, milliseconds only where there are any."""
    milliseconds = round(at * 1000)
    whole = datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    rest = milliseconds % 1000
    return f"{whole}.{rest:03}Z" if rest else f"{whole}Z"


def refusal(status: int, category: str, message: str, **more: Any) -> Refusal:
    """An error in HubSpot's standard shape (error-handling page)."""
    body = {"status": "error", "message": message, "correlationId": str(uuid.uuid4()), "category": category}
    return Refusal(status, body | more)


def invalid(message: str, **more: Any) -> Refusal:
    """400 VALIDATION_ERROR."""
    return refusal(400, "VALIDATION_ERROR", message, **more)


def missing(message: str, **more: Any) -> Refusal:
    """404 OBJECT_NOT_FOUND."""
    return refusal(404, "OBJECT_NOT_FOUND", message, **more)


def invalid_properties(errors: Sequence[Json]) -> Refusal:
    """400 for property values: the faults as a JSON text inside the message, and as a list."""
    details = [
        {"message": each["message"], "code": each["error"], "context": {"propertyName": [each["name"]]}}
        for each in errors
    ]
    return invalid(properties_message(errors), errors=details)


def properties_message(errors: Sequence[Json]) -> str:
    """The sentence HubSpot wraps property faults in."""
    return "Property values were not valid: " + json.dumps(list(errors), separators=(",", ":"))


def item_error(category: str, message: str, context: dict[str, list[str]]) -> Json:
    """One entry of `errors` in a 207."""
    return {"status": "error", "category": category, "message": message, "context": context}


def batch(started: float, ended: float, results: list[Json], errors: list[Json], status: int = 200) -> Answer:
    """A batch envelope: `status` when all went well, 207 with `numErrors` and `errors` otherwise."""
    body: Json = {"status": "COMPLETE", "results": results}
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    body |= {"startedAt": iso(started), "completedAt": iso(ended)}
    return Answer(207 if errors else status, body)
