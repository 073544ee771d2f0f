"""The stand-in HubSpot over a real socket, and the check of requests against the official descriptions."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import requests
from flask import Flask
from werkzeug.serving import make_server

from tests.sandbox import openapi
from tests.sandbox.hubspot import HubSpotPortal, make_blueprint

HEADERS = {"Authorization": "Bearer pat-eu1-sandbox"}


@pytest.fixture
def served() -> Iterator[tuple[HubSpotPortal, str]]:
    portal = HubSpotPortal()
    app = Flask("stand-in")
    app.register_blueprint(make_blueprint(portal), url_prefix="/hubspot")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield portal, f"http://127.0.0.1:{server.server_port}/hubspot"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_call_and_a_hang_up_over_a_real_connection(served: tuple[HubSpotPortal, str]) -> None:
    portal, base = served
    known = portal.add_contact({"email": "ana@example.com"})
    url = f"{base}/crm/objects/2026-09/contacts/batch/update"
    body = {"inputs": [{"id": known, "properties": {"city": "Vigo"}}]}
    with requests.Session() as session:
        session.headers.update(HEADERS)
        answer = session.post(url, json=body, timeout=5)
        assert answer.status_code == 200
        assert answer.headers["X-HubSpot-RateLimit-Max"] == "190"
        portal.faults.next("hang_up_after_apply")
        body["inputs"][0]["properties"] = {"city": "Lugo"}
        with pytest.raises(requests.ConnectionError):
            session.post(url, json=body, timeout=5)
    assert portal.contacts[known].properties["city"] == "Lugo"


official = pytest.mark.skipif(
    not openapi.available(), reason="the official files are not beside the repository"
)


@official
def test_a_request_as_described_is_not_objected_to() -> None:
    body = {"inputs": [{"id": "1", "properties": {"city": "Vigo"}, "objectWriteTraceId": "t"}]}
    for path in ("/crm/objects/2026-09/contacts/batch/update", "/crm/v3/objects/contacts/batch/update"):
        assert openapi.validate_request("POST", path, {}, body) == []
    assert openapi.validate_request("POST", "/crm/v3/objects/contacts/search", {}, {"limit": 5}) == []
    assert openapi.validate_request("PUT", "/crm/lists/2026-09/5/memberships/add", {}, ["1"]) == []
    body = {"name": "x", "objectTypeId": "0-1", "processingType": "MANUAL"}
    assert openapi.validate_request("POST", "/crm/v3/lists/", {}, body) == []


@official
@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        (
            "POST",
            "/crm/v3/objects/contacts/batch/update",
            {},
            {"inputs": [{"id": "1", "properties": {"a": 5}}]},
        ),
        ("POST", "/crm/v3/objects/contacts/batch/update", {}, {"inputs": [{"id": "1", "values": {}}]}),
        ("POST", "/crm/v3/objects/contacts/batch/enrich", {}, {"inputs": []}),
        ("POST", "/crm/v3/objects/contacts/search", {}, {"limit": "5"}),
        ("PUT", "/crm/lists/2026-09/5/memberships/add", {}, {"recordIds": ["1"]}),
        ("GET", "/crm/objects/2026-09/contacts", {"limit": ["ten"]}, None),
        ("GET", "/crm/objects/2026-09/contacts", {"page": ["2"]}, None),
        ("POST", "/crm/lists/2026-09", {}, {"name": "x"}),
    ],
)
def test_a_request_that_differs_from_the_description_is_objected_to(
    method: str, path: str, query: dict[str, list[str]], body: object
) -> None:
    assert openapi.validate_request(method, path, query, body)
