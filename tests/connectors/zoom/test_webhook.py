"""Zoom's deliveries: the shared promises, and those that are Zoom's own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.errors import BadRecord
from connectors.zoom.webhook import ZoomWebhook, sign
from tests.connectors.zoom.account import FIXTURES, fixture
from tests.contracts.webhook_source import NOW, WebhookSourceContract

SECRET = "4fv1RkqGQUq5sWbEz6hA5A"
EVENTS = sorted(path.stem for path in FIXTURES.glob("webinar.*.json"))


class TestZoomWebhook(WebhookSourceContract):
    signature_header = "x-zm-signature"
    stamp_header = "x-zm-request-timestamp"
    oldest = timedelta(minutes=90)
    newest = timedelta(minutes=5)
    delivery = (FIXTURES / "webinar.participant_left.json").read_bytes()
    challenge = (
        b'{"payload":{"plainToken":"xys8n8PGS7mAU0m5-YJjRA"},"event":"endpoint.url_validation"}',
        {
            "plainToken": "xys8n8PGS7mAU0m5-YJjRA",
            "encryptedToken": "2fffc6a967dde4f68024025a5bd991c5ae1e5313b4e6365be4883e3e81d479b3",
        },
    )

    def make_source(self) -> ZoomWebhook:
        return ZoomWebhook(SECRET)

    def sign(self, body: bytes, at: datetime) -> dict[str, str]:
        stamp = str(int(at.timestamp()))
        return {self.stamp_header: stamp, self.signature_header: sign(SECRET, stamp, body)}


def test_a_signature_published_for_zooms_algorithm_is_reproduced():
    body = (
        b'{"payload":{"plainToken":"xys8n8PGS7mAU0m5-YJjRA"},'
        b'"event_ts":1720705455858,"event":"endpoint.url_validation"}'
    )
    published = "v0=93a1a675965ceb9c5a50c5dfb31f20e50f763be37a54ef74cd2d16a1a8e5c0d6"
    assert sign(SECRET, "1720705455", body) == published


def test_with_no_secret_token_nothing_is_accepted():
    stamp = str(int(NOW.timestamp()))
    headers = {"x-zm-request-timestamp": stamp, "x-zm-signature": sign("", stamp, b"{}")}
    assert not ZoomWebhook("").verify(headers, b"{}", NOW)


def test_the_last_retry_is_still_fresh():
    body, event = b"{}", datetime(2026, 11, 22, 8, 35, tzinfo=UTC)
    stamp = str(int(event.timestamp()))
    headers = {"X-Zm-Request-Timestamp": stamp, "X-Zm-Signature": sign(SECRET, stamp, body)}
    assert ZoomWebhook(SECRET).verify(headers, body, event + timedelta(minutes=85))


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_becomes_one_record_with_the_whole_envelope(event):
    (record,) = ZoomWebhook(SECRET).parse((FIXTURES / f"{event}.json").read_bytes())
    assert (record.source, record.stream) == ("zoom", event)
    assert record.payload == fixture(event)


def test_escaped_and_plain_text_mean_the_same():
    envelope = fixture("webinar.chat_message_sent")
    plain, escaped = (json.dumps(envelope, ensure_ascii=ascii_only).encode() for ascii_only in (False, True))
    assert ZoomWebhook(SECRET).parse(plain) == ZoomWebhook(SECRET).parse(escaped)


@pytest.mark.parametrize("body", [b"{}", b'{"event": ""}', b'{"event": 7}', b'[{"event": "webinar.ended"}]'])
def test_a_delivery_without_an_event_is_a_bad_record_at_event(body):
    with pytest.raises(BadRecord) as raised:
        ZoomWebhook(SECRET).parse(body)
    assert raised.value.path == "event"


@pytest.mark.parametrize("payload", [None, [], "x", {}, {"plainToken": 7}])
def test_a_validation_without_a_plain_token_is_not_answered(payload):
    body = json.dumps({"event": "endpoint.url_validation", "payload": payload}).encode()
    assert ZoomWebhook(SECRET).challenge(body) is None
