"""A Zoom account made of the fixtures: token address, API paths and page tokens over real HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from connectors.zoom.client import ZoomClient
from connectors.zoom.pull import ZoomSource
from tests.connectors.stand_in import Asked, Reply, Script, StandIn

FIXTURES = Path(__file__).parents[2] / "fixtures" / "zoom"
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HELD = "/q7Xk//9TeSC2zA5bPzW1g=="
"""The run of the only single webinar that is over: a uuid that must be encoded twice."""

ENDPOINTS = {
    "users_webinars": r"/users/([^/]+)/webinars",
    "past_webinars_instances": r"/past_webinars/([^/]+)/instances",
    "webinars_registrants": r"/webinars/([^/]+)/registrants",
    "webinars_panelists": r"/webinars/([^/]+)/panelists",
    "report_webinars_participants": r"/report/webinars/([^/]+)/participants",
    "report_webinars_polls": r"/report/webinars/([^/]+)/polls",
    "report_webinars_qa": r"/report/webinars/([^/]+)/qa",
    "report_webinars_survey": r"/report/webinars/([^/]+)/survey",
}
OF_STREAM = {
    "webinars": "users_webinars",
    "registrants": "webinars_registrants",
    "participants": "report_webinars_participants",
    "polls": "report_webinars_polls",
    "questions": "report_webinars_qa",
    "surveys": "report_webinars_survey",
}
NOT_READY = Reply(404, {"code": 3001, "message": "This webinar is not available or the ID is not valid."})


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text())


@dataclass
class Account:
    """Answers from the fixtures. `instead` is tried first: an answer for an endpoint and a name, or None."""

    instead: Any = lambda endpoint, name, asked: None
    scope: str = "webinar:read:admin report:read:admin"
    expires_in: int = 3600
    tokens: int = 0
    answers: dict[str, Any] = field(default_factory=lambda: {name: fixture(name) for name in ENDPOINTS})

    def __call__(self, asked: Asked) -> Reply:
        if asked.path == "/oauth/token":
            return self._token(asked)
        for endpoint, pattern in ENDPOINTS.items():
            found = re.fullmatch("/v2" + pattern, asked.path)
            if found:
                name = meant(found[1])
                return self.instead(endpoint, name, asked) or self.page(endpoint, name, asked)
        return NOT_READY

    def page(self, endpoint: str, name: str, asked: Asked) -> Reply:
        pages = self.answers[endpoint].get(name)
        if pages is None:
            return NOT_READY
        token = asked.query.get("next_page_token", "")
        tokens = ["", *(page.get("next_page_token", "") for page in pages[:-1])]
        if token not in tokens:
            return Reply(400, {"code": 300, "message": "The next page token is invalid or expired."})
        return Reply(200, pages[tokens.index(token)])

    def _token(self, asked: Asked) -> Reply:
        if asked.headers["Authorization"] != "Basic YXBwOnNlY3JldA==" or b"account_id=acc" not in asked.body:
            return Reply(400, {"reason": "Invalid client_id or client_secret", "error": "invalid_client"})
        self.tokens += 1
        body = {"access_token": f"t{self.tokens}", "token_type": "bearer", "scope": self.scope}
        return Reply(200, body | {"expires_in": self.expires_in})


def meant(segment: str) -> str:
    """A name as the caller meant it; with a "/" in front or "//" it counts only when encoded twice."""
    once = unquote(segment)
    if once.startswith("/") or "//" in once:
        return "encoded once too few"
    return unquote(once)


@contextmanager
def zoom(script: Script, **options: Any) -> Iterator[tuple[ZoomClient, StandIn]]:
    """A client before a stand-in that answers by `script`."""
    options = {"client_secret": "secret", "sleep": lambda seconds: None, "timeout": (1, 1)} | options
    with StandIn(script) as server:
        client = ZoomClient(
            "acc", "app", base_url=f"{server.url}/v2", oauth_url=f"{server.url}/oauth/token", **options
        )
        try:
            yield client, server
        finally:
            client.close()


@contextmanager
def source(script: Script, hosts: tuple[str, ...] = ("me",)) -> Iterator[ZoomSource]:
    with zoom(script) as (client, _):
        yield ZoomSource(client, hosts)
