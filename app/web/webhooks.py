"""Webhook endpoints: verify, store, answer. A vendor waits three to five seconds and retries what failed."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from app.domain.ports import PATH_HEADER
from app.pipeline.receive import receive
from app.services import Services

LARGEST_BODY = 1024 * 1024
"""One MiB: a hundred HubSpot events are a tenth of it."""


def make_blueprint(services: Services) -> Blueprint:
    """`POST /webhooks/<vendor>` for every vendor that is on. Whatever follows it may be a vendor's secret."""
    routes = Blueprint("webhooks", __name__)

    @routes.post("/webhooks/<vendor>")
    @routes.post("/webhooks/<vendor>/<path:rest>")
    def deliver(vendor: str, rest: str = "") -> Response:
        source = services.webhooks.get(vendor)
        if source is None:
            return Response("404 this webhook is off: see /setup for what it lacks\n", 404)
        body = request.get_data(cache=False)
        if len(body) > LARGEST_BODY:
            return Response("413 one MiB at most\n", 413)
        headers = {**dict(request.headers), PATH_HEADER: rest}
        received = receive(services, source, headers, body, services.clock(), _called())
        if not received.accepted:
            return Response("401 bad or missing signature\n", 401)
        return jsonify(received.answer) if received.answer else Response(status=204)

    return routes


def _called() -> str:
    """The address as the vendor wrote it: a router in front of us ends TLS and says so."""
    scheme = request.headers.get("X-Forwarded-Proto", request.scheme)
    return f"{scheme}://{request.host}{request.path}"
