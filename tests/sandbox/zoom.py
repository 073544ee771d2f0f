"""A stand-in Zoom account over real HTTP: OAuth, webinars, registrants, reports, strict as the real one."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote

from flask import Blueprint, Response, g, jsonify, request
from werkzeug.routing import BaseConverter

from tests.sandbox import zoom_rows as rows
from tests.sandbox.zoom_account import RateClass, ZoomAccount, ZoomError


def make_blueprint(account: ZoomAccount) -> Blueprint:
    """Zoom's two hosts in one blueprint: /oauth/token and /v2/..., to be mounted at /zoom."""
    zoom = Blueprint("zoom", __name__)
    zoom.record_once(lambda state: state.app.url_map.converters.update(run=_RunConverter))
    zoom.post("/oauth/token")(lambda: _token(account))
    zoom.register_error_handler(ZoomError, _error)
    zoom.after_request(_rate_headers)
    _add_users(zoom, account)
    _add_webinars(zoom, account)
    _add_past(zoom, account)
    _add_reports(zoom, account)
    return zoom


class _RunConverter(BaseConverter):
    """Any text, slashes at the front and doubled ones included."""

    regex = ".+?"
    part_isolating = False


Answer = Callable[[str], dict[str, Any]]


def _route(zoom: Blueprint, account: ZoomAccount, path: str, rate_class: RateClass, answer: Answer) -> None:
    """One GET below /v2. Past webinars and reports take a run's uuid too, which may hold slashes."""

    def view(name: str = "") -> Response:
        account.request_counts[f"GET {path}"] += 1
        g.zoom_rate = (rate_class, account.limits[rate_class], 0)
        account.authorize(request.headers.get("Authorization", ""))
        g.zoom_rate = (rate_class, account.limits[rate_class], account.admit(rate_class))
        return jsonify(answer(name))

    by_run = path.startswith(("/past_webinars", "/report"))
    rule = "/v2" + path.replace("{name}", "<run:name>" if by_run else "<name>")
    zoom.add_url_rule(rule, path, view, methods=["GET"])


def _token(account: ZoomAccount) -> tuple[Response, int]:
    account.request_counts["POST /oauth/token"] += 1
    known = account.credentials
    pair = base64.b64encode(f"{known.client_id}:{known.client_secret}".encode()).decode()
    if request.headers.get("Authorization") != f"Basic {pair}":
        return jsonify(reason="Invalid client_id or client_secret", error="invalid_client"), 401
    if request.values.get("grant_type") != "account_credentials":
        return jsonify(reason="unsupported grant type", error="unsupported_grant_type"), 400
    if request.values.get("account_id") != known.account_id:
        return jsonify(reason="Bad Request", error="invalid_request"), 400
    return jsonify(
        access_token=account.issue_token(),
        token_type="bearer",
        expires_in=int(account.token_seconds),
        scope=account.scopes,
        api_url=request.host_url.rstrip("/") + "/zoom",
    ), 200


def _error(error: ZoomError) -> tuple[Response, int]:
    return jsonify(code=error.code, message=error.message), error.status


def _rate_headers(response: Response) -> Response:
    if "zoom_rate" in g:
        rate_class, limit, left = g.zoom_rate
        response.headers["X-RateLimit-Category"] = rate_class
        response.headers["X-RateLimit-Type"] = "QPS"
        response.headers["X-RateLimit-Limit"] = str(limit)
        response.headers["X-RateLimit-Remaining"] = str(left)
    return response


def _paged(
    account: ZoomAccount, label: str, items: Sequence[Any], render: Callable[[Any], Any], extra: str = ""
) -> dict[str, Any]:
    """One page of `items`, rendered only as far as the page goes."""
    size, token = request.args.get("page_size", "30"), request.args.get("next_page_token", "")
    shown, fields = account.page(f"{request.path}?{extra}", items, size, token)
    return fields | {label: [render(item) for item in shown]}


def _run_name(name: str) -> str:
    """A run's uuid as the caller meant it. Zoom wants one that begins with "/" or holds "//" encoded twice:
    the server has undone one round, so such a uuid with bare slashes came encoded once and is not found.
    """
    if name.startswith("/") or "//" in name:
        raise ZoomError(404, 3001, f"Webinar does not exist: {name}.")
    return unquote(name)


def _add_users(zoom: Blueprint, account: ZoomAccount) -> None:
    world = account.story.world
    people = (world.host, world.panelists[0])

    def users(_: str) -> dict[str, Any]:
        return _paged(account, "users", people, rows.user_row)

    def webinars(name: str) -> dict[str, Any]:
        person = next((one for one in people if name in {one.user_id, one.email}), None)
        person = world.host if name == "me" else person
        if person is None:
            raise ZoomError(404, 1001, f"User does not exist: {name}.")
        if not account.has_webinars:
            message = "Webinar plan is missing. You must subscribe to the webinar plan and enable webinars."
            raise ZoomError(400, 200, message)
        known = [one for one in world.webinars if one.created_at <= account.now]
        hosted = known if person == world.host else []
        return _paged(account, "webinars", hosted, lambda one: rows.webinar_row(one, world.host))

    _route(zoom, account, "/users", "Medium", users)
    _route(zoom, account, "/users/{name}/webinars", "Medium", webinars)


def _add_webinars(zoom: Blueprint, account: ZoomAccount) -> None:
    world = account.story.world

    def webinar(name: str) -> dict[str, Any]:
        return rows.webinar_body(account.webinar(name), world.host, account.occurrences(name))

    def registrants(name: str) -> dict[str, Any]:
        wanted = request.args.get("status", "approved")
        if wanted not in {"approved", "pending", "denied"}:
            raise ZoomError(400, 300, "Invalid field: status.")
        one = account.webinar(name)
        known = one.registrations if one in world.seen(account.story.step) else ()
        matching = [one for one in known if one.is_listed(wanted, account.now)]
        return _paged(
            account,
            "registrants",
            matching,
            lambda registration: rows.registrant_row(account.leads[registration.lead_key], registration),
            extra=wanted,
        )

    def panelists(name: str) -> dict[str, Any]:
        account.webinar(name)
        shown = [rows.panelist_row(person) for person in world.panelists]
        return {"panelists": shown, "total_records": len(shown)}

    _route(zoom, account, "/webinars/{name}", "Light", webinar)
    _route(zoom, account, "/webinars/{name}/registrants", "Medium", registrants)
    _route(zoom, account, "/webinars/{name}/panelists", "Medium", panelists)


def _add_past(zoom: Blueprint, account: ZoomAccount) -> None:
    def instances(name: str) -> dict[str, Any]:
        held = [one for one in account.occurrences(_run_name(name)) if account.has_ended(one)]
        runs = [run for one in held for run in one.runs]
        return {"webinars": [{"uuid": uuid, "start_time": rows.long_stamp(at)} for uuid, at in runs]}

    def absentees(name: str) -> dict[str, Any]:
        one, _ = account.finished(_run_name(name))
        came = {segment.registrant_id for segment in one.segments}
        absent = [r for r in one.registrations if r.stands and r.registrant_id not in came]
        return _paged(
            account,
            "registrants",
            absent,
            lambda registration: rows.registrant_row(account.leads[registration.lead_key], registration),
        )

    _route(zoom, account, "/past_webinars/{name}/instances", "Light", instances)
    _route(zoom, account, "/past_webinars/{name}/absentees", "Heavy", absentees)


def _add_reports(zoom: Blueprint, account: ZoomAccount) -> None:
    def participants(name: str) -> dict[str, Any]:
        asked = request.args.get("include_fields", "")
        return _paged(
            account,
            "participants",
            account.connections(_run_name(name)),
            lambda segment: rows.participant_row(segment, with_registrant=asked == "registrant_id"),
            extra=asked,
        )

    def polls(name: str) -> dict[str, Any]:
        return rows.polls_body(*account.finished(_run_name(name)), account.leads)

    def questions(name: str) -> dict[str, Any]:
        return rows.questions_body(
            *account.finished(_run_name(name)), account.leads, account.story.world.host
        )

    def survey(name: str) -> dict[str, Any]:
        run = _run_name(name)
        return rows.survey_body(*account.finished(run), account.leads, account.now)

    _route(zoom, account, "/report/webinars/{name}/survey", "Heavy", survey)
    _route(zoom, account, "/report/webinars/{name}/participants", "Heavy", participants)
    _route(zoom, account, "/report/webinars/{name}/polls", "Heavy", polls)
    _route(zoom, account, "/report/webinars/{name}/qa", "Heavy", questions)
