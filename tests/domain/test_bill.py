"""What the marketing status of a whole list would come to, before anybody sets it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.bill import Forecast, tell_bill

NAME = "Savia: needs marketing status"


@pytest.mark.parametrize(
    ("marketing", "lacking", "told"),
    [
        (1_900, 50, "the tier of 2,000 marketing contacts stays"),
        (1_900, 100, "the tier of 2,000 marketing contacts stays"),
        (1_900, 101, "that raises the tier from 2,000 to 7,000 marketing contacts"),
        (7_000, 1, "that raises the tier from 7,000 to 12,000 marketing contacts"),
        (2_001, 4_999, "the tier of 7,000 marketing contacts stays"),
    ],
)
def test_the_tier_is_raised_by_whole_packs_beyond_what_is_included(
    marketing: int, lacking: int, told: str
) -> None:
    lines = list(tell_bill(Forecast(marketing, lacking, 0, included=2_000, pack=5_000), NAME))
    assert lines[-1].strip() == told
    assert f"{marketing:,} now, {marketing + lacking:,} with all of them" in lines[0]


def test_without_the_subscriptions_number_the_counts_are_told_and_the_setting_is_named() -> None:
    lines = list(tell_bill(Forecast(10, 5, 3, included=0, pack=5_000), NAME))
    assert "3 new contacts are non-marketing" in lines[0]
    assert "[hubspot] marketing_contacts" in lines[-1]


def test_nobody_new_and_nobody_lacking_is_no_forecast() -> None:
    assert list(tell_bill(Forecast(10, 0, 0, included=20, pack=5), NAME)) == []


@given(st.integers(0, 10**6), st.integers(0, 10**5), st.integers(0, 10**5), st.integers(1, 10**4))
def test_a_tier_holds_its_contacts_and_not_a_pack_more(
    marketing: int, lacking: int, included: int, pack: int
) -> None:
    found = Forecast(marketing, lacking, 0, included, pack)
    for contacts, tier in ((found.marketing, found.tier), (found.would_be, found.next_tier)):
        assert max(contacts, included) <= tier < max(contacts, included) + pack
    assert found.tier <= found.next_tier
