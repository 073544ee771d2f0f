"""A portal, its clock and a caller for the tests of the stand-in HubSpot."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.sandbox import openapi
from tests.sandbox.hubspot import HubSpotPortal, make_blueprint

FAMILIES = ("2026-09", "v3")
START = 1_795_000_000.0


class Desk:
    """One portal behind Flask's test client. `now` is the portal's clock; `objections` is what the official
    descriptions say against the requests made.
    """

    def __init__(self, family: str = "2026-09") -> None:
        self.now = START
        self.family = family
        self.portal = HubSpotPortal(now=lambda: self.now)
        self.objections: list[str] = []
        app = Flask("stand-in")
        app.testing = True
        app.register_blueprint(make_blueprint(self.portal, self._check), url_prefix="/hubspot")
        self._client = app.test_client()

    def call(self, method: str, path: str, body: Any = None, token: str = "pat-eu1-sandbox") -> TestResponse:
        """One request with the token."""
        headers = {"Authorization": f"Bearer {token}"}
        return self._client.open(f"/hubspot{path}", method=method, json=body, headers=headers)

    def post(self, path: str, body: Any) -> TestResponse:
        """POST to an objects path of this family, such as "/contacts/batch/read"."""
        return self.call("POST", self.objects(path), body)

    def get(self, path: str) -> TestResponse:
        """GET an objects path of this family."""
        return self.call("GET", self.objects(path))

    def objects(self, rest: str) -> str:
        """The path of an objects operation in this family."""
        return f"/crm/v3/objects{rest}" if self.family == "v3" else f"/crm/objects/2026-09{rest}"

    def area(self, name: str, rest: str = "") -> str:
        """The path of another operation ("lists", "properties", "pipelines", "owners") in this family."""
        return f"/crm/v3/{name}{rest}" if self.family == "v3" else f"/crm/{name}/2026-09{rest}"

    def update(self, contact_id: str, **properties: str) -> TestResponse:
        """A batch update of one contact."""
        return self.post("/contacts/batch/update", {"inputs": [{"id": contact_id, "properties": properties}]})

    def contact(self, name: str = "ana", **properties: str) -> str:
        """A contact made by a person, NAME@example.com."""
        return self.portal.add_contact({"email": f"{name}@example.com"} | properties)

    def _check(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> None:
        if openapi.available():
            faults = openapi.validate_request(method, path, query, body)
            self.objections.extend(f"{method} {path}: {fault}" for fault in faults)


def error_of(response: TestResponse) -> str:
    """The category and message of an answer."""
    return f"{response.json['category']} {response.json['message']}"
