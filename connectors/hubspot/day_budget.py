"""The day's calls of an account, shared by all of its apps: a part is left to the others, pulls yield first.

Source: the X-HubSpot-RateLimit-Daily headers of the API usage guidelines. Searches tell none.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

from app.domain.errors import TryLater

BACKGROUND_MARGIN = 0.1
"""Of the day's calls: pulls stop so much earlier than what a waiting delivery or a write needs."""

TRUSTED_SECONDS = 600.0
"""What was read is believed so long; then one call looks again: the account's midnight may be over."""

ASK_AGAIN = timedelta(minutes=10)


class DayBudget:
    """What the answers of one portal tell of its day. Safe to share between threads and clients."""

    def __init__(self, keep_free: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`keep_free` is the share of the day's calls that is never taken."""
        self._keep_free = keep_free
        self._clock = clock
        self._lock = threading.Lock()
        self._left: int | None = None
        self._of = 0
        self._read_at = 0.0

    def note(self, headers: Mapping[str, str]) -> None:
        """Read an answer's headers; one without them tells nothing."""
        daily = headers.get("X-HubSpot-RateLimit-Daily", "")
        left = headers.get("X-HubSpot-RateLimit-Daily-Remaining", "")
        if daily.isdecimal() and left.isdecimal():
            with self._lock:
                self._of, self._left, self._read_at = int(daily), int(left), self._clock()

    def spend(self, *, background: bool) -> None:
        """Before a call. Raises TryLater when what is left is for others."""
        floor = self._keep_free + (BACKGROUND_MARGIN if background else 0.0)
        with self._lock:
            if self._left is None or self._clock() - self._read_at >= TRUSTED_SECONDS:
                self._read_at = self._clock()  # one call looks, the others go by what was read
                return
            short = self._left < floor * self._of
        if short:
            raise TryLater(
                f"HubSpot: {self._left} of the day's {self._of} calls are left, kept free for other apps by "
                "[hubspot] keep_free; it goes on after midnight of the account's time zone",
                ASK_AGAIN,
            )


class Spending:
    """The budget as a limit of one client: asked before each of its calls."""

    seconds = 0.0

    def __init__(self, budget: DayBudget, *, background: bool) -> None:
        self.budget = budget
        self._background = background

    def wait(self) -> None:
        """Never blocks. Raises TryLater."""
        self.budget.spend(background=self._background)
