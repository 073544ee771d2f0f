"""Ends a process that lives and does nothing: whoever supervises it starts it again."""

from __future__ import annotations

import faulthandler
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0
"""Seconds between two looks."""


def end_at_once() -> None:
    """The end without clearing up, for a process that cannot end otherwise. Where it hung goes to its log."""
    faulthandler.dump_traceback(all_threads=True)
    os._exit(1)


@dataclass(slots=True)
class _Expected:
    """Something that must be seen every `within` looks, and the looks since it last was."""

    within: int
    looks: int = 0


class Watchdog:
    """Looks once a second, from a thread of its own, whether all that is expected was seen in time.

    Time is counted in looks: a process that was frozen made none meanwhile, and is not blamed for it.
    """

    def __init__(self, end: Callable[[], None] = end_at_once, every: float = LOOK_EVERY) -> None:
        self._end = end
        self._every = every
        self._expected: dict[str, _Expected] = {}
        self._lock = threading.Lock()
        self._off = threading.Event()

    def start(self) -> None:
        """Look from now on, until `stop`."""
        self._off.clear()
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._off.set()

    def expect(self, what: str, within: int) -> None:
        """From now on `what` must be seen at least every `within` seconds, until it is forgotten. Asked for
        again, it gets no more time.
        """
        with self._lock:
            self._expected.setdefault(what, _Expected(within))

    def saw(self, what: str) -> None:
        """It was seen just now. What is not expected is passed over."""
        with self._lock:
            if (expected := self._expected.get(what)) is not None:
                expected.looks = 0

    def forget(self, what: str) -> None:
        """It is expected no more."""
        with self._lock:
            self._expected.pop(what, None)

    def look(self) -> None:
        """One look: the process is ended when something is overdue."""
        with self._lock:
            for one in self._expected.values():
                one.looks += 1
            overdue = [name for name, one in self._expected.items() if one.looks > one.within]
        if overdue:
            log.error("nothing was seen of %s: this process ends, to be started again", ", ".join(overdue))
            self._end()

    def _run(self) -> None:
        while not self._off.wait(self._every):
            self.look()
