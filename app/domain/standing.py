"""Where a lead stands among all: percentile, and bands by how many leads sales can take.

A standing is what ranks a lead, 0 to 1: a model's probability, or a hundredth of its points. Neither is ever
stretched to fill a band.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from app.domain.records import BANDS, Band, Score
from app.domain.scoring.bands import Bands

STEPS = 1000
BINARY_NOISE = 1e-9
"""What a decimal fraction may lose as a binary one, many times over: 0.29 x 100 is 28.999999999999996."""

WIDER = (1, 2, 4)
"""Hot takes as many leads as sales can call, warm twice as many, cold four times; the rest is unqualified."""

Starts = Mapping[Band, float]
"""The lowest standing of each band."""


@dataclass(frozen=True, slots=True)
class BandLimits:
    """Where bands begin: at the `published` starts; or, with a `capacity`, so that hot holds this many
    leads a week. `weeks` says for how many such choices the rows learnt from stand.
    """

    published: Starts
    capacity: int = 0
    weeks: float = 1.0

    def starts_among(self, spread: Spread, part: float) -> Starts:
        """Drawn among the leads of `spread`, which are this `part` of all rows."""
        if not self.capacity:
            return self.published
        return starts_by_capacity(spread, max(1, round(self.capacity * self.weeks * part)))


SEED_BANDS = BandLimits({"hot": 0.8, "warm": 0.6, "cold": 0.4, "unqualified": 0.0})
"""The seed's, for whoever learns without a mapping of bands."""


class Printed(NamedTuple):
    """What anybody sees of a score; while it is the same no receipt is made again."""

    value: int
    band: Band
    method: str
    engagement: int


def printed(score: Score) -> Printed:
    """What anybody sees of `score`."""
    return Printed(score.value, score.band, score.method, round(score.engagement))


@dataclass(frozen=True, slots=True)
class Spread:
    """How many leads stand where: thousandth of a standing -> leads."""

    counts: Mapping[int, int]

    @property
    def leads(self) -> int:
        return sum(self.counts.values())

    @property
    def highest(self) -> float:
        """The best standing there is, to the thousandth."""
        return max((step for step, count in self.counts.items() if count), default=0) / STEPS


def standing_of(score: Score) -> float:
    """What ranks a lead that has this score."""
    return score.value / 100 if score.probability is None else score.probability


def step_of(standing: float) -> int:
    """The thousandth a standing falls in; what is written as a whole score falls where it starts."""
    return int(standing * STEPS + BINARY_NOISE)


def percentiles(spread: Spread) -> list[int]:
    """By step, the share of leads that stand lower, in percent; equals count half. Empty without leads."""
    leads, lower = spread.leads, 0
    found: list[int] = []
    for step in range(STEPS + 1 if leads else 0):
        equals = spread.counts.get(step, 0)
        found.append(int(100 * (lower + equals / 2) / leads))
        lower += equals
    return found


def starts_by_score(bands: Bands) -> Starts:
    """The published bands: 80, 60, 40."""
    return {band: bands[band].at_least / 100 for band in BANDS}


def starts_by_capacity(spread: Spread, capacity: int) -> Starts:
    """Bands that hold the `capacity` best leads and the next ones in widening circles.

    Equals are never parted: a band that would break a tie begins above it, but hot always holds the best.
    """
    starts: dict[Band, float] = dict.fromkeys(BANDS, 0.0)
    room = 0
    for band, width in zip(BANDS, WIDER, strict=False):
        room += width * capacity
        starts[band] = _lowest_step(spread, room) / STEPS
    return starts


def _lowest_step(spread: Spread, room: int) -> int:
    """The lowest step at or above which no more than `room` leads stand; the best lead's own at most."""
    taken, lowest = 0, STEPS
    for step in sorted((step for step, count in spread.counts.items() if count), reverse=True):
        if taken and taken + spread.counts[step] > room:
            break
        taken += spread.counts[step]
        lowest = step
    return lowest


def band_at(standing: float, starts: Starts) -> Band:
    """The best band whose start `standing` reaches."""
    place = step_of(standing)
    return next((band for band in BANDS if place >= step_of(starts[band])), BANDS[-1])
