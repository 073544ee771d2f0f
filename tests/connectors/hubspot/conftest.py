"""A stand-in portal over real HTTP, and clients that speak to it in both versions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.paths import API_VERSIONS
from tests.sandbox.hubspot import HubSpotPortal, make_blueprint
from tests.sandbox.openapi import available, validate_request

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The address of `app` on a free port, until the end of the block."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def client_of(
    address: str, version: str = "2026-09", token: str = "pat-eu1-sandbox"
) -> Iterator[HubSpotClient]:
    client = HubSpotClient(token, address, version, sleep=lambda _seconds: None)
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
def portal() -> HubSpotPortal:
    portal = HubSpotPortal(now=NOW.timestamp)
    # The portal's clock stands still here, so its windows would never move on.
    portal.limits.window_max = portal.limits.search_max = 1_000_000
    return portal


@pytest.fixture
def address(portal: HubSpotPortal) -> Iterator[str]:
    """Behind a path prefix, as the demo serves it. Where HubSpot's own specification is at hand, a request it
    does not describe fails the test.
    """
    faults: list[str] = []

    def note(method: str, path: str, query: dict[str, list[str]], body: Any) -> None:
        if available():
            faults.extend(validate_request(method, path, query, body))

    app = Flask("hubspot")
    app.register_blueprint(make_blueprint(portal, note), url_prefix="/hubspot")
    with served(app) as root:
        yield f"{root}/hubspot"
    assert faults == []


@pytest.fixture(params=API_VERSIONS)
def client(request: pytest.FixtureRequest, address: str) -> Iterator[HubSpotClient]:
    with client_of(address, request.param) as client:
        yield client


@pytest.fixture
def answering() -> Iterator[Callable[[Callable[..., object]], HubSpotClient]]:
    """Makes a client before a server of one function: every call is answered with what it returns."""
    opened: list[object] = []

    def make(view: Callable[..., object]) -> HubSpotClient:
        app = Flask("answering")
        app.add_url_rule("/<path:path>", view_func=view, methods=["GET", "POST", "PUT"])
        serving = served(app)
        speaking = client_of(serving.__enter__())
        opened.extend((serving, speaking))
        return speaking.__enter__()

    yield make
    for each in reversed(opened):
        each.__exit__(None, None, None)
