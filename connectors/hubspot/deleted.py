"""The contacts and deals in HubSpot's recycle bin, read whole once a day: deliveries are lost, or off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from connectors.http import PageLoopGuard
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.times import from_iso, to_iso
from connectors.hubspot.walk import LIST_PAGE, ExpiredPage, Walked, list_page, next_page

EVERY = timedelta(days=1)

Cursor = Mapping[str, Any]
Row = Mapping[str, Any]


def deleted_pages(
    client: HubSpotClient, walked: Walked, after: Cursor | None, now: datetime
) -> Iterator[tuple[list[Row], Cursor]]:
    """Pages of deleted records with the cursor to go on from; none while the last reading is fresh. Each
    row says `state` "deleted".
    """
    cursor = dict(after or {"after": "", "read_at": ""})
    if cursor["read_at"] and now - from_iso(cursor["read_at"]) < EVERY:
        return
    guard = PageLoopGuard("HubSpot")
    token = str(cursor["after"])
    asked = {"limit": LIST_PAGE, "archived": "true", "properties": ",".join(walked.asked)}
    while True:
        guard.check(token)
        try:
            answer = list_page(client, walked.object_type, {**asked, "after": token})
        except ExpiredPage:
            token = ""
            continue
        token = next_page(answer)
        rows: list[Row] = [{**row, "state": "deleted"} for row in answer["results"]]
        yield rows, {"after": token, "read_at": "" if token else to_iso(now)}
        if not token:
            return
