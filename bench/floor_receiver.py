"""The least a durable receiver can be: a bare Flask route, the same HMAC, one INSERT. Run by gunicorn."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import threading
from datetime import UTC, datetime

import psycopg
from flask import Flask, Response, request

from app.store.database import psycopg_url
from bench.ground import PUBLIC_URL
from tests.sandbox.server import HUBSPOT_CLIENT_SECRET, ZOOM_WEBHOOK_SECRET

INSERT = """
    INSERT INTO floor_inbox (delivery_key, source, body, received_at, state) VALUES (%s, %s, %s, %s, 'new')
"""
CREATE = "CREATE TABLE floor_inbox (LIKE inbox INCLUDING ALL)"

web = Flask(__name__)
own = threading.local()


@web.post("/webhooks/zoom")
def zoom() -> Response:
    """Zoom's v0 signature."""
    body, stamp = request.get_data(), request.headers["x-zm-request-timestamp"]
    digest = hmac.new(ZOOM_WEBHOOK_SECRET.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256)
    return _keep("zoom", "v0=" + digest.hexdigest(), request.headers["x-zm-signature"], body)


@web.post("/webhooks/hubspot")
def hubspot() -> Response:
    """HubSpot's v3 signature."""
    body, stamp = request.get_data(), request.headers["X-HubSpot-Request-Timestamp"]
    signed = f"POST{PUBLIC_URL}/webhooks/hubspot".encode() + body + stamp.encode()
    digest = hmac.new(HUBSPOT_CLIENT_SECRET.encode(), signed, hashlib.sha256).digest()
    given = request.headers["X-HubSpot-Signature-v3"]
    return _keep("hubspot", base64.b64encode(digest).decode(), given, body)


def _keep(source: str, expected: str, given: str, body: bytes) -> Response:
    if not hmac.compare_digest(expected, given):
        return Response(status=401)
    if not hasattr(own, "connection"):
        own.connection = psycopg.connect(psycopg_url(os.environ["DATABASE_URL"]), autocommit=True)
    own.connection.execute(INSERT, [given, source, body, datetime.now(UTC)])
    return Response(status=204)
