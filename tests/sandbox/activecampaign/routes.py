"""The stand-in account's paths below /api/3."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from tests.sandbox.activecampaign import rows
from tests.sandbox.activecampaign.account import EVENTS, LIST_ID, ActiveCampaignAccount, Refused


def make_blueprint(account: ActiveCampaignAccount) -> Blueprint:
    """ActiveCampaign's v3, to be mounted at /activecampaign: the base URL ends there."""
    routes = Blueprint("activecampaign", __name__)
    routes.before_request(lambda: _enter(account))
    routes.register_error_handler(Refused, _refuse)
    routes.after_request(lambda response: _rate_headers(account, response))
    _add_contacts(routes, account)
    _add_campaigns(routes, account)
    _add_small_tables(routes, account)
    _add_webhooks(routes, account)
    return routes


def _enter(account: ActiveCampaignAccount) -> None:
    rule = str(request.url_rule).rpartition("/api/3")[2]
    account.request_counts[f"{request.method} {rule}"] += 1
    account.authorize(request.headers.get("Api-Token", ""))
    g.left = account.admit()
    account.fail_softly()


def _refuse(error: Refused) -> tuple[Response, int, dict[str, str]]:
    return jsonify(error.body), error.status, error.headers


def _rate_headers(account: ActiveCampaignAccount, response: Response) -> Response:
    response.headers["RateLimit-Limit"] = str(account.calls_a_second)
    response.headers["RateLimit-Remaining"] = str(g.get("left", 0))
    return response


def _window() -> tuple[int, int]:
    """(offset, limit): 20 rows unless asked, 100 at most."""
    limit = min(int(request.args.get("limit", 20)), 100)
    return int(request.args.get("offset", 0)), limit


def _paged(label: str, items: Sequence[Any], render: Callable[[Any], dict[str, Any]]) -> Response:
    offset, limit = _window()
    shown = [render(item) for item in items[offset : offset + limit]]
    return jsonify({label: shown, "meta": {"total": str(len(items))}})


def _moment(text: str) -> datetime:
    """A date or a date-time; without a zone it is the account's."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(400, {"message": "The date could not be read"}) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=rows.ZONE)


def _add_contacts(routes: Blueprint, account: ActiveCampaignAccount) -> None:
    @routes.get("/api/3/contacts")
    def contacts() -> Response:
        found = _wanted_contacts(account)
        offset, limit = _window()
        page = found[offset : offset + limit]
        shown = [rows.contact_row(account, one, account.leads[one]) for one in page]
        included = rows.included(page, request.args.get("include", "").split(","))
        return jsonify(contacts=shown, **included, meta={"total": str(len(found))})

    @routes.get("/api/3/contacts/<int:contact_id>")
    def contact(contact_id: int) -> Response:
        lead = account.fetch(contact_id)
        member = rows.membership_row(account, contact_id)
        return jsonify(contact=rows.contact_row(account, contact_id, lead), contactLists=[member])

    @routes.get("/api/3/contacts/<int:contact_id>/<table>")
    def of_contact(contact_id: int, table: str) -> Response:
        if contact_id not in account.leads:
            raise Refused(404, {"message": f"No Result found for Subscriber with id {contact_id}"})
        tables: dict[str, list[dict[str, Any]]] = {
            "contactLists": [rows.membership_row(account, contact_id)],
            "contactTags": [rows.belonging(contact_id, "contactTags")],
            "contactAutomations": [rows.belonging(contact_id, "contactAutomations")],
            "scoreValues": [rows.belonging(contact_id, "scoreValues")],
            "trackingLogs": [],
        }
        if table not in tables:
            raise Refused(404, {"message": "No Result found"})
        return jsonify({table: tables[table]})

    routes.get("/api/3/activities")(lambda: _activities(account))


def _wanted_contacts(account: ActiveCampaignAccount) -> list[int]:
    """The contacts' ids in the order asked for, filtered as asked; only active ones unless told otherwise."""
    asked = request.args
    since = asked.get("filters[updated_after]")
    found = account.updated_after(_moment(since)) if since else sorted(account.leads)
    if "id_greater" in asked:
        found = found[bisect_right(found, int(asked["id_greater"])) :]
    if asked.get("status", "1") != "-1":
        found = [one for one in found if account.is_active(one)]
    if "email" in asked:
        found = [one for one in found if account.leads[one].email.lower() == asked["email"].lower()]
    return found[::-1] if asked.get("orders[id]") == "DESC" else found


def _activities(account: ActiveCampaignAccount) -> Response:
    contact_id = int(request.args.get("contact", 0))
    known = account.activities(contact_id) if contact_id in account.leads else []
    after = request.args.get("after")
    since = _moment(after) if after else datetime.min.replace(tzinfo=UTC)
    found = [act for act in known if act.at > since]
    if request.args.get("orders[tstamp]", "DESC") == "DESC":
        found = found[::-1]
    offset, limit = _window()
    include = set(request.args.get("include", "").split(","))
    page = found[offset : offset + limit]
    return jsonify(rows.activities_body(account, contact_id, page, len(found), include))


def _add_campaigns(routes: Blueprint, account: ActiveCampaignAccount) -> None:
    @routes.get("/api/3/campaigns")
    def campaigns() -> Response:
        sent = [one for one in account.campaigns.values() if one.sent_at <= account.now()]
        return _paged("campaigns", sent, rows.campaign_row)

    @routes.get("/api/3/campaigns/<int:campaign_id>/links")
    def links(campaign_id: int) -> Response:
        if campaign_id not in account.campaigns:
            raise Refused(404, {"message": f"No Result found for Campaign with id {campaign_id}"})
        offset, limit = _window()
        found = rows.link_rows(account.campaigns[campaign_id])
        return jsonify(links=found[offset : offset + limit])


def _add_small_tables(routes: Blueprint, account: ActiveCampaignAccount) -> None:
    tables: dict[str, list[dict[str, Any]]] = {
        "lists": [{"id": str(LIST_ID), "name": "Webinars", "stringid": "webinars", "links": {}}],
        **rows.TABLES,
    }
    for label, items in tables.items():
        routes.add_url_rule(f"/api/3/{label}", label, partial(_paged, label, items, dict), methods=["GET"])


def _add_webhooks(routes: Blueprint, account: ActiveCampaignAccount) -> None:
    @routes.get("/api/3/webhooks")
    def hooks() -> Response:
        return _paged("webhooks", list(account.hooks.values()), dict)

    @routes.post("/api/3/webhooks")
    def add_hook() -> tuple[Response, int]:
        return jsonify(webhook=account.add_hook(request.get_json()["webhook"])), 201

    @routes.delete("/api/3/webhooks/<hook_id>")
    def delete_hook(hook_id: str) -> Response:
        if account.hooks.pop(hook_id, None) is None:
            raise Refused(404, {"message": "No Result found for Webhook"})
        return jsonify({})

    @routes.get("/api/3/webhook/events")
    def events() -> Response:
        return jsonify(webhookEvents=list(EVENTS), meta={"total": len(EVENTS)})
