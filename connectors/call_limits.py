"""How often a vendor may be called: windows of calls, and the one that threads of a process share."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol


class CallLimit(Protocol):
    """A window of calls, shared by whoever holds it. `seconds` is the window's length; 0 for a guard, which
    refuses calls and is never waited for.
    """

    seconds: float

    def wait(self) -> None:
        """Take the next free place in the window and block until it has come."""
        ...


class WindowLimit(CallLimit, Protocol):
    """A window that heeds what a vendor's answers tell of it."""

    def at_most(self, calls: int) -> None:
        """The vendor allows so many in the window; what was set at first is never passed."""
        ...

    def hold(self, seconds: float) -> None:
        """The vendor says that its window is nearly full: the next call waits so long at least."""
        ...


class RateLimit:
    """At most `calls` in any `seconds`: a sliding window shared by every thread that holds it."""

    def __init__(
        self,
        calls: int,
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.seconds = seconds
        self._clock = clock
        self._sleep = sleep
        self._most = calls
        self._held_until = float("-inf")
        self._slots: deque[float] = deque(maxlen=calls)
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Take the next free place in the window and block until it has come."""
        with self._lock:
            now = self._clock()
            full = len(self._slots) == self._slots.maxlen
            slot = max(now, self._held_until, self._slots[0] + self.seconds if full else now)
            self._slots.append(slot)
        if slot > now:
            self._sleep(slot - now)

    def at_most(self, calls: int) -> None:
        """The vendor allows so many in the window; what was set at first is never passed."""
        with self._lock:
            self._slots = deque(self._slots, maxlen=max(1, min(self._most, calls)))

    def hold(self, seconds: float) -> None:
        """The vendor says that its window is nearly full: the next call waits so long at least."""
        self._held_until = self._clock() + seconds
