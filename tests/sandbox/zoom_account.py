"""The stand-in Zoom account's strictness: tokens that expire, calls per second, page tokens that go stale."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from tests.sandbox.cast import Segment, Webinar
from tests.sandbox.world import Story

RateClass = Literal["Light", "Medium", "Heavy"]

BUSINESS: Mapping[RateClass, int] = {"Light": 80, "Medium": 60, "Heavy": 40}
"""Calls per second of each class on Zoom's Business plan."""


class ZoomError(Exception):
    """An answer of Zoom's own that is no success."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class ZoomCredentials:
    """What a server-to-server app is given."""

    account_id: str
    client_id: str
    client_secret: str


@dataclass
class ZoomAccount:
    """One Zoom account. `has_webinars`: its users have the webinar add-on. Seconds of life of access and page
    tokens, the delay of reports and the clock can be set; `request_counts` is by route, `http_429` how often
    somebody called too fast. For `report_grows` after it appears a report of participants lacks every
    seventh connection.
    """

    story: Story
    credentials: ZoomCredentials
    token_seconds: float = 3_600
    page_token_seconds: float = 900
    report_delay: timedelta = timedelta(0)
    scopes: str = "report:read:admin webinar:read:admin user:read:admin"
    has_webinars: bool = True
    report_grows: timedelta = timedelta(0)
    limits: Mapping[RateClass, int] = field(default_factory=lambda: dict(BUSINESS))
    clock: Callable[[], float] = time.time
    request_counts: Counter[str] = field(default_factory=Counter)
    http_429: int = 0

    def __post_init__(self) -> None:
        """Index the world once: lookups are by lead key, webinar id and run uuid."""
        self.leads = {lead.key: lead for lead in self.story.world.leads}
        self._webinars: dict[str, list[Webinar]] = {}
        for webinar in self.story.world.webinars:
            self._webinars.setdefault(str(webinar.webinar_id), []).append(webinar)
        self._runs = {uuid: w for w in self.story.world.webinars for uuid, _ in w.runs}
        self._tokens: dict[str, float] = {}
        self._page_tokens: dict[str, tuple[str, int, float]] = {}
        self._calls: dict[RateClass, deque[float]] = {"Light": deque(), "Medium": deque(), "Heavy": deque()}
        self._lock = threading.Lock()

    def issue_token(self) -> str:
        """A fresh access token; several are valid at once."""
        token = secrets.token_urlsafe(32)
        self._tokens[token] = self.clock() + self.token_seconds
        return token

    def authorize(self, header: str) -> None:
        """Raises Zoom's 401 for an unknown or expired bearer token."""
        expires = self._tokens.get(header.removeprefix("Bearer "))
        if expires is None or not header.startswith("Bearer "):
            raise ZoomError(401, 124, "Invalid access token.")
        if expires <= self.clock():
            raise ZoomError(401, 124, "Access token is expired.")

    def admit(self, rate_class: RateClass) -> int:
        """Count one call; how many more this second takes. Raises Zoom's 429."""
        with self._lock:
            calls, moment = self._calls[rate_class], self.clock()
            while calls and calls[0] <= moment - 1:
                calls.popleft()
            if len(calls) >= self.limits[rate_class]:
                self.http_429 += 1
                text = "You have reached the maximum per-second rate limit for this API. Try again later."
                raise ZoomError(429, 429, text)
            calls.append(moment)
            return self.limits[rate_class] - len(calls)

    def page(
        self, scope: str, rows: Sequence[Any], size_text: str, token: str
    ) -> tuple[Sequence[Any], dict[str, Any]]:
        """The rows of one page and the fields Zoom puts beside them. A page token belongs to one `scope`
        (path and filters) and goes stale.
        """
        if not size_text.isdigit() or not 1 <= int(size_text) <= 300:
            raise ZoomError(400, 300, "Invalid field: page_size must be between 1 and 300.")
        size, start = int(size_text), self._page_start(scope, token)
        after = start + size
        more = self._new_page_token(scope, after) if after < len(rows) else ""
        pages = -(-len(rows) // size)
        fields = {"page_size": size, "page_count": pages, "total_records": len(rows), "next_page_token": more}
        return rows[start:after], fields

    def _page_start(self, scope: str, token: str) -> int:
        if not token:
            return 0
        owner, start, issued = self._page_tokens.get(token, ("", 0, 0.0))
        if owner != scope or issued + self.page_token_seconds <= self.clock():
            raise ZoomError(400, 300, "The next page token is invalid or expired.")
        return start

    def _new_page_token(self, scope: str, start: int) -> str:
        token = secrets.token_urlsafe(24)
        self._page_tokens[token] = (scope, start, self.clock())
        return token

    @property
    def now(self) -> datetime:
        """The account's clock."""
        return datetime.fromtimestamp(self.clock(), tz=UTC)

    def occurrences(self, name: str) -> list[Webinar]:
        """Every occurrence of the webinar of this id, or that of a run's uuid. Raises Zoom's 3001."""
        run = [self._runs[name]] if name in self._runs else []
        found = self._webinars.get(name, run)
        known = [one for one in found if one.created_at <= self.now]
        if not known:
            raise ZoomError(404, 3001, f"Webinar does not exist: {name}.")
        return known

    def has_ended(self, webinar: Webinar) -> bool:
        """Is it over, by the story and by the clock?"""
        since = self.story.report_from(webinar)
        return since is not None and since <= self.now

    def webinar(self, name: str) -> Webinar:
        """The webinar of an id, a series by the occurrence that ended last, or of a run's uuid. Raises Zoom's
        3001.
        """
        known = self.occurrences(name)
        return next((one for one in reversed(known) if self.has_ended(one)), known[0])

    def finished(self, name: str) -> tuple[Webinar, str]:
        """The same and the run meant (the last of an id), once reports are out. Raises 3001 until then."""
        found = self.webinar(name)
        since = self.story.report_from(found)
        if since is None or self.now < since + self.report_delay + found.report_delay:
            raise ZoomError(404, 3001, f"This webinar is not available or the ID is not valid: {name}.")
        return found, name if name in self._runs else found.runs[-1][0]

    def connections(self, name: str) -> list[Segment]:
        """The connections the report of a run tells of by now. Raises 3001 until there is one."""
        webinar, uuid = self.finished(name)
        own = [one for one in webinar.segments if webinar.uuid_at(one.joined_at) == uuid]
        appeared = (self.story.report_from(webinar) or self.now) + self.report_delay + webinar.report_delay
        if self.now < appeared + self.report_grows:
            return [one for place, one in enumerate(own) if place % 7 != 6]
        return own

    def reset_counters(self) -> None:
        """Forget the counts, keep everything else."""
        self.request_counts.clear()
        self.http_429 = 0
