"""Zoom's own samples through webhook and source, where the contracts lie beside the project."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.zoom.pull import ZoomSource
from connectors.zoom.webhook import ZoomWebhook, sign
from tests.connectors.stand_in import Asked, Reply
from tests.connectors.zoom.account import zoom

SHARED = Path(__file__).parents[4] / "shared" / "contracts" / "payloads"
EVENTS = sorted((SHARED / "zoom" / "webhooks").glob("*.json"))
ENDPOINTS = sorted((SHARED / "zoom" / "endpoints").glob("*.json"))

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/contracts/payloads is not there")


def vectors() -> list[dict[str, Any]]:
    found = SHARED / "signatures" / "zoom.json"
    return json.loads(found.read_text()) if found.is_file() else []


@pytest.mark.parametrize("vector", [v for v in vectors() if "signature" in v], ids=lambda v: v["id"])
def test_a_published_signature_is_accepted(vector):
    body = vector["body"].encode()
    assert sign(vector["secretToken"], vector["timestamp"], body) == vector["signature"]
    headers = {"x-zm-signature": vector["signature"], "x-zm-request-timestamp": vector["timestamp"]}
    signed_at = datetime.fromtimestamp(int(vector["timestamp"]), tz=UTC)
    assert ZoomWebhook(vector["secretToken"]).verify(headers, body, signed_at)


@pytest.mark.parametrize("vector", [v for v in vectors() if "encryptedToken" in v], ids=lambda v: v["id"])
def test_a_published_validation_is_answered(vector):
    event = {"event": "endpoint.url_validation", "payload": {"plainToken": vector["plainToken"]}}
    answer = ZoomWebhook(vector["secretToken"]).challenge(json.dumps(event).encode())
    assert answer == {"plainToken": vector["plainToken"], "encryptedToken": vector["encryptedToken"]}


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_every_sample_event_becomes_one_record(path):
    (record,) = ZoomWebhook("secret").parse(path.read_bytes())
    assert record.stream == path.stem
    assert record.payload == json.loads(path.read_text())


@pytest.mark.parametrize("path", ENDPOINTS, ids=lambda path: path.stem)
def test_every_sample_answer_can_be_read(path):
    with zoom(_samples) as (client, _):
        assert client.get(f"/sample/{path.stem}", "Light") == json.loads(path.read_text())


@pytest.mark.parametrize("stream", ZoomSource.streams)
def test_the_sample_answers_travel_through_every_stream(stream):
    now = datetime(2022, 3, 28, tzinfo=UTC)
    with zoom(_samples) as (client, _):
        pages = list(ZoomSource(client).pull(stream, None, now))
    assert [record.payload for page in pages for record in page.records]
    json.dumps(pages[-1].cursor)


def _samples(asked: Asked) -> Reply:
    """Each sample once as the only page of its listing: the page tokens in them lead nowhere."""
    if asked.path == "/oauth/token":
        return Reply(200, {"access_token": "t", "expires_in": 3600})
    parts = asked.path.removeprefix("/v2/").split("/")
    if parts[0] == "sample":
        return Reply(200, json.loads((SHARED / "zoom" / "endpoints" / f"{parts[1]}.json").read_text()))
    kind = "userId" if parts[0] == "users" else "webinarId"
    parts[-2] = kind
    sample = json.loads((SHARED / "zoom" / "endpoints" / f"{'-'.join(parts)}_GET.json").read_text())
    return Reply(200, sample | {"next_page_token": ""})
