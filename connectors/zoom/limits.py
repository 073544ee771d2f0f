"""How often a Zoom account may be called: what its plan allows, and what its answers tell of that.

Source: developers.zoom.us, "Rate limits". All are per account and shared by all of its apps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Literal

from app.domain.errors import TryLater
from connectors.call_limits import CallLimit, RateLimit
from connectors.http import retry_after

RateClass = Literal["Light", "Medium", "Heavy"]
Plan = Literal["free", "pro", "business"]

CALLS_A_SECOND: Mapping[Plan, Mapping[RateClass, int]] = {
    "free": {"Light": 4, "Medium": 2, "Heavy": 1},
    "pro": {"Light": 30, "Medium": 20, "Heavy": 10},
    "business": {"Light": 80, "Medium": 60, "Heavy": 40},
}
HEAVY_A_DAY: Mapping[Plan, int] = {"free": 1_000, "pro": 30_000, "business": 60_000}
"""Reports are heavy calls. The other classes have no limit of the day on the plans that hold webinars."""

KEPT_FREE = 0.2
"""The share of the account that is left to its other apps."""

WINDOW = 1 / (1 - KEPT_FREE)
"""Seconds in which we take one second's calls."""

DAY = 86_400.0
UNTOLD = timedelta(hours=1)
"""How long we wait where the day is used up and nothing says until when."""


class DayCap:
    """A guard of the day's calls: so many in the 24 hours from the first, and none while Zoom says that
    little is left. `most` is None where no limit of the day is known.
    """

    seconds = 0.0

    def __init__(self, most: int | None, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._taken = 0
        self._began = self._shut_until = float("-inf")

    def wait(self) -> None:
        """Count one call. Raises TryLater, with the wait, when only what is kept free is left."""
        with self._lock:
            now = self._clock()
            if now >= self._began + DAY:
                self._began, self._taken = now, 0
            if self._most is not None and self._taken >= self._most:
                self._shut_until = max(self._shut_until, self._began + DAY)
            if now < self._shut_until:
                message = "zoom: what is left of the day's calls is kept free for the account's other apps"
                raise TryLater(message, timedelta(seconds=self._shut_until - now))
            self._taken += 1

    def shut(self, wait: timedelta) -> None:
        """Zoom says that the day is nearly used up, by whomever."""
        with self._lock:
            self._shut_until = self._clock() + wait.total_seconds()


class AccountLimits:
    """The limits of one account by class of call. Safe to share between threads."""

    def __init__(self, plan: Plan, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        calls = CALLS_A_SECOND[plan]
        heavy = int(HEAVY_A_DAY[plan] * (1 - KEPT_FREE))
        self._windows = {of: RateLimit(most, WINDOW, clock=clock, sleep=sleep) for of, most in calls.items()}
        self._days = {of: DayCap(heavy if of == "Heavy" else None, clock) for of in calls}

    def of(self, rate_class: RateClass) -> Sequence[CallLimit]:
        """What a call of this class waits for."""
        return self._windows[rate_class], self._days[rate_class]

    def heed(self, rate_class: RateClass, headers: Mapping[str, str]) -> None:
        """Believe an answer's X-RateLimit headers where they allow less than the plan; all are optional."""
        limit, left = _count(headers, "X-RateLimit-Limit"), _count(headers, "X-RateLimit-Remaining")
        if "daily" in headers.get("X-RateLimit-Type", "").lower():
            if limit and left is not None and left < limit * KEPT_FREE:
                self._days[rate_class].shut(retry_after(headers) or UNTOLD)
            return
        if limit:
            self._windows[rate_class].at_most(limit)
        if left == 0:
            self._windows[rate_class].hold(1)


def _count(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "").strip()
    return int(text) if text.isascii() and text.isdecimal() else None
