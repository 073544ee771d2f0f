"""Zoom's deliveries: is one signed and fresh, is it a check of our address, what does it say.

Source: developers.zoom.us, "Using webhooks", and the sample app zoom/webhook-sample.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NoReturn

from app.domain.errors import BadRecord
from app.domain.records import Record

OLDEST = 90 * 60
"""Seconds. Zoom's last retry comes an hour after the one before it: 85 minutes after the event."""
NEWEST = 5 * 60
"""Seconds a stamp may lie in the future: clocks differ."""


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The `x-zm-signature` of a delivery; `timestamp` is the text of `x-zm-request-timestamp` (seconds)."""
    message = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


class ZoomWebhook:
    """A WebhookSource for one Zoom app. With an empty secret token nothing is accepted."""

    name = "zoom"

    def __init__(self, secret_token: str) -> None:
        self._secret = secret_token

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        """Is `body` signed with our secret token, by a stamp at most 90 minutes old? Raises nothing."""
        values = {name.lower(): value for name, value in headers.items()}
        stamp = values.get("x-zm-request-timestamp", "")
        given = values.get("x-zm-signature", "")
        if not self._secret or not _is_fresh(stamp, now):
            return False
        # Compared as bytes: compare_digest refuses text that is not ASCII.
        expected = sign(self._secret, stamp, body).encode()
        return hmac.compare_digest(expected, given.encode(errors="replace"))

    def challenge(self, body: bytes) -> dict[str, str] | None:
        """The answer to `endpoint.url_validation`, which Zoom repeats every 72 hours; None for the rest."""
        try:
            envelope = _envelope(body)
        except BadRecord:
            return None  # no challenge; `parse` says what is wrong with it
        payload = envelope.get("payload")
        plain = payload.get("plainToken") if isinstance(payload, dict) else None
        if envelope["event"] != "endpoint.url_validation" or not isinstance(plain, str):
            return None
        encrypted = hmac.new(self._secret.encode(), plain.encode(), hashlib.sha256).hexdigest()
        return {"plainToken": plain, "encryptedToken": encrypted}

    def parse(self, body: bytes) -> tuple[Record, ...]:
        """One record: the stream is the event's name, the payload the whole envelope."""
        envelope = _envelope(body)
        return (Record(self.name, envelope["event"], envelope),)


def _is_fresh(stamp: str, now: datetime) -> bool:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        return False
    return -NEWEST <= now.timestamp() - int(stamp) <= OLDEST


def _envelope(body: bytes) -> dict[str, Any]:
    """The JSON object of a delivery, its event's name made sure of. Raises BadRecord."""
    try:
        envelope = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise BadRecord("event", "the body is not JSON; look at it with `jobs quarantine`") from None
    if not isinstance(envelope, dict):
        raise BadRecord("event", "the body is not a JSON object; look at it with `jobs quarantine`")
    event = envelope.get("event")
    if not isinstance(event, str) or not event:
        raise BadRecord("event", "the delivery does not name its event")
    return envelope


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
