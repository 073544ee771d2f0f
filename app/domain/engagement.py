"""activities -> engagement: the decaying sum of what a lead did, recomputed whole each time, never patched.

Counters that a profile holds (HubSpot's e-mail opens, clicks, visits) are totals without dates, so they
cannot decay and do not count here; features read them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import fsum
from typing import Literal

from app.domain.records import Activity

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class KindRule:
    """What one activity of a kind weighs, how many of them count in one day (UTC), and how fast they fade
    where that differs from the rest.
    """

    weight: float
    daily_cap: int
    half_life_days: float | None = None


@dataclass(frozen=True, slots=True)
class EngagementRules:
    """`engagement.toml` as read. `other` is the rule of every kind that has none of its own.

    In mode "half_life" an activity loses half its weight every `half_life_days`. Mode "per_event" is the
    seed's: at each activity its weight is added and then the whole multiplied by `per_event_factor`, whatever
    time has passed; daily caps do not apply there.
    """

    mode: Literal["half_life", "per_event"]
    half_life_days: float
    per_event_factor: float
    other: KindRule
    kinds: Mapping[str, KindRule]

    def rule(self, kind: str) -> KindRule:
        """The rule of `kind`."""
        return self.kinds.get(kind, self.other)


@dataclass(frozen=True, slots=True)
class Engagement:
    """A lead's engagement and what each kind of activity gives to it; the kinds sum to the total."""

    total: float
    by_kind: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Worth:
    """By kind, what counted at `at`, when the last thing that does was done. From there on it only fades:
    what it comes to at any later moment needs no look at the activities.
    """

    at: datetime
    by_kind: Mapping[str, float]


def engagement(activities: Iterable[Activity], rules: EngagementRules, now: datetime) -> Engagement:
    """The engagement of the one lead all `activities` belong to, as of `now`.

    What lies after `now` does not count yet; what a machine did (attribute `machine`: a mail filter opening
    links) never counts. The order of `activities` does not matter.
    """
    return faded(worth(activities, rules, now), rules, now)


def worth(activities: Iterable[Activity], rules: EngagementRules, now: datetime) -> Worth:
    """What the activities up to `now` were worth when the last of them was done."""
    counted = [
        item for item in activities if item.occurred_at <= now and item.attributes.get("machine") is not True
    ]
    last = max((item.occurred_at for item in counted), default=now)
    found = _per_event(counted, rules) if rules.mode == "per_event" else _half_life(counted, rules, last)
    shares: dict[str, list[float]] = defaultdict(list)
    for kind, value in found:
        shares[kind].append(value)
    return Worth(last, {kind: fsum(shares[kind]) for kind in sorted(shares)})


def faded(held: Worth, rules: EngagementRules, now: datetime) -> Engagement:
    """What `held` comes to at `now`."""
    halves = half_lives(rules, tuple(held.by_kind))
    left = fade(tuple(held.by_kind.values()), halves, (now - held.at) / _DAY)
    return Engagement(fsum(left), dict(zip(held.by_kind, left, strict=True)))


def half_lives(rules: EngagementRules, kinds: Sequence[str]) -> tuple[float, ...]:
    """In how many days each of these kinds loses half its worth; none at all where time plays no part."""
    if rules.mode == "per_event":
        return ()
    return tuple(rules.rule(kind).half_life_days or rules.half_life_days for kind in kinds)


def fade(worths: Sequence[float], halves: Sequence[float], days: float) -> Sequence[float]:
    """What is left of each of `worths` after so many days, by its `half_lives`."""
    if not halves:
        return worths
    if len(set(halves)) == 1:
        left = 0.5 ** (days / halves[0])
        return [value * left for value in worths]
    return [value * 0.5 ** (days / half) for value, half in zip(worths, halves, strict=True)]


def _half_life(
    counted: Iterable[Activity], rules: EngagementRules, last: datetime
) -> Iterator[tuple[str, float]]:
    """What each activity is worth at `last`. Where a day holds more than count, its latest do."""
    days: dict[tuple[str, date], list[datetime]] = defaultdict(list)
    for item in counted:
        days[item.kind, item.occurred_at.astimezone(UTC).date()].append(item.occurred_at)
    for (kind, _), moments in days.items():
        rule = rules.rule(kind)
        half_life = rule.half_life_days or rules.half_life_days
        for moment in sorted(moments, reverse=True)[: rule.daily_cap]:
            yield kind, rule.weight * 0.5 ** ((last - moment) / _DAY / half_life)


def _per_event(counted: Sequence[Activity], rules: EngagementRules) -> Iterator[tuple[str, float]]:
    """What each activity is worth after every later one. Source: seed, updateEngagementScore."""
    ordered = sorted(counted, key=lambda item: (item.occurred_at, item.kind, item.fact_key))
    for place, item in enumerate(ordered):
        yield item.kind, rules.rule(item.kind).weight * rules.per_event_factor ** (len(ordered) - place)


def engagement_faults(rules: EngagementRules) -> list[tuple[str, str]]:
    """What is wrong with the rules, as (key, what would be right)."""
    faults: list[tuple[str, str]] = []
    if rules.half_life_days <= 0:
        faults.append(("half_life_days", "must be more than 0 days"))
    if not 0 < rules.per_event_factor <= 1:
        faults.append(("per_event_factor", "must be more than 0 and at most 1"))
    for key, rule in {
        "other": rules.other,
        **{f"kinds.{kind}": rule for kind, rule in rules.kinds.items()},
    }.items():
        faults.extend(_kind_faults(key, rule))
    return faults


def _kind_faults(key: str, rule: KindRule) -> Iterator[tuple[str, str]]:
    if rule.weight < 0:
        yield f"{key}.weight", "must be 0 or more: an activity never lowers engagement"
    if rule.daily_cap < 1:
        yield f"{key}.daily_cap", "must be 1 or more; to leave a kind out give it weight 0"
    if rule.half_life_days is not None and rule.half_life_days <= 0:
        yield f"{key}.half_life_days", "must be more than 0 days"
