"""Which days are read when, whatever the hours at which somebody asks."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.ga4.days import DAY, REREAD, Progress, settled_at

START = datetime(2026, 3, 26, 5, tzinfo=UTC)
ZONES = ("Europe/Madrid", "America/Mexico_City", "Pacific/Kiritimati", "Pacific/Niue")
WAITS = st.lists(st.integers(min_value=1, max_value=6_000), min_size=1, max_size=60)


@given(WAITS, st.sampled_from(ZONES), st.data())
def test_no_day_is_skipped_and_none_is_final_before_it_was_read_settled(
    waits: list[int], name: str, drawn: st.DataObject
):
    """Pulls at any hours, some of them stopped half-way, the cursor always through JSON."""
    zone = ZoneInfo(name)
    now, cursor = START, None
    last_read: dict[date, datetime] = {}
    for minutes in waits:
        now += timedelta(minutes=minutes)
        progress = Progress.from_cursor(cursor)
        due = list(progress.due(now, zone, timedelta(days=4)))
        for day in due[: drawn.draw(st.integers(min_value=0, max_value=len(due)))]:
            last_read[day] = now
            progress = progress.after(day, now, zone)
            cursor = json.loads(json.dumps(progress.cursor()))
        final = Progress.from_cursor(cursor).final
        if final:
            days = [min(last_read) + number * DAY for number in range((final - min(last_read)).days + 1)]
            assert all(last_read[day] >= settled_at(day, zone) for day in days)
    everything = Progress.from_cursor(cursor)
    later = now + timedelta(days=5)
    for day in list(everything.due(later, zone, timedelta(days=4))):
        everything = everything.after(day, later, zone)
    assert everything.final == later.astimezone(zone).date() - 3 * DAY


@given(st.integers(min_value=0, max_value=59))
def test_a_growing_day_is_not_read_twice_within_the_hour(minutes: int):
    zone = ZoneInfo("Europe/Madrid")
    progress = Progress(None, {})
    for day in list(progress.due(START, zone, timedelta(days=2))):
        progress = progress.after(day, START, zone)
    assert not list(progress.due(START + timedelta(minutes=minutes), zone, timedelta(days=2)))
    assert list(progress.due(START + REREAD, zone, timedelta(days=2)))


@pytest.mark.parametrize(
    ("day", "settled"),
    [
        (date(2026, 3, 29), datetime(2026, 3, 31, 22, tzinfo=UTC)),  # the 23-hour day
        (date(2026, 10, 25), datetime(2026, 10, 27, 23, tzinfo=UTC)),  # the 25-hour day
    ],
)
def test_a_day_ends_where_the_propertys_clocks_say(day: date, settled: datetime):
    assert settled_at(day, ZoneInfo("Europe/Madrid")) == settled
