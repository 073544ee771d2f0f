"""One contact's activities: fetched after the contact itself, each joined with what it refers to.

Source: developers.activecampaign.com "List all activities": activities are generated when the contact is
retrieved by its id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.activecampaign.client import ActiveCampaignClient, NotThere, Row, rows_of
from connectors.activecampaign.moments import minute, moment

INCLUDE = "reference.link,reference.log"
OPEN_LINK = "open"
"""The address of the pseudo-link that stands for a mail's pictures ("Read Tracker")."""

UNSUBSCRIBED = "2"

Shown = tuple[str, Row]
"""What an activity shows (sent, open, click, unsubscribed, or ActiveCampaign's own name), and its payload."""


@dataclass(frozen=True, slots=True)
class ContactActivities:
    """What looking at one contact gave; `contact` is None where it is gone. `calls` is what it cost."""

    calls: int
    contact: Row | None
    shown: tuple[Shown, ...]


def read_contact(client: ActiveCampaignClient, contact_id: str, since: datetime | None) -> ContactActivities:
    """The contact's activities from the day of `since` on, and the lists it has left."""
    try:
        body = client.contact(contact_id)
    except NotThere:
        return ContactActivities(1, None, ())
    contact = body.get("contact")
    about = contact if isinstance(contact, dict) else {}
    who = {"id": contact_id, "email": about.get("email")}
    calls, shown = 1, list(_left_lists(body, who))
    asked: dict[str, Any] = {"contact": contact_id, "include": INCLUDE, "orders[tstamp]": "ASC"}
    if since:
        asked["after"] = since.date().isoformat()
    pages = client.pages("activities", lambda window: client.get("/activities", {**asked, **window}))
    for rows, _, page in pages:
        calls += 1
        referred = {kind: _by_id(page, label) for kind, label in (("link", "links"), ("log", "logs"))}
        shown += [_shown(row, who, referred) for row in rows]
    return ContactActivities(calls, about, tuple(shown))


def acted_at(seen: ContactActivities) -> datetime | None:
    """The latest thing the contact did; a mail sent to it is not its own act."""
    own = (moment(payload.get("tstamp")) for shape, payload in seen.shown if shape in {"open", "click"})
    return max((at for at in own if at), default=None)


def _left_lists(body: Row, who: Row) -> Iterator[Shown]:
    for row in rows_of(body, "contactLists"):
        if str(row.get("status")) == UNSUBSCRIBED:
            yield "unsubscribed", row | {"contact": who, "minute": minute(row.get("udate"))}


def _shown(activity: Row, who: Row, referred: Mapping[str, Mapping[str, Row]]) -> Shown:
    reference = activity.get("reference")
    about = reference if isinstance(reference, dict) else {}
    kind = str(about.get("type") or activity.get("referenceModelName") or "unnamed")
    found = referred.get(kind, {}).get(str(about.get("id")))
    payload = activity | {"contact": who, "minute": minute(activity.get("tstamp"))}
    if found is None:
        return kind, payload
    payload |= {kind: found, "campaign": {"id": str(found.get("campaignid") or "")}}
    if kind == "log":
        return "sent", payload
    return ("open" if found.get("link") == OPEN_LINK else "click"), payload


def _by_id(body: Row, label: str) -> dict[str, Row]:
    return {str(row.get("id")): row for row in rows_of(body, label)}
