"""The Data API's paths over HTTP, to be mounted at /ga4."""

from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, Response, jsonify, request

from tests.sandbox.ga4.errors import Ga4Error, bad_request
from tests.sandbox.ga4.property import METRICS, STANDARD, Ga4Property
from tests.sandbox.ga4.report import run_report

HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"


def make_blueprint(prop: Ga4Property) -> Blueprint:
    """runReport, batchRunReports and metadata of one property; every other property is forbidden. Whatever
    stands in the query ($alt) is taken as it comes.
    """
    ga4 = Blueprint("ga4", __name__)
    ga4.register_error_handler(Ga4Error, lambda error: (jsonify(error.body()), error.code))
    ga4.before_request(lambda: _spoil(prop))

    @ga4.post("/v1beta/properties/<name>:<verb>")
    def report(name: str, verb: str) -> Response:
        prop.requests[verb] += 1
        _allow(prop, name)
        asked = request.get_json(silent=True)
        if not isinstance(asked, dict):
            raise bad_request("Invalid JSON payload received.")
        prop.quota.enter(prop.clock())
        try:
            with prop.lock:
                return jsonify(_run(prop, verb, asked))
        finally:
            prop.quota.leave()

    @ga4.get("/v1beta/properties/<name>/metadata")
    def metadata(name: str) -> Response:
        prop.requests["metadata"] += 1
        _allow(prop, name)
        custom = {"apiName": prop.dimension, "uiName": "HubSpot id", "customDefinition": True}
        listed = [*({"apiName": one, "uiName": one} for one in STANDARD), custom]
        return jsonify(
            name=f"properties/{name}/metadata",
            dimensions=listed,
            metrics=[{"apiName": one, "uiName": one, "type": "TYPE_INTEGER"} for one in METRICS],
        )

    return ga4


def _run(prop: Ga4Property, verb: str, asked: dict[str, Any]) -> dict[str, Any]:
    if verb == "runReport":
        return run_report(prop, asked)
    if verb != "batchRunReports":
        raise Ga4Error(404, "Method not found.")
    requests = asked.get("requests") or []
    if not 1 <= len(requests) <= 5:
        raise bad_request("A batch request must have between 1 and 5 requests.")
    reports = [run_report(prop, one) for one in requests]
    return {"kind": "analyticsData#batchRunReports", "reports": reports}


def _allow(prop: Ga4Property, name: str) -> None:
    if name != prop.property_id:
        raise Ga4Error(
            403,
            "User does not have sufficient permissions for this property. To learn more about Property ID, "
            "see https://developers.google.com/analytics/devguides/reporting/data/v1/property-id.",
        )


def _spoil(prop: Ga4Property) -> Response | None:
    """The fault that waits for this call, if any: an answer in HTML, half an answer, or a delay."""
    fault = prop.faults.take(f"{request.method} {request.path}")
    time.sleep(prop.faults.latency + (fault.seconds if fault else 0.0))
    if fault and fault.kind in ("500_html", "502"):
        return Response(HTML, int(fault.kind[:3]), mimetype="text/html")
    if fault and fault.kind == "truncated_json":
        return Response('{"rows": [{"dimensionVal', 200, mimetype="application/json")
    return None
