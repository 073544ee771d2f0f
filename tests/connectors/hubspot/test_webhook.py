"""Deliveries from HubSpot: the v3 signature over the configured address, both event shapes."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hubspot.utils.signature import Signature

from app.domain.errors import BadRecord
from connectors.hubspot.times import to_millis
from connectors.hubspot.webhook import DECODED, HubSpotWebhook, decode_uri, sign_v3
from tests.contracts.webhook_source import NOW, WebhookSourceContract

SECRET = "client-secret-of-a-test"
PUBLIC_URL = "https://savia.example.com"
FIXTURES = Path(__file__).parents[2] / "fixtures" / "hubspot"
PAYLOADS = Path(__file__).parents[4] / "shared" / "contracts" / "payloads"
needs_payloads = pytest.mark.skipif(
    not PAYLOADS.is_dir(), reason="the vendor payloads are not beside this checkout"
)


class TestHubSpotWebhookContract(WebhookSourceContract):
    signature_header = "X-HubSpot-Signature-v3"
    stamp_header = "X-HubSpot-Request-Timestamp"
    oldest = timedelta(minutes=5)
    newest = timedelta(minutes=5)
    delivery = (FIXTURES / "webhook_mixed.json").read_bytes()

    def make_source(self) -> HubSpotWebhook:
        return HubSpotWebhook(SECRET, PUBLIC_URL)

    def sign(self, body: bytes, at: datetime) -> dict[str, str]:
        stamp = str(to_millis(at))
        signature = sign_v3(SECRET, PUBLIC_URL + "/webhooks/hubspot", body, stamp)
        return {self.signature_header: signature, self.stamp_header: stamp}


def test_a_trailing_slash_of_the_public_address_does_not_matter():
    body, stamp = b"[]", str(to_millis(NOW))
    headers = {
        "X-HubSpot-Signature-v3": sign_v3(SECRET, PUBLIC_URL + "/webhooks/hubspot", body, stamp),
        "X-HubSpot-Request-Timestamp": stamp,
    }
    assert HubSpotWebhook(SECRET, PUBLIC_URL + "/").verify(headers, body, NOW)
    assert not HubSpotWebhook(SECRET, "http://savia.example.com").verify(headers, body, NOW)


@pytest.mark.parametrize(("escape", "character"), DECODED.items())
def test_each_of_the_twelve_escapes_is_decoded(escape: str, character: str):
    assert (
        decode_uri(f"https://example.com/a{escape}b{escape}")
        == f"https://example.com/a{character}b{character}"
    )


@pytest.mark.parametrize("escape", ["%20", "%26", "%3D", "%25", "%23", "%2B", "%5B", "%C3%B1", "%253A"])
def test_every_other_escape_is_left_alone(escape: str):
    assert decode_uri(f"https://example.com/a{escape}") == f"https://example.com/a{escape}"


def test_there_are_twelve_escapes_and_each_is_decoded_once():
    assert len(DECODED) == 12
    assert decode_uri("%%33A%3A") == "%%33A:"


def test_the_vendor_package_agrees_on_a_plain_address():
    body = '[{"subscriptionType":"contact.creation"}]'
    stamp = str(to_millis(datetime.now(UTC)))
    uri = PUBLIC_URL + "/webhooks/hubspot"
    assert Signature.is_valid(
        signature=sign_v3(SECRET, uri, body.encode(), stamp),
        client_secret=SECRET,
        request_body=body,
        http_uri=uri,
        http_method="POST",
        signature_version="v3",
        timestamp=stamp,
    )


@needs_payloads
def test_the_official_signature_vectors_pass():
    vectors = json.loads((PAYLOADS / "signatures" / "hubspot.json").read_text())
    v3 = [vector for vector in vectors if vector["version"] == "v3"]
    assert v3
    for vector in v3:
        signed = sign_v3(
            vector["clientSecret"],
            vector["uri"],
            vector["body"].encode(),
            vector["timestamp"],
            vector["method"],
        )
        assert signed == vector["signature"], vector["id"]


@needs_payloads
def test_an_older_signature_version_is_never_accepted():
    vectors = json.loads((PAYLOADS / "signatures" / "hubspot.json").read_text())
    for vector in (v for v in vectors if v["version"] != "v3"):
        source = HubSpotWebhook(vector["clientSecret"], "https://www.example.com")
        headers = {
            "X-HubSpot-Signature-v3": vector["signature"],
            "X-HubSpot-Request-Timestamp": str(to_millis(NOW)),
        }
        assert not source.verify(headers, vector["body"].encode(), NOW)


def test_a_v1_signature_alone_is_refused():
    body = b"[]"
    digest = hashlib.sha256(SECRET.encode() + body).hexdigest()
    headers = {"X-HubSpot-Signature": digest, "X-HubSpot-Request-Timestamp": str(to_millis(NOW))}
    assert not HubSpotWebhook(SECRET, PUBLIC_URL).verify(headers, body, NOW)


def test_both_shapes_of_contact_and_deal_events_share_a_stream_and_others_keep_their_own():
    records = HubSpotWebhook(SECRET, PUBLIC_URL).parse((FIXTURES / "webhook_mixed.json").read_bytes())
    assert [record.stream for record in records] == [
        "contact.creation",
        "contact.propertyChange",
        "deal.propertyChange",
        "object.creation",
        "contact.privacyDeletion",
    ]
    assert records[1].payload["propertyValue"] == "Dirección 🌱"


@pytest.mark.parametrize(
    "happening", ["creation", "deletion", "merge", "restore", "propertyChange", "associationChange"]
)
def test_an_object_event_of_a_contact_reads_like_a_contact_event(happening: str):
    event = {"subscriptionType": f"object.{happening}", "objectTypeId": "0-1", "objectId": 1}
    (record,) = HubSpotWebhook(SECRET, PUBLIC_URL).parse(json.dumps(event).encode())
    assert record.stream == f"contact.{happening}"


def test_the_place_of_an_unreadable_event_is_named():
    body = json.dumps([{"subscriptionType": "contact.creation"}, {"subscriptionType": 7}]).encode()
    with pytest.raises(BadRecord) as caught:
        HubSpotWebhook(SECRET, PUBLIC_URL).parse(body)
    assert caught.value.path == "[1].subscriptionType"


@needs_payloads
def test_every_published_delivery_is_parsed():
    found = {
        path.stem: [record.stream for record in HubSpotWebhook(SECRET, PUBLIC_URL).parse(path.read_bytes())]
        for path in sorted((PAYLOADS / "hubspot").glob("webhook_*.json"))
    }
    assert found == {
        "webhook_legacy_contact_creation": ["contact.creation"],
        "webhook_object_propertyChange_contact": ["contact.propertyChange"],
        "webhook_object_propertyChange_custom_object": ["object.propertyChange"],
    }


def test_a_delivery_signed_over_the_address_it_was_sent_to_names_that_as_the_fault():
    called, body, stamp = "https://savia-prod.herokuapp.com/webhooks/hubspot", b"[]", str(to_millis(NOW))
    headers = {
        "X-HubSpot-Signature-v3": sign_v3(SECRET, called, body, stamp),
        "X-HubSpot-Request-Timestamp": stamp,
    }
    source = HubSpotWebhook(SECRET, PUBLIC_URL)
    assert source.why_refused(headers, body, called) == "address"
    assert source.why_refused(headers, body, "https://elsewhere.example.com/webhooks/hubspot") == "secret"
