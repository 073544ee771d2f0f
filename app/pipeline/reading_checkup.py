"""What the operator should know of how whole our reading is: days not told whole, texts read at home."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from app.domain.changes import Problem
from app.pipeline.texts import LOCAL
from app.services import Services
from app.store import occurrences, texts

LATELY = timedelta(days=28)
DAY = timedelta(days=1)

MANY = 5
SHARE = 0.2
"""So many texts of a day, and such a part of them: a rude line now and then is always refused."""


def reading_state(conn: sa.Connection, services: Services, now: datetime) -> dict[str, object]:
    """How many texts were read in the last day, by whom; nothing without a vendor that reads them."""
    return {"texts read, last day": texts.count_read_since(conn, now - DAY)} if services.texts else {}


def reading_problems(conn: sa.Connection, services: Services, now: datetime) -> Iterator[Problem]:
    """What was not read as it should be, and what to do about it."""
    yield from _flagged_days(conn, now)
    if services.texts is not None:
        counted = texts.count_read_since(conn, now - DAY)
        refused, asked = counted.get(LOCAL, 0), sum(counted.values())
        if refused >= MANY and refused >= SHARE * asked:
            message = (
                f"refused {refused} of {asked} texts in the last day, which the word lists read instead: set"
                " [openai] model to one with structured outputs; under another model all are read anew"
            )
            yield Problem("warning", "OpenAI", message)


def _flagged_days(conn: sa.Connection, now: datetime) -> Iterator[Problem]:
    for source, days in occurrences.flagged_days(conn, (now - LATELY).date()).items():
        ways = Counter(word for flags in days.values() for word in flags.split())
        told = ", ".join(f"{word} {count}" for word, count in sorted(ways.items()))
        days_are = "1 day is" if len(days) == 1 else f"{len(days)} days are"
        message = (
            f"{days_are} not told whole lately ({told}; the last: {max(days)}), and count low:"
            f" see connectors/{source}/README.md"
        )
        yield Problem("warning", source, message)
