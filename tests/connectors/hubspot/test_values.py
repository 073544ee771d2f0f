"""A written value is recognised in HubSpot's own spelling, and nothing else is."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.values import same_value
from connectors.hubspot.times import EPOCH, MILLISECOND, from_iso, to_iso, to_millis
from connectors.hubspot.values import shows

MOMENTS = st.integers(0, 4_000_000_000_000).map(lambda millis: EPOCH + millis * MILLISECOND)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("5", "5.0"),
        ("0", "0"),
        ("1795341600000", "2026-11-22T10:00:00Z"),
        ("1795341600123", "2026-11-22T10:00:00.123Z"),
        ("2026-11-22T11:00:00+01:00", "2026-11-22T10:00:00Z"),
        ("", ""),
        ("true", "true"),
    ],
)
def test_the_same_value_in_another_spelling_is_recognised(ours: str, theirs: str):
    assert same_value(ours, theirs)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("5", "6"),
        ("", "0"),
        ("0", ""),
        ("hot", "warm"),
        ("1795341600000", "2026-11-22T10:00:01Z"),
        ("9" * 40, "x"),
    ],
)
def test_another_value_is_not(ours: str, theirs: str):
    assert not same_value(ours, theirs)


@given(moment=MOMENTS)
def test_any_moment_written_as_milliseconds_is_recognised_as_iso(moment: datetime):
    shown = to_iso(moment)
    assert same_value(str(to_millis(moment)), shown)
    assert to_millis(from_iso(shown)) == to_millis(moment)


@given(ours=st.text(max_size=20), theirs=st.text(max_size=20))
def test_comparing_never_fails_and_is_symmetric(ours: str, theirs: str):
    assert same_value(ours, theirs) == same_value(theirs, ours)


def test_an_empty_property_shows_a_clear():
    assert shows({}, {"savia_score": ""})
    assert not shows({"savia_score": "5"}, {"savia_score": ""})
