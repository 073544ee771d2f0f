"""What happened to HubSpot's mails, as finely as the portal tells: its log, else each contact's counters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from app.domain.errors import NotForUs
from connectors.hubspot import email_counters, email_log
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.errors import NotFound
from connectors.hubspot.times import from_iso, to_iso

FIRST_LOOK = timedelta(days=180)
"""Six half-lives of engagement: what is older counts for nothing any more."""

ASK_AGAIN = timedelta(days=1)
"""A log that was refused is asked for once a day: a refused call counts against an app."""

Cursor = Mapping[str, Any]
Row = Mapping[str, Any]


def email_pages(
    client: HubSpotClient, after: Cursor | None, now: datetime
) -> Iterator[tuple[list[Row], Cursor]]:
    """Pages of events with the cursor to go on from. Events of both kinds never overlap: each mode goes on
    where the other ended.
    """
    reached = dict(after or {"mode": "log", "since": to_iso(now - FIRST_LOOK)})
    if not _asks_log(reached, now):
        yield from _counted(client, reached, now)
        return
    looks_back = after and reached["mode"] == "log" and "begun" not in reached
    since = from_iso(reached["since"]) - (email_log.LATE if looks_back else timedelta())
    try:
        for rows, upto in email_log.read_log(client, since, now):
            # In the middle of a slice we stand at its beginning: going on, it begins there, not before.
            begun = {} if upto > since else {"begun": True}
            since = upto
            reached = {"mode": "log", "since": to_iso(upto), **begun}
            yield rows, reached
    except (NotForUs, NotFound):
        yield from _counted(client, {**reached, "log_asked": to_iso(now)}, now)


def _asks_log(reached: Cursor, now: datetime) -> bool:
    """A walk over the counters is ended first."""
    if reached["mode"] == "log":
        return True
    return not reached["id"] and now - from_iso(reached["log_asked"]) >= ASK_AGAIN


def _counted(client: HubSpotClient, reached: Cursor, now: datetime) -> Iterator[tuple[list[Row], Cursor]]:
    walk: dict[str, Any] = {"mode": "counters", "until": to_iso(now), "id": "", **reached} | {
        "mode": "counters"
    }
    if not walk["id"]:
        walk["until"] = to_iso(now)
        if reached["mode"] == "counters":
            walk["since"] = to_iso(from_iso(walk["since"]) - email_counters.LATE)
    for rows, after_id in email_counters.read_counters(client, from_iso(walk["since"]), walk["id"]):
        over = {"since": walk["until"]} if not after_id else {}
        yield rows, {**walk, "id": after_id, **over}
