"""How Zoom and HubSpot sign what they send: written from their published rules, apart from our verifiers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A body and its headers, ready to post."""

    body: bytes
    headers: Mapping[str, str]


def zoom(event: Mapping[str, Any], secret: str, at: float) -> SignedRequest:
    """Zoom's v0: hex HMAC of "v0:{seconds}:{body}". Text goes out with backslash-u escapes, as Zoom may."""
    body, stamp = json.dumps(event).encode(), str(int(at))
    return SignedRequest(
        body,
        {
            "Content-Type": "application/json",
            "x-zm-request-timestamp": stamp,
            "x-zm-signature": zoom_signature(body, stamp, secret),
        },
    )


def zoom_signature(body: bytes, stamp: str, secret: str) -> str:
    """The header's value for these bytes; `stamp` in seconds."""
    message = b"v0:" + stamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def challenge_answer(plain_token: str, secret: str) -> dict[str, str]:
    """What a receiver must answer to Zoom's URL validation."""
    encrypted = hmac.new(secret.encode(), plain_token.encode(), hashlib.sha256).hexdigest()
    return {"plainToken": plain_token, "encryptedToken": encrypted}


def hubspot(events: list[dict[str, Any]], secret: str, uri: str, at: float) -> SignedRequest:
    """HubSpot's v3 (base64 HMAC of method, public address, body and milliseconds) beside its v1, as
    subscription deliveries carry them.
    """
    body = json.dumps(events, ensure_ascii=False).encode()
    stamp = str(int(at * 1000))
    return SignedRequest(
        body,
        {
            "Content-Type": "application/json",
            "X-HubSpot-Signature": hashlib.sha256(secret.encode() + body).hexdigest(),
            "X-HubSpot-Signature-v3": hubspot_signature(body, stamp, secret, uri),
            "X-HubSpot-Request-Timestamp": stamp,
        },
    )


def hubspot_signature(body: bytes, stamp: str, secret: str, uri: str) -> str:
    """The v3 header's value for a POST of these bytes to `uri`; `stamp` in milliseconds."""
    message = b"POST" + uri.encode() + body + stamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()
