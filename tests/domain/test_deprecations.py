"""What a vendor has announced to end is told ninety days before, and from then on."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from app.domain.deprecations import PublishedEnd, end_problems

END = PublishedEnd("HubSpot", "associations v4", date(2027, 3, 30), "set api_version")


def told(today: date) -> list[str]:
    return [problem.message for problem in end_problems([END], today)]


@pytest.mark.parametrize("days", [91, 120, 1_000])
def test_nobody_is_troubled_more_than_ninety_days_before(days: int):
    assert told(END.ends_on - timedelta(days=days)) == []


def test_from_ninety_days_before_it_says_when_and_what_to_do():
    (message,) = told(END.ends_on - timedelta(days=90))
    assert message == "associations v4 ends on 2027-03-30, in 90 days: set api_version"


@pytest.mark.parametrize("days", [0, 1, 400])
def test_afterwards_it_says_since_when(days: int):
    (message,) = told(END.ends_on + timedelta(days=days))
    assert message == "associations v4 is unsupported since 2027-03-30: set api_version"
