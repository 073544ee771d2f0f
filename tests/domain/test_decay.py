"""Until the moment it names, time changes nothing that is printed; at that moment it does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.decay import next_change
from app.domain.engagement import engagement
from app.domain.records import Activity
from app.domain.scoring.points import engagement_points
from mappings.load import load_mappings

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MAPPINGS = load_mappings()
POINTS = MAPPINGS.scoring.engagement
KINDS = ("webinar_attendance", "email_click", "email_open", "poll_participation")
ACTS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 200)), max_size=12)


def printed(acts: list[Activity], at: datetime) -> tuple[int, int]:
    total = engagement(acts, MAPPINGS.engagement, at).total
    return int(total + 0.5), engagement_points(total, POINTS)


@given(ACTS)
def test_what_is_printed_is_the_same_until_then_and_another_thing_after(found: list[tuple[str, int]]) -> None:
    acts = [
        Activity(kind, str(place), NOW - timedelta(days=days), 1.0)
        for place, (kind, days) in enumerate(found)
    ]
    worth = engagement(acts, MAPPINGS.engagement, NOW)
    due = next_change(acts, worth, MAPPINGS.engagement, POINTS, NOW)
    if due is None:
        assert printed(acts, NOW) == printed(acts, NOW + timedelta(days=3000)) == (0, 0)
        return
    assert due > NOW
    before, after = due - timedelta(seconds=2), due + timedelta(seconds=2)
    if before > NOW:
        assert printed(acts, before) == printed(acts, NOW)
    assert printed(acts, after) != printed(acts, NOW)


def test_the_start_of_a_webinar_to_come_and_an_act_dated_ahead_are_waited_for() -> None:
    starts = NOW + timedelta(hours=5)
    signed = Activity("webinar_registration", "w", NOW, 1.0, (), {"starts_at": starts.isoformat()})
    worth = engagement([signed], MAPPINGS.engagement, NOW)
    assert next_change([signed], worth, MAPPINGS.engagement, POINTS, NOW) == starts
    ahead = Activity("email_click", "c", NOW + timedelta(minutes=3), 1.0)
    nothing = engagement([ahead], MAPPINGS.engagement, NOW)
    assert next_change([ahead], nothing, MAPPINGS.engagement, POINTS, NOW) == ahead.occurred_at
