"""Deliveries are signed, retried and given up as the vendors do it, with doubles and disorder."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hubspot.utils.signature import Signature

from tests.sandbox import deliveries, signing
from tests.sandbox.deliveries import Deliverer
from tests.sandbox.world import make_world
from tests.sandbox.zoom_events import ZoomEvent, live_events
from tests.sandbox_tests.receivers import Arrival, receiver

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PUBLIC = "https://savia.example.com"
VECTORS = Path(__file__).parents[3] / "shared" / "contracts" / "payloads" / "signatures"

Make = Callable[[str], Deliverer]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Deliverer] = []

    def build(url: str) -> Deliverer:
        made.append(Deliverer(url, PUBLIC, "zoom-secret", "hubspot-secret", time_scale=1e-6, seed=3))
        return made[-1]

    yield build
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def events() -> list[ZoomEvent]:
    return live_events(make_world(seed=7, leads=100, webinars=2, now=NOW), "account")


def _fine(_: Arrival) -> tuple[str, int]:
    return "", 200


def _refuse(_: Arrival) -> tuple[str, int]:
    return "", 503


def _hubspot_event(number: int) -> dict[str, object]:
    return {
        "eventId": number,
        "subscriptionType": "contact.propertyChange",
        "objectId": number,
        "attemptNumber": 0,
    }


def test_every_event_arrives_signed_some_twice_and_out_of_order(make: Make, events: list[ZoomEvent]) -> None:
    with receiver(_fine) as there:
        deliverer = make(there.url)
        deliverer.send_zoom(events, seconds=0.5)
        assert deliverer.wait(20)
    arrived = Counter(arrival.body for arrival in there.arrivals)
    assert set(arrived) == {json.dumps(event.body).encode() for event in events}
    assert len(there.arrivals) > len(events)
    order = [arrival.json["event_ts"] for arrival in there.arrivals]
    assert order != sorted(order)
    assert all(_zoom_signed(arrival) for arrival in there.arrivals)
    assert deliverer.progress() == {
        "sent": len(there.arrivals),
        "accepted": len(there.arrivals),
        "retried": 0,
        "dropped": 0,
        "finished": True,
    }


def _zoom_signed(arrival: Arrival) -> bool:
    stamp = arrival.headers["X-Zm-Request-Timestamp"]
    message = f"v0:{stamp}:".encode() + arrival.body
    wanted = "v0=" + hmac.new(b"zoom-secret", message, hashlib.sha256).hexdigest()
    return arrival.headers["X-Zm-Signature"] == wanted


def test_at_most_four_deliveries_are_under_way(make: Make, events: list[ZoomEvent]) -> None:
    def slowly(_: Arrival) -> tuple[str, int]:
        time.sleep(0.01)
        return "", 204

    with receiver(slowly) as there:
        deliverer = make(there.url)
        deliverer.send_zoom(events[:60])
        assert deliverer.wait(20)
    assert 1 < there.busiest <= 4


def test_zoom_tries_four_times_and_then_never_again(make: Make, events: list[ZoomEvent]) -> None:
    with receiver(_refuse) as there:
        deliverer = make(there.url)
        deliverer.send_zoom(events[:1])
        assert deliverer.wait(20)
    assert len(there.arrivals) == 4
    delivery = deliverer.deliveries[0]
    assert (delivery.attempts, delivery.dropped, delivery.accepted_at) == (4, True, None)


def test_hubspot_tries_ten_times(make: Make) -> None:
    with receiver(_refuse) as there:
        deliverer = make(there.url)
        deliverer.send_hubspot(_hubspot_event(1))
        assert deliverer.wait(20)
    assert len(there.arrivals) == 10
    assert deliverer.progress()["dropped"] == 1


def test_a_delivery_refused_once_is_accepted_later(make: Make, events: list[ZoomEvent]) -> None:
    refused: set[bytes] = set()

    def at_second_sight(arrival: Arrival) -> tuple[str, int]:
        if arrival.body in refused:
            return "", 200
        refused.add(arrival.body)
        return "", 500

    with receiver(at_second_sight) as there:
        deliverer = make(there.url)
        deliverer.send_zoom(events[:20])
        assert deliverer.wait(20)
    progress = deliverer.progress()
    assert progress["accepted"] == progress["sent"]
    assert progress["retried"] >= 20
    first = deliverer.deliveries[0]
    assert first.first_sent_at is not None
    assert first.accepted_at is not None
    assert first.accepted_at >= first.first_sent_at


def test_an_answer_after_the_deadline_is_a_refusal(
    make: Make, events: list[ZoomEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "ZOOM_DEADLINE", 0.05)

    def late(_: Arrival) -> tuple[str, int]:
        time.sleep(0.2)
        return "", 200

    with receiver(late) as there:
        deliverer = make(there.url)
        deliverer.send_zoom(events[:1])
        assert deliverer.wait(20)
    assert deliverer.deliveries[0].dropped


def test_nobody_listening_is_a_refusal(make: Make, events: list[ZoomEvent]) -> None:
    deliverer = make("http://127.0.0.1:9")
    deliverer.send_zoom(events[:1])
    assert deliverer.wait(20)
    assert deliverer.deliveries[0].dropped


def test_hubspot_events_come_in_arrays_of_up_to_a_hundred_signed_for_the_public_address(make: Make) -> None:
    with receiver(_fine) as there:
        deliverer = make(there.url)
        for number in range(250):
            deliverer.send_hubspot(_hubspot_event(number))
        assert deliverer.wait(20)
    sizes = [len(arrival.json) for arrival in there.arrivals]
    assert max(sizes) == 100
    assert {event["objectId"] for arrival in there.arrivals for event in arrival.json} == set(range(250))
    assert sum(sizes) > 250
    for arrival in there.arrivals:
        assert Signature.is_valid(
            signature=arrival.headers["X-Hubspot-Signature-V3"],
            client_secret="hubspot-secret",
            request_body=arrival.body.decode(),
            http_uri=f"{PUBLIC}/webhooks/hubspot",
            http_method="POST",
            signature_version="v3",
            timestamp=arrival.headers["X-Hubspot-Request-Timestamp"],
        )


def test_every_other_retry_is_signed_anew_and_the_rest_repeat_the_first_request(make: Make) -> None:
    with receiver(_refuse) as there:
        deliverer = make(there.url)
        for number in range(200):
            deliverer.send_hubspot(_hubspot_event(number))
        assert deliverer.wait(20)
    attempts: dict[int, set[int]] = {}
    for arrival in there.arrivals:
        attempts.setdefault(arrival.json[0]["objectId"], set()).add(arrival.json[0]["attemptNumber"])
    fresh, repeated = set(range(10)), {0}
    assert fresh in attempts.values()
    assert repeated in attempts.values()


def test_the_challenge_is_passed_by_the_right_answer_only(make: Make) -> None:
    def right(arrival: Arrival) -> tuple[str, int]:
        token = arrival.json["payload"]["plainToken"]
        digest = hmac.new(b"zoom-secret", token.encode(), hashlib.sha256).hexdigest()
        return json.dumps({"plainToken": token, "encryptedToken": digest}), 200

    with receiver(right) as there:
        assert make(there.url).deliver_challenge()
        assert _zoom_signed(there.arrivals[0])
    with receiver(_fine) as there:
        assert not make(there.url).deliver_challenge()
    assert not make("http://127.0.0.1:9").deliver_challenge()


def test_the_signatures_match_the_published_vectors() -> None:
    if not VECTORS.exists():
        pytest.skip("the vendors' published vectors (../shared) are not here")
    for one in json.loads((VECTORS / "zoom.json").read_text()):
        if "signature" in one:
            signed = signing.zoom_signature(one["body"].encode(), one["timestamp"], one["secretToken"])
            assert signed == one["signature"]
        else:
            answer = signing.challenge_answer(one["plainToken"], one["secretToken"])
            assert answer["encryptedToken"] == one["encryptedToken"]
    for one in json.loads((VECTORS / "hubspot.json").read_text()):
        if one["version"] == "v3":
            body = one["body"].encode()
            signed = signing.hubspot_signature(body, one["timestamp"], one["clientSecret"], one["uri"])
            assert signed == one["signature"]
