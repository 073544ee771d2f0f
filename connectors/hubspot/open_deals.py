"""The deals whose contacts may still change: one that is linked to a contact later may keep its time of
modification, so those open, or closed lately, are read again once a day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from connectors.http import PageLoopGuard
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.errors import checked
from connectors.hubspot.times import from_iso, to_iso, to_millis
from connectors.hubspot.walk import SEARCH_PAGE, Walked

EVERY = timedelta(days=1)
LATELY = timedelta(days=30)

Cursor = Mapping[str, Any]
Row = Mapping[str, Any]


def open_deal_pages(
    client: HubSpotClient, walked: Walked, after: Cursor | None, now: datetime
) -> Iterator[tuple[list[Row], Cursor]]:
    """Pages of deals with the cursor to go on from; none while the last reading is fresh."""
    cursor = dict(after or {"id": "0", "read_at": ""})
    if cursor["read_at"] and now - from_iso(cursor["read_at"]) < EVERY:
        return
    guard, behind = PageLoopGuard("HubSpot"), str(cursor["id"])
    while True:
        guard.check(behind)
        rows = checked(client.search(walked.object_type, _query(walked, behind, now)))
        is_last = len(rows) < SEARCH_PAGE
        behind = "0" if is_last else str(rows[-1]["id"])
        yield rows, {"id": behind, "read_at": to_iso(now) if is_last else ""}
        if is_last:
            return


def _query(walked: Walked, behind: str, now: datetime) -> dict[str, Any]:
    after = {"propertyName": "hs_object_id", "operator": "GT", "value": behind}
    lately = str(to_millis(now - LATELY))
    still_open = {"propertyName": "hs_is_closed", "operator": "EQ", "value": "false"}
    closed_lately = {"propertyName": "closedate", "operator": "GTE", "value": lately}
    return {
        "filterGroups": [{"filters": [each, after]} for each in (still_open, closed_lately)],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": walked.asked,
        "limit": SEARCH_PAGE,
        "after": "0",
    }
