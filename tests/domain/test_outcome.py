"""One meaning of conversion."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from app.domain.outcome import conversion_at, converted_within
from app.domain.records import Deal
from tests.pipeline.past import deal

DAY = timedelta(days=1)


@pytest.mark.parametrize(("days", "counts"), [(0, False), (1, True), (90, True), (91, False)])
def test_a_conversion_counts_after_the_cut_and_up_to_the_horizon(
    now: datetime, days: int, counts: bool
) -> None:
    assert converted_within([deal(1, now + days * DAY)], now, "deal_won", 90 * DAY) is counts


def test_a_deal_that_is_open_is_created_and_not_won(now: datetime) -> None:
    opened = deal(1, now, won=False, created=now + DAY)
    assert conversion_at([opened], "deal_won") is None
    assert conversion_at([opened], "deal_created") == now + DAY


def test_the_first_of_several_deals_is_the_conversion(now: datetime) -> None:
    assert conversion_at([deal(1, now + DAY), deal(2, now)], "deal_won") == now


def test_a_deal_won_without_a_closing_date_counts_from_its_last_change(now: datetime) -> None:
    won = Deal("hubspot", "1", ("1",), "p", "s", None, True, True, now - DAY, None, now)
    assert conversion_at([won], "deal_won") == now
    assert conversion_at([], "deal_won") is None
