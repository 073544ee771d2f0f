"""How often a Zoom account is called: by its plan, and by what its answers tell."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.domain.errors import TryLater
from connectors.zoom import limits
from connectors.zoom.limits import CALLS_A_SECOND, HEAVY_A_DAY, AccountLimits
from tests.connectors.stand_in import Asked, Reply
from tests.connectors.zoom.account import Account, zoom


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def taken(clock: Clock, of: AccountLimits, rate_class: limits.RateClass, calls: int) -> float:
    """Seconds that so many calls took."""
    began = clock.now
    for _ in range(calls):
        for limit in of.of(rate_class):
            limit.wait()
    return clock.now - began


@pytest.mark.parametrize("plan", CALLS_A_SECOND)
def test_a_fifth_of_each_second_is_left_to_the_accounts_other_apps(plan: limits.Plan):
    clock = Clock()
    for rate_class, most in CALLS_A_SECOND[plan].items():
        of = AccountLimits(plan, clock, clock.sleep)
        assert taken(clock, of, rate_class, most + 1) == pytest.approx(1.25)


def test_a_limit_in_the_headers_is_believed_when_it_is_lower_and_a_full_second_is_waited_out():
    clock = Clock()
    of = AccountLimits("business", clock, clock.sleep)
    of.heed("Heavy", {"X-RateLimit-Type": "QPS", "X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "9"})
    assert taken(clock, of, "Heavy", 11) == pytest.approx(1.25)
    of.heed("Light", {"X-RateLimit-Limit": "900", "X-RateLimit-Remaining": "0"})
    assert taken(clock, of, "Light", 1) == pytest.approx(1.0)
    of.heed("Medium", {"X-RateLimit-Limit": "many", "X-RateLimit-Remaining": ""})
    assert taken(clock, of, "Medium", 60) == 0.0


def test_the_days_heavy_calls_are_counted_and_a_fifth_of_them_left():
    clock = Clock()
    of = AccountLimits("free", clock, clock.sleep)
    most = int(HEAVY_A_DAY["free"] * 0.8)
    seconds = taken(clock, of, "Heavy", most)
    with pytest.raises(TryLater, match="kept free") as raised:
        taken(clock, of, "Heavy", 1)
    assert raised.value.after is not None
    assert raised.value.after.total_seconds() == pytest.approx(86_400 - clock.now, abs=2)
    assert seconds < 86_400
    taken(clock, of, "Medium", 1)
    clock.now = 86_401
    taken(clock, of, "Heavy", 1)


def test_when_zoom_says_that_the_day_is_nearly_used_up_its_class_waits():
    told = {"X-RateLimit-Type": "Daily-limit", "X-RateLimit-Limit": "30000", "X-RateLimit-Remaining": "5999"}

    def instead(endpoint: str, name: str, asked: Asked) -> Reply | None:
        return Reply(200, {"questions": []}, told) if endpoint == "report_webinars_qa" else None

    with zoom(Account(instead)) as (client, _):
        client.get("/report/webinars/x/qa", "Heavy")
        with pytest.raises(TryLater) as raised:
            client.get("/report/webinars/x/qa", "Heavy")
        assert raised.value.after is not None
        assert timedelta(minutes=59) < raised.value.after <= timedelta(hours=1)
        client.get("/users/me/webinars", "Medium")
