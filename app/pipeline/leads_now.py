"""A lot of summaries as of a moment: engagement faded to it, features put together where asked for."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import fsum

from app.domain.engagement import Engagement, EngagementRules, fade, half_lives
from app.domain.records import Features
from app.domain.summary import BETWEEN, Layout
from app.store.summaries import SummaryLot, microseconds

_DAY = timedelta(days=1) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class LeadsNow:
    """`totals` is each lead's engagement; `starts` where its worths begin in the lot."""

    lot: SummaryLot
    how: Layout
    rules: EngagementRules
    days: Sequence[float]
    starts: Sequence[int]
    totals: Sequence[float]

    def engagement(self, place: int) -> Engagement:
        """The engagement of the lead at `place`, by kind."""
        kinds = _kinds(self.lot.kinds[place])
        worths = self.lot.worths[self.starts[place] : self.starts[place] + len(kinds)]
        left = fade(worths, half_lives(self.rules, kinds), self.days[place])
        return Engagement(self.totals[place], dict(zip(kinds, left, strict=True)))

    def features(self, place: int) -> tuple[Features, Features]:
        """The features of the lead at `place`: as shown, and as models may know them."""
        width = len(self.how.numbers)
        numbers = struct.unpack_from(f"<{width}d", self.lot.numbers, 8 * width * place)
        words = self.lot.words[place].split(BETWEEN)[:-1]
        return self.how.unpack(numbers, words, self.totals[place])


def leads_now(lot: SummaryLot, how: Layout, rules: EngagementRules, now: datetime) -> LeadsNow:
    """The leads of the lot as of `now`, at which all their summaries hold."""
    at = microseconds(now)
    known: dict[str, tuple[float, ...]] = {}
    days = [(at - then) / _DAY for then in lot.worth_at]
    starts: list[int] = []
    totals: list[float] = []
    start = 0
    for text, passed in zip(lot.kinds, days, strict=True):
        size = text.count(BETWEEN)
        halves = known.get(text)
        if halves is None:
            known[text] = halves = half_lives(rules, _kinds(text))
        starts.append(start)
        totals.append(fsum(fade(lot.worths[start : start + size], halves, passed)))
        start += size
    return LeadsNow(lot, how, rules, days, starts, totals)


def _kinds(text: str) -> tuple[str, ...]:
    return tuple(text.split(BETWEEN)[:-1])
