"""What both engines are asked to run, and the ledger of what really ran: a file, not a table."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STROKE_S = 0.2
"""A job works in strokes, so that a worker that was frozen goes on with its work when it wakes."""


@dataclass(frozen=True, slots=True)
class Note:
    """One line of the ledger. `what` is start, stroke or end."""

    what: str
    tag: str
    pid: int
    at: float


@dataclass(frozen=True, slots=True)
class Ledger:
    """Appended to by every worker; one write per line, so lines of several processes never mix."""

    path: Path

    def note(self, what: str, tag: str) -> None:
        line = json.dumps({"what": what, "tag": tag, "pid": os.getpid(), "at": time.time()})
        with self.path.open("a") as file:
            file.write(line + "\n")

    def read(self, what: str = "", tag: str = "") -> list[Note]:
        if not self.path.exists():
            return []
        notes = [Note(**json.loads(line)) for line in self.path.read_text().splitlines()]
        return [note for note in notes if what in ("", note.what) and tag in ("", note.tag)]


def run_job(ledger: Ledger, order: Mapping[str, Any]) -> None:
    """A synchronous lot, as ours are: `seconds` of strokes, nothing at all, or always an error."""
    if order["kind"] == "fail":
        ledger.note("start", order["tag"])
        raise ValueError("this job always raises")
    if order["kind"] == "noop":
        return
    ledger.note("start", order["tag"])
    for _ in range(round(order["seconds"] / STROKE_S)):
        time.sleep(STROKE_S)
        ledger.note("stroke", order["tag"])
    ledger.note("end", order["tag"])


def order(kind: str, tag: str, seconds: float = 0.0) -> dict[str, Any]:
    """`kind`: nap, serial (a nap that must not run twice at once), noop or fail."""
    return {"kind": kind, "tag": tag, "seconds": seconds}
