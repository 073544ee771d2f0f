"""Reading all of one object type, then what changed since: one cursor, one step per page.

Changes are walked by id within "modified since", never by offset or by time: a record that is modified
meanwhile keeps its place, or is found by the next walk. So HubSpot's 10,000 results per search are no limit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.domain.errors import BadRecord, TryLater
from connectors.http import PageLoopGuard
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.errors import checked
from connectors.hubspot.paths import ObjectType
from connectors.hubspot.times import from_iso, to_iso, to_millis

OVERLAP = timedelta(minutes=5)
"""The search index lags behind writes by seconds: a walk starts this much before the last one started."""

CLOCK_TOLERANCE = timedelta(hours=1)
"""How far our clock may be ahead of HubSpot's while little happens there."""

LIST_PAGE = 100
SEARCH_PAGE = 200

Cursor = Mapping[str, Any]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Walked:
    """What is walked: the object type, its own name for "last modified", and the properties wanted; those
    `watched` are asked for only where something changed.
    """

    object_type: ObjectType
    modified: str
    properties: tuple[str, ...]
    watched: tuple[str, ...] = ()

    @property
    def asked(self) -> list[str]:
        return list(dict.fromkeys((*self.properties, self.modified, "hs_object_id")))

    @property
    def asked_of_changed(self) -> list[str]:
        return list(dict.fromkeys((*self.asked, *self.watched)))


def walk(
    client: HubSpotClient, walked: Walked, after: Cursor | None, now: datetime
) -> Iterator[tuple[list[Row], Cursor]]:
    """Pages of rows, each with the cursor to go on from.

    Phases: "full" (everything), "changes" (what was modified since), "seen" (all read; the next walk starts
    from there).
    """
    cursor = _opening(after, now)
    guard = PageLoopGuard("HubSpot")
    while cursor["phase"] != "seen":
        guard.check(json.dumps(cursor, sort_keys=True))
        step = _full_page if cursor["phase"] == "full" else _changed_page
        rows, cursor = step(client, walked, cursor)
        yield rows, cursor


def next_page(answer: Mapping[str, Any]) -> str:
    """The token of the page after this one, "" on the last."""
    return str(((answer.get("paging") or {}).get("next") or {}).get("after") or "")


class ExpiredPage(TryLater):
    """A page token that HubSpot takes no more: the listing starts again."""


def list_page(client: HubSpotClient, object_type: ObjectType, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """One page of a listing, the first one where `after` is empty. Raises ExpiredPage."""
    params = {name: value for name, value in asked.items() if value != ""}
    try:
        answer: Mapping[str, Any] = client.call("GET", client.paths.objects(object_type), params=params)
    except BadRecord:
        if "after" not in params:
            raise
        raise ExpiredPage(
            "HubSpot: a page of a listing has expired; it is read again from its start"
        ) from None
    checked(answer)
    return answer


def _opening(after: Cursor | None, now: datetime) -> Cursor:
    if not after:
        return {"phase": "full", "after": "", "started": to_iso(now)}
    if after["phase"] == "seen":
        return _changes_since(from_iso(after["since"]) - OVERLAP, now)
    return after


def _changes_since(since: datetime, started: datetime) -> Cursor:
    stamps = {"since": to_iso(since), "newest": to_iso(since), "started": to_iso(started)}
    return {"phase": "changes", "id": "0", **stamps}


def _full_page(client: HubSpotClient, walked: Walked, cursor: Cursor) -> tuple[list[Row], Cursor]:
    properties = ",".join(walked.asked)
    asked = {"limit": LIST_PAGE, "properties": properties, "archived": "false", "after": cursor["after"]}
    try:
        answer = list_page(client, walked.object_type, asked)
    except ExpiredPage:
        return [], {**cursor, "after": ""}
    token = next_page(answer)
    if token:
        return answer["results"], {**cursor, "after": token}
    started = from_iso(cursor["started"])
    return answer["results"], _changes_since(started - CLOCK_TOLERANCE, started)


def _changed_page(client: HubSpotClient, walked: Walked, cursor: Cursor) -> tuple[list[Row], Cursor]:
    rows = _search(client, walked, from_iso(cursor["since"]), cursor["id"])
    newest = max((_modified(row, walked) for row in rows), default=from_iso(cursor["newest"]))
    newest = max(newest, from_iso(cursor["newest"]))
    if len(rows) == SEARCH_PAGE:
        return rows, {**cursor, "id": str(rows[-1]["id"]), "newest": to_iso(newest)}
    started = from_iso(cursor["started"])
    # HubSpot's own newest stamp rather than our clock; yet a quiet portal must not be asked for its last
    # busy minutes for ever, and what was modified during this walk belongs to the next one.
    since = min(started, max(newest, started - CLOCK_TOLERANCE))
    return rows, {"phase": "seen", "since": to_iso(since)}


def _search(client: HubSpotClient, walked: Walked, since: datetime, after_id: str) -> list[Row]:
    filters = [
        {"propertyName": walked.modified, "operator": "GTE", "value": str(to_millis(since))},
        {"propertyName": "hs_object_id", "operator": "GT", "value": after_id},
    ]
    query = {
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": walked.asked_of_changed,
        "limit": SEARCH_PAGE,
        "after": "0",
    }
    return checked(client.search(walked.object_type, query))


def _modified(row: Row, walked: Walked) -> datetime:
    return from_iso(row["properties"].get(walked.modified) or row["updatedAt"])
