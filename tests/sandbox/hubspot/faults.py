"""Faults on demand: what a bad network and a tired vendor do to the next calls."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "429", "500_html", "502", "reset", "hang_up_after_apply", "silent_after_apply", "truncated_json", "delay"
]


@dataclass(slots=True)
class Fault:
    """One kind of trouble for the next `times` calls whose "METHOD path" contains `matching`."""

    kind: Kind
    times: int
    matching: str = ""
    seconds: float = 0.0


class Faults:
    """The faults that wait for their call. "429", "500_html" and "502" answer before anything is done,
    "reset" closes the connection before it. "hang_up_after_apply" does the call and closes the connection
    without an answer, "silent_after_apply" answers after `seconds`, "truncated_json" cuts the answer in half.
    "delay" waits `seconds` first. `latency` is seconds before every call.
    """

    def __init__(self) -> None:
        self.latency = 0.0
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def next(self, kind: Kind, times: int = 1, matching: str = "", seconds: float = 0.0) -> None:
        """Let the next `times` matching calls go wrong in this way."""
        with self._lock:
            self._waiting.append(Fault(kind, times, matching, seconds))

    def clear(self) -> None:
        """All is well from now on."""
        with self._lock:
            self._waiting.clear()

    def take(self, call: str) -> Fault | None:
        """The fault for this call ("POST /crm/..."), used up by asking."""
        if not self._waiting:
            return None
        with self._lock:
            for fault in self._waiting:
                if fault.matching in call:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                    return fault
        return None
