"""What callers did at the sandbox's door: every call by vendor and outcome, and those that should not be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, request

VENDORS = ("hubspot", "zoom", "activecampaign", "ga4", "openai")
UNDEFINED = ("undefined", "None", "null", "NaN", "nil")


@dataclass
class Traffic:
    """Calls by (vendor, outcome): "2xx", "429", other classes, "down". Vendors in `down` answer 503 with a
    proxy's page. `undefined` are calls that spoke of an e-mail or name that is none.
    """

    down: set[str] = field(default_factory=set)
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    undefined: list[str] = field(default_factory=list)

    def taken(self) -> Counter[tuple[str, str]]:
        """The counts since the last call, which begin anew."""
        counted, self.calls = self.calls, Counter()
        return counted


def watch(app: Flask, traffic: Traffic) -> None:
    """Count what comes in and close the doors of vendors that are down."""

    @app.before_request
    def enter() -> Response | None:
        vendor = _vendor()
        if vendor and (found := next(_undefined(), None)):
            traffic.undefined.append(f"{request.method} {request.path}: {found}")
        if vendor in traffic.down:
            return Response("<html><body><h1>503</h1></body></html>", 503, mimetype="text/html")
        return None

    @app.after_request
    def leave(response: Response) -> Response:
        vendor, status = _vendor(), response.status_code
        if vendor:
            outcome = "429" if status == 429 else f"{status // 100}xx"
            traffic.calls[vendor, "down" if vendor in traffic.down else outcome] += 1
            if status >= 400 and vendor not in traffic.down:
                traffic.refused[vendor, f"{request.method} {request.url_rule}", status] += 1
        return response


def _vendor() -> str:
    name = request.path.split("/")[1]
    return name if name in VENDORS else ""


def _undefined() -> Iterator[str]:
    """What of a call is no value: a word for nothing in its address or body, an empty e-mail."""
    parts = request.path.split("/")
    yield from (part for part in parts if part in UNDEFINED)
    for name, value in request.args.items():
        if value in UNDEFINED or ("email" in name and not value):
            yield f"{name}={value}"
    yield from _in_body(request.get_json(silent=True), "")


def _in_body(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _in_body(inner, str(key))
        inputs = value.get("inputs", ()) if value.get("idProperty") == "email" else ()
        yield from ("an empty id where an e-mail is asked for" for one in inputs if not one.get("id"))
    elif isinstance(value, list):
        for inner in value:
            yield from _in_body(inner, name)
    elif value in UNDEFINED or (name == "email" and value in (None, "")):
        yield f"{name}: {value}"
