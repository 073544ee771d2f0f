"""What happened to the mails HubSpot sent: an event log, and the counters it keeps on each contact."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.sandbox.hubspot.answers import Json, iso

MailType = Literal["SENT", "DELIVERED", "OPEN", "CLICK", "BOUNCE", "STATUSCHANGE", "SPAMREPORT"]

COUNTERS: dict[str, tuple[str, str]] = {
    "SENT": ("hs_email_delivered", "hs_email_last_send_date"),
    "OPEN": ("hs_email_open", "hs_email_last_open_date"),
    "CLICK": ("hs_email_click", "hs_email_last_click_date"),
    "BOUNCE": ("hs_email_bounce", ""),
}


@dataclass(frozen=True, slots=True)
class MailEvent:
    """One event; `at` and `sent_at` are seconds since 1970. `filtered`: HubSpot takes it for a robot's."""

    type: MailType
    at: float
    campaign: int = 41
    sent_at: float | None = None
    url: str = ""
    user_agent: str = ""
    filtered: bool = False


@dataclass(slots=True)
class MailLog:
    """The events with their recipients. `gone`: the path answers 404, as after its end. `offset_seconds`:
    how long an offset stays good, None for ever. `most` events come in one page, however many are asked for.
    """

    rows: list[Json] = field(default_factory=list)
    gone: bool = False
    most: int = 1000
    offset_seconds: float | None = None
    offsets: dict[str, tuple[int, float]] = field(default_factory=dict)

    def add(self, recipient: str, event: MailEvent) -> None:
        """Note an event as the log shows it."""
        row: Json = {
            "id": str(uuid.uuid4()),
            "created": round(event.at * 1000),
            "type": event.type,
            "recipient": recipient,
            "portalId": 247279312,
            "appId": 113,
            "appName": "Batch",
            "emailCampaignId": event.campaign,
            "filteredEvent": event.filtered,
        }
        if event.sent_at is not None:
            row["sentBy"] = {"id": str(uuid.uuid4()), "created": round(event.sent_at * 1000)}
        if event.type == "STATUSCHANGE":
            row["portalSubscriptionStatus"] = "UNSUBSCRIBED"
        more = {"url": event.url, "userAgent": event.user_agent}
        self.rows.append(row | {name: value for name, value in more.items() if value})


def counted(properties: Mapping[str, str], event: MailEvent) -> dict[str, str]:
    """The contact's counters and dates after this event."""
    if event.type == "STATUSCHANGE":
        return {"hs_email_optout": "true"}
    counter, date = COUNTERS.get(event.type, ("", ""))
    changes = {counter: str(int(properties.get(counter, "0")) + 1)} if counter else {}
    if date:
        changes[date] = iso(event.at)
    return changes
