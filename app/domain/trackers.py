"""Two trackers on one site see the same visits and forms: which one is believed, by kind and day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date
from typing import TypeVar

from app.domain.attendance import StoredObservation

SEEN_TWICE = frozenset({"website_visit", "conversion_event"})

S = TypeVar("S", bound=StoredObservation)


def without_second_trackers(seen: Sequence[S]) -> list[S]:
    """One person's observations without those that another source saw at least as well: of each kind that
    trackers share, a day (UTC) belongs to the source that saw most of it.
    """
    counts = Counter((_day(item), item.source) for item in seen if item.kind in SEEN_TWICE)
    best: dict[tuple[str, date], str] = {}
    for (day, source), _ in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0][1])):
        best.setdefault(day, source)
    return [item for item in seen if item.kind not in SEEN_TWICE or best[_day(item)] == item.source]


def _day(item: StoredObservation) -> tuple[str, date]:
    return item.kind, item.occurred_at.astimezone(UTC).date()
