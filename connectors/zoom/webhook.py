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
from app.domain.ports import WhyRefused
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
        given, stamp = _signed(headers)
        return bool(self._secret) and _is_fresh(stamp, now) and self._is_ours(given, stamp, body)

    def why_refused(self, headers: Mapping[str, str], body: bytes, called: str) -> WhyRefused:  # noqa: ARG002 Zoom signs no address
        """Our own signature under a stamp that is not fresh is a matter of clocks."""
        given, stamp = _signed(headers)
        if not given.startswith("v0=") or not _is_stamp(stamp):
            return ""
        return "stamp" if self._is_ours(given, stamp, body) else "secret"

    def _is_ours(self, given: str, stamp: str, body: bytes) -> bool:
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


def _signed(headers: Mapping[str, str]) -> tuple[str, str]:
    """The signature and its stamp; "" for what is not there."""
    values = {name.lower(): value for name, value in headers.items()}
    return values.get("x-zm-signature", ""), values.get("x-zm-request-timestamp", "")


def _is_stamp(stamp: str) -> bool:
    return stamp.isascii() and stamp.isdigit() and len(stamp) <= 12


def _is_fresh(stamp: str, now: datetime) -> bool:
    return _is_stamp(stamp) and -NEWEST <= now.timestamp() - int(stamp) <= OLDEST


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
