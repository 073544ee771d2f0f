"""How many calls the client allows itself: its share of what was set, or of less where HubSpot says so."""

from __future__ import annotations

from connectors.call_limits import RateLimit
from connectors.hubspot.client import MOMENT, HubSpotClient, calls_of
from tests.sandbox.hubspot import HubSpotPortal


def test_a_portal_that_allows_less_than_was_set_is_believed_from_its_first_answer_on(
    portal: HubSpotPortal, address: str
) -> None:
    portal.limits.window_max = 20
    slept: list[float] = []
    limit = RateLimit(100, 60, clock=lambda: 0.0, sleep=slept.append)
    client = HubSpotClient(portal.token, address, burst=limit, share=0.15)
    try:
        for _ in range(3):
            client.account()
        assert slept == []
        client.account()
        assert slept == [60.0]
    finally:
        client.close()


def test_a_portal_that_allows_more_than_was_set_changes_nothing(portal: HubSpotPortal, address: str) -> None:
    slept: list[float] = []
    limit = RateLimit(2, 60, clock=lambda: 0.0, sleep=slept.append)
    client = HubSpotClient(portal.token, address, burst=limit)
    try:
        for _ in range(3):
            client.account()
    finally:
        client.close()
    assert slept == [60.0]


def test_a_window_that_is_nearly_full_by_others_is_given_a_moment(
    portal: HubSpotPortal, address: str
) -> None:
    portal.limits.window_max = 100
    slept: list[float] = []
    client = HubSpotClient(
        portal.token, address, burst=RateLimit(100, 60, clock=lambda: 0.0, sleep=slept.append)
    )
    try:
        client.account()
        client.account()
        assert slept == []
        portal.other_apps(96)
        client.account()
        client.account()
        assert slept == [MOMENT]
    finally:
        client.close()


def test_a_share_of_a_limit_is_whole_calls_and_never_none() -> None:
    assert [calls_of(190, 0.8), calls_of(100, 0.8), calls_of(1, 0.1)] == [152, 80, 1]
