"""What the operator should know of how whole our reading is: days a vendor says it did not tell whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from app.domain.changes import Problem
from app.store import occurrences

LATELY = timedelta(days=28)


def reading_problems(conn: sa.Connection, now: datetime) -> Iterator[Problem]:
    """A source with flagged days lately, and what to do about it."""
    for source, days in occurrences.flagged_days(conn, (now - LATELY).date()).items():
        ways = Counter(word for flags in days.values() for word in flags.split())
        told = ", ".join(f"{word} {count}" for word, count in sorted(ways.items()))
        days_are = "1 day is" if len(days) == 1 else f"{len(days)} days are"
        message = (
            f"{days_are} not told whole lately ({told}; the last: {max(days)}), and count low:"
            f" see connectors/{source}/README.md"
        )
        yield Problem("warning", source, message)
