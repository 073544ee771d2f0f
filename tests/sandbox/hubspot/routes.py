"""The HTTP side: which paths there are (both families), and the gate each call passes on its way in."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response, request

from tests.sandbox.hubspot import routes_account, routes_mails, routes_objects, routes_other
from tests.sandbox.hubspot.answers import Answer, Refusal, invalid, refusal
from tests.sandbox.hubspot.calls import Call, Route
from tests.sandbox.hubspot.faults import Fault
from tests.sandbox.hubspot.limits import too_many
from tests.sandbox.hubspot.portal import HubSpotPortal
from tests.sandbox.hubspot.records import KINDS

OnRequest = Callable[[str, str, dict[str, list[str]], Any], None]
HTML = "<html><body><h1>{}</h1></body></html>"


def make_blueprint(portal: HubSpotPortal, on_request: OnRequest | None = None) -> Blueprint:
    """The portal as a Flask blueprint. `on_request` is told (method, path, query, JSON body) of every call
    that passed the gate, before it is answered.
    """
    blueprint = Blueprint("hubspot", __name__)
    for route in (
        *routes_objects.ROUTES,
        *routes_other.ROUTES,
        *routes_account.ROUTES,
        *routes_mails.ROUTES,
    ):
        for path in route.paths:
            blueprint.add_url_rule(
                path,
                endpoint=f"{route.method} {path}",
                view_func=partial(_serve, portal, route, path, on_request),
                methods=[route.method],
                strict_slashes=False,
            )
    blueprint.add_url_rule(
        "/<path:rest>", "unknown", _unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]
    )
    return blueprint


def _serve(
    portal: HubSpotPortal, route: Route, template: str, on_request: OnRequest | None, **arguments: str
) -> Response:
    path = _own_path(template)
    fault = portal.faults.take(f"{request.method} {path}")
    waits_first = fault is not None and fault.kind != "silent_after_apply"
    time.sleep(portal.faults.latency + (fault.seconds if fault and waits_first else 0.0))
    if fault and fault.kind == "reset":
        _hang_up()
        return Response(status=500)
    if fault and fault.kind == "429":
        return _response(
            _answer_of(too_many("TEN_SECONDLY_ROLLING", "You have reached your rolling limit.")), {}
        )
    if fault and fault.kind in ("500_html", "502"):
        status = int(fault.kind[:3])
        return Response(HTML.format(status), status, mimetype="text/html")
    try:
        answer = _answer(portal, route, template, on_request, path, arguments)
    except Refusal as refused:
        answer = _answer_of(refused)
    with portal.lock:
        if answer.status == 429:
            portal.request_counts["http_429"] += 1
            portal.request_counts[f"429 {request.method} {_counted(template, arguments)}"] += 1
        headers = {} if route.search or answer.status == 401 else portal.limits.headers()
    return _spoilt(fault, _response(answer, headers))


def _answer(
    portal: HubSpotPortal,
    route: Route,
    template: str,
    on_request: OnRequest | None,
    path: str,
    arguments: dict[str, str],
) -> Answer:
    with portal.lock:
        portal.request_counts["total"] += 1
        _authenticate(portal)
        portal.limits.admit(search=route.search)
        _authorise(portal, route, arguments)
        portal.request_counts[f"{request.method} {_counted(template, arguments)}"] += 1
        portal.write_calls += route.writes
    call = Call(path, "2026-09" in template, arguments, request.args.to_dict(flat=False), _body())
    if on_request:
        on_request(request.method, path, call.query, call.body)
    with portal.changing() as crm:
        answer = route.answer(portal, crm, call)
    if portal.folds_errors and call.dated and answer.status == 207:
        return Answer(200, answer.body, answer.headers)
    return answer


def _authenticate(portal: HubSpotPortal) -> None:
    if request.headers.get("Authorization", "") != f"Bearer {portal.token}":
        raise refusal(
            401,
            "INVALID_AUTHENTICATION",
            "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can "
            "find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
        )
    if portal.token_expires_at is not None and portal.now() >= portal.token_expires_at:
        message = "The access token is expired!"
        raise refusal(401, "EXPIRED_AUTHENTICATION", message, context={"expireTime": ["expired"]})


def _authorise(portal: HubSpotPortal, route: Route, arguments: dict[str, str]) -> None:
    needed = route.scopes_for(KINDS.get(arguments.get("object_type", ""), "contacts"))
    portal.scopes_used |= portal.scopes.intersection(needed)
    if needed and not portal.scopes.intersection(needed):
        more = {
            "message": "One or more of the following scopes are required.",
            "context": {"requiredGranularScopes": list(needed)},
        }
        raise refusal(
            403,
            "MISSING_SCOPES",
            "This app hasn't been granted all required scopes to make this call. Read more about required "
            "scopes here: https://developers.hubspot.com/scopes.",
            errors=[more],
            links={"scopes": "https://developers.hubspot.com/scopes"},
        )


def _body() -> Any:
    raw = request.get_data()
    if not raw:
        return None
    if request.mimetype != "application/json":
        raise Refusal(415, {"status": "error", "message": "Unsupported Media Type"})
    try:
        return json.loads(raw)
    except ValueError:
        raise invalid("Invalid input JSON on line 1, column 1") from None


def _own_path(template: str) -> str:
    """The path without the prefix the blueprint is mounted at."""
    rule = request.url_rule.rule if request.url_rule else template
    return request.path[len(rule) - len(template) :]


def _counted(template: str, arguments: dict[str, str]) -> str:
    object_type = arguments.get("object_type", "")
    return template.replace("<object_type>", KINDS.get(object_type, object_type))


def _response(answer: Answer, headers: dict[str, str]) -> Response:
    if answer.body is None:
        return Response(status=answer.status, headers=headers)
    text = json.dumps(answer.body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, answer.status, headers, mimetype="application/json")


def _spoilt(fault: Fault | None, response: Response) -> Response:
    if fault and fault.kind == "truncated_json":
        whole = response.get_data()
        response.set_data(whole[: len(whole) // 2])
    if fault and fault.kind == "silent_after_apply":
        time.sleep(fault.seconds)
    if fault and fault.kind == "hang_up_after_apply":
        _hang_up()
    return response


def _answer_of(refused: Refusal) -> Answer:
    return Answer(refused.status, refused.body)


def _hang_up() -> None:
    """Close the connection under the server's feet; a test client sees the error itself."""
    import socket

    wire = request.environ.get("werkzeug.socket") or request.environ.get("gunicorn.socket")
    if wire is None:
        raise ConnectionResetError("the stand-in hung up")
    wire.shutdown(socket.SHUT_RDWR)


def _unknown(rest: str) -> Response:
    body = {"status": "error", "message": f"No route for /{rest}", "correlationId": str(uuid.uuid4())}
    return Response(json.dumps(body), 404, mimetype="application/json")
