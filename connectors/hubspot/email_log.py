"""HubSpot's log of its own mails: every sending, open, click, bounce and opt-out, week by week.

Source: HubSpot's email analytics v1 (legacy): scope `content`, Marketing Hub; newest first, an offset that
does not last. So a week is read whole or again, and the cursor moves from week to week.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from app.domain.errors import BadRecord, NotForUs, TryLater
from connectors.http import PageLoopGuard
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.errors import NotFound
from connectors.hubspot.times import from_iso, to_iso, to_millis

SLICE = timedelta(days=7)
LATE = timedelta(hours=1)
"""How long after it happened an event may enter the log."""

PAGE = 1000

Row = Mapping[str, Any]


def answers(client: HubSpotClient) -> bool:
    """Does the portal show this token its log?"""
    try:
        client.call("GET", client.paths.email_events(), params={"limit": 1})
    except (NotForUs, NotFound):
        return False
    return True


def read_log(client: HubSpotClient, since: datetime, until: datetime) -> Iterator[tuple[list[Row], datetime]]:
    """Pages of events from `since` to `until`, each with the moment up to which all is read."""
    begin = since
    while begin < until:
        end = min(begin + SLICE, until)
        for rows, is_last in _slice(client, begin, end):
            if rows or end == until:
                yield rows, end if is_last else begin
        begin = end


def _slice(client: HubSpotClient, begin: datetime, end: datetime) -> Iterator[tuple[list[Row], bool]]:
    asked: dict[str, Any] = {
        "startTimestamp": to_millis(begin),
        "endTimestamp": to_millis(end),
        "limit": PAGE,
    }
    guard = PageLoopGuard("HubSpot")
    while True:
        answer = _page(client, asked)
        yield answer["events"], not answer.get("hasMore")
        if not answer.get("hasMore"):
            return
        asked["offset"] = str(answer["offset"])
        guard.check(asked["offset"])


def _page(client: HubSpotClient, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        answer: Mapping[str, Any] = client.call("GET", client.paths.email_events(), params=asked)
    except BadRecord:
        if "offset" not in asked:
            raise
        day = to_iso(from_iso("1970-01-01") + timedelta(milliseconds=asked["startTimestamp"]))[:10]
        raise TryLater(f"HubSpot: the mail log's page has expired; all since {day} is read again") from None
    return answer
