"""Registering the webhook: only what is missing, nobody else's touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest

from connectors.activecampaign.setup import (
    EVENTS,
    ActiveCampaignRegistration,
    ensure_webhooks,
    plan_webhooks,
)
from tests.connectors.activecampaign.desk import Desk, open_desk
from tests.contracts.registration import RegistrationContract

URL = "https://savia.example.com/webhooks/activecampaign/secret"


@pytest.fixture
def desk() -> Iterator[Desk]:
    with open_desk(leads=20, campaigns=1) as desk:
        yield desk


class TestActiveCampaignRegistration(RegistrationContract):
    @pytest.fixture
    def registration(self, desk: Desk) -> ActiveCampaignRegistration:
        return ActiveCampaignRegistration(desk.client, URL)

    @pytest.fixture
    def snapshot(self, desk: Desk) -> Callable[[], dict[str, Any]]:
        return lambda: deepcopy(desk.account.hooks)


def test_a_plan_changes_nothing(desk: Desk):
    assert plan_webhooks(desk.client, URL).missing == EVENTS
    assert desk.account.hooks == {}


def test_one_webhook_is_made_and_a_second_run_makes_none(desk: Desk):
    ensure_webhooks(desk.client, URL)
    assert ensure_webhooks(desk.client, URL).missing == ()
    (hook,) = desk.account.hooks.values()
    assert (hook["url"], hook["name"], tuple(hook["events"])) == (URL, "Savia", EVENTS)
    assert set(hook["sources"]) == {"public", "admin", "api", "system"}


def test_only_the_events_still_missing_are_registered(desk: Desk):
    ensure_webhooks(desk.client, URL, ["open"])
    assert ensure_webhooks(desk.client, URL, ["open", "click"]).missing == ("click",)
    assert [hook["events"] for hook in desk.account.hooks.values()] == [["open"], ["click"]]


@pytest.mark.parametrize("other", [{"url": "https://example.com/theirs"}, {"listid": "3"}])
def test_anothers_webhook_and_one_of_a_single_list_do_not_count(desk: Desk, other: dict[str, str]):
    hook = {"name": "Theirs", "url": URL, "events": list(EVENTS), "sources": ["admin"], **other}
    theirs = dict(desk.account.add_hook(hook))
    assert ensure_webhooks(desk.client, URL).missing == EVENTS
    assert desk.account.hooks["1"] == theirs


def test_a_webhook_that_was_switched_off_does_not_count(desk: Desk):
    ensure_webhooks(desk.client, URL)
    desk.account.hooks["1"]["state"] = "0"
    assert ensure_webhooks(desk.client, URL).missing == EVENTS


def test_an_event_the_account_does_not_offer_is_named_and_left_out(desk: Desk):
    plan = ensure_webhooks(desk.client, URL, ["open", "teleported"])
    assert plan.unknown == ("teleported",)
    assert desk.account.hooks["1"]["events"] == ["open"]
