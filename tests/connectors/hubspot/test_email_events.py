"""HubSpot's mail log comes to its end however early a turn is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.hubspot.email_events import email_pages
from connectors.hubspot.times import to_iso, to_millis

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PAGE = 3


class Log:
    """A portal's log of one event an hour, three a page."""

    def __init__(self, since: datetime) -> None:
        hours = int((NOW - since) / timedelta(hours=1))
        self.events = [to_millis(since + timedelta(hours=number)) for number in range(hours)]
        self.paths = self

    def email_events(self) -> str:
        return "/email/public/v1/events"

    def call(self, method: str, path: str, *, params: dict[str, Any]) -> dict[str, Any]:
        begin, end = params["startTimestamp"], params["endTimestamp"]
        found = [{"created": at} for at in self.events if begin <= at < end]
        first = int(params.get("offset", 0))
        more = {"hasMore": True, "offset": first + PAGE} if first + PAGE < len(found) else {"hasMore": False}
        return {"events": found[first : first + PAGE], **more}


@pytest.mark.parametrize("days", [0.4, 5, 20])
def test_a_log_that_takes_many_turns_is_read_to_its_end(days: float):
    since = NOW - timedelta(days=days)
    log, cursor, read = Log(since), {"mode": "log", "since": to_iso(since)}, set()
    for _ in range(30):
        pages = email_pages(log, cursor, NOW)
        ended, began = True, cursor
        for rows, cursor in pages:
            read |= {row["created"] for row in rows}
            if cursor != began:  # a turn ends where the cursor has moved on
                ended = False
                break
        pages.close()
        if ended or cursor == {"mode": "log", "since": to_iso(NOW)}:
            break
    assert cursor == {"mode": "log", "since": to_iso(NOW)}
    assert read == set(log.events)
