"""Trouble is switched the same way for every vendor, by command line and over /control."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from types import SimpleNamespace

import pytest
import requests

from tests.sandbox.__main__ import _switch
from tests.sandbox.deliveries import Deliverer
from tests.sandbox.server import HUBSPOT_TOKEN, Sandbox
from tests.sandbox.switches import FATES, VENDORS, Switches
from tests.sandbox_tests.receivers import Receiver, receiver

GONE = requests.exceptions.ConnectionError


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(leads=20, webinars=1) as running:
        running.activecampaign.calls_a_second = 1_000
        yield running


@pytest.fixture
def turn(sandbox: Sandbox) -> Iterator[object]:
    """Switches over HTTP; all is well again afterwards."""

    def turn(**vendors: dict[str, float]) -> requests.Response:
        return requests.post(f"{sandbox.url}/control/switches", json=vendors, timeout=5)

    yield turn
    turn(all=dict.fromkeys((*FATES, "latency"), 0.0))


def _call(sandbox: Sandbox, vendor: str) -> requests.Response:
    """One cheap call that the vendor answers with JSON."""
    url = f"{sandbox.url}/{vendor}"
    if vendor == "hubspot":
        headers = {"Authorization": f"Bearer {HUBSPOT_TOKEN}"}
        return requests.get(f"{url}/account-info/2026-09/details", headers=headers, timeout=5)
    if vendor == "zoom":
        return requests.post(f"{url}/oauth/token", timeout=5)
    if vendor == "activecampaign":
        headers = {"Api-Token": sandbox.activecampaign.api_key}
        return requests.get(f"{url}/api/3/contacts", headers=headers, timeout=5)
    if vendor == "ga4":
        name = f"properties/{sandbox.ga4.property_id}/metadata"
        return requests.get(f"{url}/v1beta/{name}", timeout=5)
    headers = {"Authorization": f"Bearer {sandbox.openai.token}"}
    return requests.get(f"{url}/v1/models/gpt-5.4-nano", headers=headers, timeout=5)


@pytest.mark.parametrize(("vendor", "fate"), [*product(VENDORS, FATES)])
def test_every_vendor_has_every_trouble_and_is_well_again(
    sandbox: Sandbox, turn, vendor: str, fate: str
) -> None:
    well = _call(sandbox, vendor)
    well.json()
    assert turn(**{vendor: {fate: 1.0}}).json()[vendor][fate] == 1.0
    if fate in ("reset", "lose"):
        with pytest.raises(GONE):
            _call(sandbox, vendor)
    else:
        spoilt = _call(sandbox, vendor)
        assert (spoilt.status_code == 503) == (fate == "html")
        assert fate == "html" or len(spoilt.content) == len(well.content) // 2
        with pytest.raises(json.JSONDecodeError):
            json.loads(spoilt.content)
    turn(**{vendor: {fate: 0.0}})
    assert _call(sandbox, vendor).status_code == well.status_code


def test_a_call_that_is_lost_was_heard_and_one_that_is_torn_was_not(sandbox: Sandbox, turn) -> None:
    heard = sandbox.portal.request_counts
    before = heard["total"]
    for fate, more in (("reset", 0), ("html", 0), ("lose", 1), ("cut", 2)):
        turn(hubspot={fate: 1.0})
        with suppress(GONE):
            _call(sandbox, "hubspot")
        turn(hubspot={fate: 0.0})
        assert heard["total"] - before == more, fate


def test_latency_comes_before_every_call(sandbox: Sandbox, turn, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("tests.sandbox.switches.time", SimpleNamespace(sleep=slept.append))
    turn(all={"latency": 0.05})
    for vendor in VENDORS:
        _call(sandbox, vendor)
    assert slept == [0.05] * len(VENDORS)


def test_the_same_seed_strikes_the_same_calls() -> None:
    def struck(seed: int) -> list[str]:
        switches = Switches(seed)
        switches.turn("all", "html", 0.2)
        switches.turn("zoom", "cut", 0.1)
        return [switches.fate("zoom") for _ in range(500)]

    assert struck(3) == struck(3) != struck(4)
    assert 60 <= struck(3).count("html") <= 140
    assert 25 <= struck(3).count("cut") <= 80


@pytest.mark.parametrize("wrong", [{"fax": {"cut": 1}}, {"zoom": {"rain": 1}}, {"zoom": {"cut": 2}}])
def test_a_switch_that_is_not_there_is_refused(turn, wrong: dict[str, dict[str, float]]) -> None:
    answer = turn(**wrong)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_the_command_line_takes_the_same_switches() -> None:
    assert _switch("zoom.html=0.05") == ("zoom", "html", 0.05)
    assert _switch("all.latency=2") == ("all", "latency", 2.0)
    for wrong in ("zoom.html", "zoom=1", "zoom.html=much", "fax.html=1", "zoom.html=-1"):
        with pytest.raises(argparse.ArgumentTypeError):
            _switch(wrong)


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver(lambda _: ("", 200)) as there:
        yield there


def _sent(there: Receiver, **share: float) -> list[int]:
    """The ids of sixty HubSpot events as they arrive, delivered by these switches."""
    switches = Switches()
    for name, to in ({"doubled": 0.0} | share).items():
        switches.turn("hubspot", name, to)
    deliverer = Deliverer(there.url, "https://savia.example.com", "z", "h", 1e-6, 5, switches)
    try:
        for number in range(60):
            deliverer.send_hubspot({"eventId": number, "attemptNumber": 0})
        assert deliverer.wait(20)
        assert deliverer.progress()["finished"]
    finally:
        deliverer.close()
    return [event["eventId"] % 1_000_000_000 for arrival in there.arrivals for event in arrival.json]


def test_deliveries_are_lost_doubled_and_disordered_as_switched(there: Receiver) -> None:
    assert _sent(there) == [*range(60)]
    there.arrivals.clear()
    assert _sent(there, lost=1.0) == []
    assert sorted(_sent(there, doubled=1.0)) == sorted([*range(60)] * 2)
    there.arrivals.clear()
    disordered = _sent(there, disordered=0.5)
    assert disordered != sorted(disordered)
    assert sorted(disordered) == [*range(60)]
