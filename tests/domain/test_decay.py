"""Until the moment it names, time changes nothing that is printed; at that moment it does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.decay import engagement_steps, next_change, points_level, printed_level
from app.domain.engagement import EngagementRules, KindRule, engagement
from app.domain.records import Activity
from app.domain.scoring.points import engagement_points
from mappings.load import load_mappings

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MAPPINGS = load_mappings()
KINDS = ("webinar_attendance", "email_click", "email_open", "poll_participation")
ACTS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 200)), max_size=12)


STEPS = engagement_steps(MAPPINGS.scoring, ("engagement_score",))
TWO_PACES = replace(
    MAPPINGS.engagement, kinds={**MAPPINGS.engagement.kinds, "email_click": KindRule(3, 3, half_life_days=7)}
)


def printed(acts: list[Activity], rules: EngagementRules, at: datetime) -> tuple[int, int]:
    total = engagement(acts, rules, at).total
    return int(total + 0.5), engagement_points(total, MAPPINGS.scoring.engagement)


@pytest.mark.parametrize("rules", [MAPPINGS.engagement, TWO_PACES])
@given(ACTS)
def test_what_is_printed_is_the_same_until_then_and_another_thing_after(
    rules: EngagementRules, found: list[tuple[str, int]]
) -> None:
    acts = [
        Activity(kind, str(place), NOW - timedelta(days=days), 1.0)
        for place, (kind, days) in enumerate(found)
    ]
    fades = engagement(acts, rules, NOW)
    due = next_change(fades, points_level(fades.total, MAPPINGS.scoring, STEPS), rules, NOW)
    if due is None:
        assert printed(acts, rules, NOW) == printed(acts, rules, NOW + timedelta(days=3000)) == (0, 0)
        return
    assert due > NOW
    before, after = due - timedelta(seconds=2), due + timedelta(seconds=2)
    if before > NOW:
        assert printed(acts, rules, before) == printed(acts, rules, NOW)
    assert printed(acts, rules, after) != printed(acts, rules, NOW)


def test_what_comes_sooner_is_waited_for() -> None:
    fades = engagement([Activity("referral", "r", NOW, 1.0)], MAPPINGS.engagement, NOW)
    level = points_level(fades.total, MAPPINGS.scoring, STEPS)
    soon = NOW + timedelta(seconds=5)
    assert next_change(fades, level, MAPPINGS.engagement, NOW, soon) == soon
    assert next_change(fades, level, MAPPINGS.engagement, NOW, NOW + timedelta(days=999)) == next_change(
        fades, level, MAPPINGS.engagement, NOW
    )
    assert next_change(fades, 0.0, MAPPINGS.engagement, NOW) is None


def test_a_split_within_the_printed_number_is_waited_for() -> None:
    assert printed_level(7.2) == 6.5
    assert printed_level(7.2, [6.4, 6.9, 7.3]) == 6.9
    assert printed_level(0.3, [0.1]) == 0.1
    assert printed_level(0.3) == 0.0
