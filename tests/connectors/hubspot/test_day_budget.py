"""A part of the day's calls is left to other apps, and pulls stop before what somebody waits for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import TryLater
from connectors.call_limits import RateLimit
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.day_budget import BACKGROUND_MARGIN, TRUSTED_SECONDS, DayBudget, Spending
from tests.sandbox.hubspot import HubSpotPortal

DAY = 650_000


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def told(left: int, of: int = DAY) -> dict[str, str]:
    return {"X-HubSpot-RateLimit-Daily": str(of), "X-HubSpot-RateLimit-Daily-Remaining": str(left)}


def may_spend(budget: DayBudget, *, background: bool) -> bool:
    try:
        Spending(budget, background=background).wait()
    except TryLater:
        return False
    return True


@given(
    left=st.integers(0, DAY),
    keep_free=st.floats(0, 0.8, allow_nan=False),
)
def test_no_call_goes_out_that_would_eat_into_the_reserve_and_pulls_stop_first(left: int, keep_free: float):
    budget = DayBudget(keep_free, clock=Clock())
    budget.note(told(left))
    prompt, background = (may_spend(budget, background=kind) for kind in (False, True))
    assert prompt == (left >= keep_free * DAY)
    assert background == (left >= (keep_free + BACKGROUND_MARGIN) * DAY)
    assert prompt or not background


def test_a_fifth_is_kept_free_by_default_and_the_message_names_the_setting():
    budget = DayBudget(0.2, clock=Clock())
    budget.note(told(129_999))
    with pytest.raises(TryLater, match=r"129999 of the day's 650000 calls are left.*\[hubspot\] keep_free"):
        Spending(budget, background=False).wait()


def test_one_call_looks_again_when_the_day_may_be_over():
    clock = Clock()
    budget = DayBudget(0.2, clock=clock)
    budget.note(told(10))
    assert not may_spend(budget, background=False)
    clock.seconds = TRUSTED_SECONDS
    assert [may_spend(budget, background=True) for _ in range(3)] == [True, False, False]
    budget.note(told(DAY))  # its answer: a new day
    assert may_spend(budget, background=True)


@pytest.mark.parametrize(
    "headers", [{}, {"X-HubSpot-RateLimit-Daily": "x"}, told(0) | {"X-HubSpot-RateLimit-Daily": ""}]
)
def test_an_account_that_tells_no_daily_limit_is_never_held_back(headers: dict[str, str]):
    budget = DayBudget(0.2, clock=Clock())
    budget.note(headers)
    assert may_spend(budget, background=True)


def test_the_answers_of_a_portal_are_read_by_every_client_of_the_budget(portal: HubSpotPortal, address: str):
    budget, plenty = DayBudget(0.2), RateLimit(1_000_000, 1)
    prompt, pulls = (
        HubSpotClient(
            portal.token,
            address,
            burst=plenty,
            searches=plenty,
            spending=Spending(budget, background=background),
        )
        for background in (False, True)
    )
    try:
        portal.limits.daily_used = int(0.75 * DAY)
        prompt.account()
        with pytest.raises(TryLater):
            pulls.search("contacts", {"limit": 1})
        prompt.account()
        portal.limits.daily_used = int(0.85 * DAY)
        prompt.account()
        with pytest.raises(TryLater):
            prompt.account()
    finally:
        prompt.close()
        pulls.close()
