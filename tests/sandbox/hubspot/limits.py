"""Rate limits: the rolling ten seconds, searches per second, the day."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.sandbox.hubspot.answers import Refusal


class Limits:
    """What one portal allows: 190 calls in any 10 seconds, 5 searches in any second, 650,000 calls a day
    (Professional, usage guidelines). Every figure may be set. A refused call is not counted.
    """

    def __init__(self, now: Callable[[], float], time_zone: str) -> None:
        self.window_max = 190
        self.window_seconds = 10.0
        self.search_max = 5
        self.daily_max = 650_000
        self.daily_used = 0
        self._now = now
        self._zone = ZoneInfo(time_zone)
        self._calls: deque[float] = deque()
        self._searches: deque[float] = deque()
        self._day = self._today()

    def admit(self, *, search: bool) -> None:
        """Count one call, or refuse it with a 429 as HubSpot words it."""
        now = self._now()
        self._forget(now)
        if self.daily_used >= self.daily_max:
            raise too_many("DAILY", "You have reached your daily limit.")
        if search and len(self._searches) >= self.search_max:
            raise too_many("SECONDLY", "You have reached your secondly limit.")
        if not search and len(self._calls) >= self.window_max:
            message = "You have reached your ten_secondly_rolling limit."
            raise too_many("TEN_SECONDLY_ROLLING", message)
        (self._searches if search else self._calls).append(now)
        self.daily_used += 1

    def consume(self, calls: int) -> None:
        """Other apps' calls: they take from the window and from the day."""
        now = self._now()
        self._forget(now)
        self._calls.extend([now] * calls)
        self.daily_used += calls

    def headers(self) -> dict[str, str]:
        """The rate headers of an answer; search answers carry none."""
        self._forget(self._now())
        return {
            "X-HubSpot-RateLimit-Daily": str(self.daily_max),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, self.daily_max - self.daily_used)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(self.window_seconds * 1000)),
            "X-HubSpot-RateLimit-Max": str(self.window_max),
            "X-HubSpot-RateLimit-Remaining": str(max(0, self.window_max - len(self._calls))),
        }

    def resets_at(self) -> float:
        """The coming midnight in the account's zone, in seconds since 1970."""
        today = datetime.fromtimestamp(self._now(), self._zone)
        tomorrow = (today + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return tomorrow.timestamp()

    def _forget(self, now: float) -> None:
        _drop_older(self._calls, now - self.window_seconds)
        _drop_older(self._searches, now - 1.0)
        if self._today() != self._day:
            self._day, self.daily_used = self._today(), 0

    def _today(self) -> int:
        return datetime.fromtimestamp(self._now(), self._zone).toordinal()


def _drop_older(stamps: deque[float], edge: float) -> None:
    while stamps and stamps[0] <= edge:
        stamps.popleft()


def too_many(policy: str, message: str) -> Refusal:
    body = {
        "status": "error",
        "message": message,
        "errorType": "RATE_LIMIT",
        "correlationId": str(uuid.uuid4()),
        "policyName": policy,
    }
    if policy == "DAILY":
        body["requestId"] = str(uuid.uuid4())
    return Refusal(429, body)
