"""HubSpot calling us: the v3 signature over the configured public address, and the events of one delivery.

Source: HubSpot's "validating requests" and webhooks pages. Both event shapes are accepted: `contact.*` and
`object.*` with an object type id.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from app.domain.errors import BadRecord
from app.domain.ports import WhyRefused
from app.domain.records import Record

PATH = "/webhooks/hubspot"
FRESH = timedelta(minutes=5)

DECODED = {
    "%3A": ":",
    "%2F": "/",
    "%3F": "?",
    "%40": "@",
    "%21": "!",
    "%24": "$",
    "%27": "'",
    "%28": "(",
    "%29": ")",
    "%2A": "*",
    "%2C": ",",
    "%3B": ";",
}
"""The sequences HubSpot decodes before it signs; every other one stays as it is."""

_ENCODED = re.compile("|".join(DECODED))
_OBJECT_NAMES = {"0-1": "contact", "0-3": "deal"}
_STAMP = re.compile("[0-9]{1,14}")


class HubSpotWebhook:
    """The WebhookSource of HubSpot. `client_secret` is the app's, not the token."""

    name = "hubspot"

    def __init__(self, client_secret: str, public_url: str) -> None:
        self._secret = client_secret
        self._uri = public_url.rstrip("/") + PATH

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        """Signed with our secret, over our address, within five minutes either way of `now`."""
        signature, stamp = _signed(headers)
        return _is_fresh(stamp, now) and self._is_over(self._uri, signature, body, stamp)

    def why_refused(self, headers: Mapping[str, str], body: bytes, called: str) -> WhyRefused:
        """A signature that is ours over the address it was really sent to means another target address."""
        signature, stamp = _signed(headers)
        if not signature or not _STAMP.fullmatch(stamp):
            return ""
        if self._is_over(self._uri, signature, body, stamp):
            return "stamp"
        return "address" if self._is_over(called, signature, body, stamp) else "secret"

    def _is_over(self, uri: str, signature: str, body: bytes, stamp: str) -> bool:
        if not signature.isascii():
            return False
        return hmac.compare_digest(sign_v3(self._secret, uri, body, stamp), signature)

    def challenge(self, body: bytes) -> dict[str, str] | None:  # noqa: ARG002 - the port's signature
        """HubSpot validates no address."""
        return None

    def parse(self, body: bytes) -> tuple[Record, ...]:
        """One record per event; HubSpot sends an array of up to 100, a lone object is read too."""
        try:
            read = json.loads(body)
        except (ValueError, RecursionError):
            raise BadRecord("body", "is not JSON; look at the raw delivery in quarantine") from None
        events = read if isinstance(read, list) else [read]
        return tuple(_record(position, event) for position, event in enumerate(events))


def sign_v3(secret: str, uri: str, body: bytes, timestamp: str, method: str = "POST") -> str:
    """HubSpot's v3 signature of one delivery; `timestamp` is milliseconds since 1970 as text."""
    signed = (method + decode_uri(uri)).encode() + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def decode_uri(uri: str) -> str:
    """The address as HubSpot signs it: twelve escapes decoded once, all others left alone."""
    return _ENCODED.sub(lambda found: DECODED[found[0]], uri)


def _signed(headers: Mapping[str, str]) -> tuple[str, str]:
    """The signature and its stamp; "" for what is not there."""
    given = {name.lower(): value for name, value in headers.items()}
    return given.get("x-hubspot-signature-v3", ""), given.get("x-hubspot-request-timestamp", "")


def _is_fresh(stamp: str, now: datetime) -> bool:
    if not _STAMP.fullmatch(stamp):
        return False
    sent = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(stamp))
    return abs(now - sent) <= FRESH


def _record(position: int, event: Any) -> Record:
    if not isinstance(event, dict):
        raise BadRecord(f"[{position}]", "must be an object; look at the raw delivery in quarantine")
    kind = event.get("subscriptionType")
    if kind is None and "eventId" in event:
        return Record("hubspot", "", event)  # held by itself: the others in its delivery go on
    if not isinstance(kind, str) or "." not in kind:
        raise BadRecord(f"[{position}].subscriptionType", 'must be text such as "contact.creation"')
    return Record("hubspot", _stream(kind, event.get("objectTypeId")), event)


def _stream(kind: str, object_type_id: Any) -> str:
    """`object.*` of contacts and deals under the names of the older shape; others keep their own."""
    subject, _, happening = kind.partition(".")
    if subject == "object":
        subject = _OBJECT_NAMES.get(str(object_type_id), subject)
    return f"{subject}.{happening}"
