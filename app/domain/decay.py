"""When does time alone change what is printed of a lead? Until then nobody need look at it again."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import floor, log, log2

from app.domain.engagement import Engagement, EngagementRules, half_lives
from app.domain.scoring.points import PointsRules, engagement_points

_HALVINGS = 40
_LONGEST = timedelta(days=3650)


def next_change(
    engagement: Engagement,
    level: float,
    rules: EngagementRules,
    now: datetime,
    other: datetime | None = None,
) -> datetime | None:
    """The first moment after `now` at which the engagement falls below `level`, or `other` where that comes
    first: a webinar that begins, an act dated ahead. None where nothing comes; 0 is never fallen below.
    """
    if rules.mode != "half_life" or level <= 0:
        return other
    falls = now + _time_until(level, engagement, rules)
    return falls if other is None else min(falls, other)


def printed_level(total: float, splits: Sequence[float] = ()) -> float:
    """The highest engagement up to `total` at which it is printed as another whole number, or passes one of
    `splits` (in rising order); 0 where nothing will.
    """
    whole = floor(total + 0.5) - 0.5
    place = bisect_right(splits, total)
    return max(whole, splits[place - 1] if place else 0.0, 0.0)


def points_level(total: float, rules: PointsRules, splits: Sequence[float]) -> float:
    """The same where points score: also where engagement earns a point less. `splits` are those of
    `engagement_steps`.
    """
    printed = printed_level(total, splits)
    earned = engagement_points(total, rules.engagement)
    if earned < 1:
        return printed
    return max(printed, -rules.engagement.scale * log(1 - (earned - 0.5) / rules.engagement.most))


def engagement_steps(rules: PointsRules, moving: Sequence[str]) -> list[float]:
    """Where a feature of engagement itself (one of `moving`) earns other points, in rising order."""
    return sorted(
        step.at_least for name in moving if name in rules.features for step in rules.features[name].steps
    )


def _time_until(level: float, engagement: Engagement, rules: EngagementRules) -> timedelta:
    """How long until the decaying sum falls below `level`; never less than a second. In closed form where
    all fades alike, else by halving.
    """
    halves = dict(zip(engagement.by_kind, half_lives(rules, tuple(engagement.by_kind)), strict=True))
    if len(set(halves.values())) == 1:
        days = next(iter(halves.values())) * log2(max(engagement.total / level, 1.0))
    else:
        days = _by_halving(level, engagement.by_kind, halves)
    return max(min(timedelta(days=days), _LONGEST), timedelta(seconds=1))


def _by_halving(level: float, by_kind: Mapping[str, float], halves: Mapping[str, float]) -> float:
    low, high = 0.0, _LONGEST / timedelta(days=1)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if sum(worth * 0.5 ** (middle / halves[kind]) for kind, worth in by_kind.items()) < level:
            high = middle
        else:
            low = middle
    return high
