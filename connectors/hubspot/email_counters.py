"""Mail activity where the portal shows no log: the steps of each contact's counters and dates.

A contact is found by the dates themselves, and by a bounce where something was sent lately, since changes of
counters need not move its `lastmodifieddate`; the history of those properties gives one event per step, as
far back as HubSpot keeps it.
What it cannot tell: the campaign, the link, the user agent. Opens belong to the latest sending before them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.http import PageLoopGuard
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.errors import checked
from connectors.hubspot.packing import chunks
from connectors.hubspot.times import EPOCH, from_iso, to_iso, to_millis

LATE = timedelta(hours=2)
"""How long HubSpot may take to count what happened."""

SEARCH_PAGE = 200
READ_WITH_HISTORY = 50

DATES = {
    "SENT": "hs_email_last_send_date",
    "OPEN": "hs_email_last_open_date",
    "CLICK": "hs_email_last_click_date",
    "REPLY": "hs_email_last_reply_date",
}
BOUNCES = "hs_email_bounce"
BOUNCED = "bounced"
"""The second stage of the walk: who has bounced, ever, and was sent something lately."""

RETURNED = timedelta(days=5)
"""How long a mail may be on its way before it comes back (RFC 5321, 4.5.4.1: four to five days)."""

OPT_OUT = "hs_email_optout"
UNKNOWN_MAIL = "unknown"

Row = Mapping[str, Any]


def read_counters(client: HubSpotClient, since: datetime, after_id: str) -> Iterator[tuple[list[Row], str]]:
    """Pages of events since then, each with the contact id to go on behind, "" after the last."""
    guard = PageLoopGuard("HubSpot")
    while True:
        stage, _, behind = after_id.rpartition(":")
        query = _returned(since, behind) if stage == BOUNCED else _query(since, behind)
        ids = [str(row["id"]) for row in checked(client.search("contacts", query))]
        after_id = _next_place(stage, ids)
        yield [event for row in _with_history(client, ids) for event in events_of(row, since)], after_id
        if not after_id:
            return
        guard.check(after_id)


def _next_place(stage: str, ids: Sequence[str]) -> str:
    if len(ids) == SEARCH_PAGE:
        return f"{stage}:{ids[-1]}" if stage else ids[-1]
    return "" if stage == BOUNCED else f"{BOUNCED}:0"


def events_of(contact: Row, since: datetime) -> list[Row]:
    """The steps of one contact's counters from `since` on, as events in order of time."""
    steps = contact.get("propertiesWithHistory") or {}
    sent = sorted({_moment(each["value"]) for each in _said(steps, DATES["SENT"])})
    found = [(kind, _moment(each["value"])) for kind, name in DATES.items() for each in _said(steps, name)]
    found += [("BOUNCE", at) for at in _rises(_said(steps, BOUNCES))]
    found += [
        ("UNSUBSCRIBED", _moment(e["timestamp"])) for e in _said(steps, OPT_OUT) if e["value"] == "true"
    ]
    email = contact["properties"].get("email") or ""
    return [
        {
            "type": kind,
            "contact_id": str(contact["id"]),
            "email": email,
            "occurredAt": to_iso(at),
            "mail": next((to_iso(each) for each in reversed(sent) if each <= at), UNKNOWN_MAIL),
        }
        for kind, at in sorted(set(found), key=lambda event: (event[1], event[0]))
        if at >= since
    ]


def _query(since: datetime, behind: str) -> dict[str, Any]:
    """Who was sent something, opened, clicked or replied since then, or opted out."""
    moment = str(to_millis(since))
    dated = [{"propertyName": name, "operator": "GTE", "value": moment} for name in DATES.values()]
    left = [
        {"propertyName": OPT_OUT, "operator": "EQ", "value": "true"},
        {"propertyName": "lastmodifieddate", "operator": "GTE", "value": moment},
    ]
    return _walked([*([date] for date in dated), left], behind)


def _returned(since: datetime, behind: str) -> dict[str, Any]:
    """Whose last mail may have come back since then: no property tells when."""
    sent = str(to_millis(since - RETURNED))
    bounced = [
        {"propertyName": BOUNCES, "operator": "GT", "value": "0"},
        {"propertyName": DATES["SENT"], "operator": "GTE", "value": sent},
    ]
    return _walked([bounced], behind)


def _walked(groups: Sequence[Sequence[Row]], behind: str) -> dict[str, Any]:
    after = {"propertyName": "hs_object_id", "operator": "GT", "value": behind or "0"}
    return {
        "filterGroups": [{"filters": [*each, after]} for each in groups],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": ["email"],
        "limit": SEARCH_PAGE,
        "after": "0",
    }


def _with_history(client: HubSpotClient, ids: Sequence[str]) -> Iterator[Row]:
    for chunk in chunks(ids, READ_WITH_HISTORY):
        body = {
            "inputs": [{"id": contact_id} for contact_id in chunk],
            "properties": ["email"],
            "propertiesWithHistory": [*DATES.values(), BOUNCES, OPT_OUT],
        }
        yield from checked(client.batch("contacts", "read", body))


def _said(steps: Mapping[str, Any], name: str) -> list[Row]:
    """The values a property had, without the empty ones."""
    return [each for each in steps.get(name) or () if each.get("value")]


def _rises(steps: Sequence[Row]) -> Iterator[datetime]:
    """When a counter went up; the oldest value kept counts as a rise."""
    before = 0.0
    for each in sorted(steps, key=lambda each: _moment(each["timestamp"])):
        if float(each["value"]) > before:
            yield _moment(each["timestamp"])
        before = float(each["value"])


def _moment(text: str) -> datetime:
    return EPOCH + timedelta(milliseconds=int(text)) if text.isdigit() else from_iso(text)
