"""When does time alone change what is printed of a lead? Until then nobody need look at it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from math import floor, log

from app.domain.engagement import Engagement, EngagementRules
from app.domain.records import Activity
from app.domain.scoring.points import EngagementPoints, engagement_points

_HALVINGS = 40
_LONGEST = timedelta(days=3650)


def next_change(
    activities: Iterable[Activity],
    engagement: Engagement,
    rules: EngagementRules,
    points: EngagementPoints,
    now: datetime,
) -> datetime | None:
    """The first moment after `now` at which the lead's engagement, rounded as it is printed, or the points
    it earns go down, or a webinar it signed up for begins. None where nothing comes.

    A model reads engagement too: its scores are looked at when the printed engagement changes.
    """
    acts = list(activities)
    to_come = [item.occurred_at for item in acts] + [_starts_at(item) or now for item in acts]
    moments = [moment for moment in to_come if moment > now]
    reached = printed_threshold(engagement.total, points)
    if rules.mode == "half_life" and reached > 0:
        moments.append(now + _time_until(reached, engagement.by_kind, rules))
    return min(moments, default=None)


def printed_threshold(total: float, points: EngagementPoints) -> float:
    """The highest engagement below `total` at which something printed changes; 0 where nothing will."""
    whole = floor(total + 0.5) - 0.5
    earned = engagement_points(total, points)
    if earned < 1:
        return max(whole, 0.0)
    return max(whole, -points.scale * log(1 - (earned - 0.5) / points.most))


def _time_until(reached: float, by_kind: Mapping[str, float], rules: EngagementRules) -> timedelta:
    """How long until the decaying sum falls below `reached`, by halving; never less than a second."""
    halves = [
        (worth, rules.rule(kind).half_life_days or rules.half_life_days) for kind, worth in by_kind.items()
    ]
    low, high = 0.0, _LONGEST / timedelta(days=1)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if sum(worth * 0.5 ** (middle / half) for worth, half in halves) < reached:
            high = middle
        else:
            low = middle
    return max(timedelta(days=high), timedelta(seconds=1))


def _starts_at(item: Activity) -> datetime | None:
    text = item.attributes.get("starts_at")
    if item.kind != "webinar_registration" or not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else None
