"""What the marketing status of a whole list would come to, before anybody sets it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.bill import Forecast, tell_bill, tell_standing

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


@pytest.mark.parametrize(
    ("marketing", "listed", "joining", "raised"),
    [(1_900, 50, 50, False), (1_900, 60, 41, True), (1_900, 101, 1, False), (1_900, 200, -5, False)],
)
def test_only_those_who_join_can_raise_the_tier_anew(
    marketing: int, listed: int, joining: int, raised: bool
) -> None:
    known = Forecast(marketing, listed + joining, 0, included=2_000, pack=5_000, joining=joining)
    assert known.raised_by_joining is raised
    unknown = Forecast(marketing, listed + joining, 0, included=0, pack=5_000, joining=joining)
    assert not unknown.raised_by_joining


def test_check_says_where_the_bill_stands_and_where_the_tier_is_not_known() -> None:
    known = tell_standing(Forecast(1_900, 150, 0, included=2_000, pack=5_000))
    assert known == "1,900 now, 2,050 with all on the list; tier 2,000, then 7,000"
    assert "the tier is not known" in tell_standing(Forecast(1_900, 150, 0, included=0, pack=5_000))


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
