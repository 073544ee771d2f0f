"""How often a vendor may be called: windows of calls, and the one that threads of a process share."""

from __future__ import annotations

import threading
import time
from bisect import insort
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

    def answered(self) -> None:
        """The call that this thread waited for last has come to its end: the vendor has counted it by now."""
        ...


class RateLimit:
    """At most `calls` in any `seconds`: a sliding window shared by every thread that holds it.

    A vendor counts a call when it comes there. Until a call is `answered`, that may be up to `longest_way`
    seconds after its place; 0 where nobody tells of answers.
    """

    def __init__(
        self,
        calls: int,
        seconds: float,
        *,
        longest_way: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.seconds = seconds
        self._longest_way = longest_way
        self._clock = clock
        self._sleep = sleep
        self._most = calls
        self._held_until = float("-inf")
        self._slots: deque[float] = deque(maxlen=calls)
        self._lock = threading.Lock()
        self._taken = threading.local()

    def wait(self) -> None:
        """Take the next free place in the window and block until it has come."""
        with self._lock:
            now = self._clock()
            full = len(self._slots) == self._slots.maxlen
            slot = max(now, self._held_until, self._slots[0] + self.seconds if full else now)
            if full:
                self._slots.popleft()
            insort(self._slots, slot + self._longest_way)
        self._taken.slot = slot + self._longest_way
        if slot > now:
            self._sleep(slot - now)

    def answered(self) -> None:
        """The call that this thread waited for last has come to its end: the vendor has counted it by now."""
        slot: float | None = getattr(self._taken, "slot", None)
        with self._lock:
            if slot is not None and slot in self._slots:
                self._slots.remove(slot)
                insort(self._slots, min(self._clock(), slot))

    def at_most(self, calls: int) -> None:
        """The vendor allows so many in the window; what was set at first is never passed."""
        with self._lock:
            self._slots = deque(self._slots, maxlen=max(1, min(self._most, calls)))

    def hold(self, seconds: float) -> None:
        """The vendor says that its window is nearly full: the next call waits so long at least."""
        self._held_until = self._clock() + seconds
