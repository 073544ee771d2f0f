"""The times in Zoom's exported reports, which are written in several ways and never with a zone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

_NUMBERED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})\b")
_TIMES = ("%I:%M:%S %p", "%I:%M %p", "%H:%M:%S", "%H:%M")
_DAYS = ("%b %d, %Y", "%B %d, %Y", "%Y-%m-%d", "%d %b %Y")
MONTH_FIRST, DAY_FIRST = "%m/%d/%Y", "%d/%m/%Y"


def order_of_days(cells: Iterable[str]) -> str:
    """How a file writes dates of numbers: day first where any of them can be read no other way, else Zoom's
    own month first.
    """
    found = [match for cell in cells for match in _NUMBERED.finditer(cell)]
    return DAY_FIRST if any(int(match[1]) > 12 for match in found) else MONTH_FIRST


def read_time(text: str, order: str) -> datetime | None:
    """The local time a cell tells; None for "--", an empty cell and whatever is no time."""
    shown = " ".join(text.replace("\u202f", " ").split())
    for day in (*_DAYS, order):
        for time in _TIMES:
            try:
                return datetime.strptime(shown, f"{day} {time}")  # noqa: DTZ007  the zone is told apart from it
            except ValueError:
                continue
    return None
