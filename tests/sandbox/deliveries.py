"""Signed webhook deliveries over real HTTP, with each vendor's deadline, retries, doubles and disorder."""

from __future__ import annotations

import heapq
import random
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

import requests

from tests.sandbox import signing
from tests.sandbox.switches import Switches
from tests.sandbox.zoom_events import ZoomEvent

ZOOM_DEADLINE, HUBSPOT_DEADLINE = 3.0, 5.0
ZOOM_RETRIES = (300.0, 1_200.0, 3_600.0)
"""Seconds after the failed try before it; then the event is gone for good."""

HUBSPOT_TRIES, HUBSPOT_SPAN = 10, 86_400.0
HUBSPOT_BATCH, HUBSPOT_LINGER = 100, 0.1
IN_FLIGHT = 4
LATE = 0.5
"""Seconds, at most, by which an event of HubSpot's that is out of order comes late, by itself."""


@dataclass(eq=False)
class Delivery:
    """One delivery and what became of it. Times are seconds since 1970; `fresh_stamp` says whether a retry
    is signed anew (a HubSpot retry then counts its attempt too) or repeats the first request bit by bit.
    One that is `lost` is dropped unsent.
    """

    vendor: Literal["zoom", "hubspot"]
    events: list[Any]
    delays: list[float]
    fresh_stamp: bool
    doubled: bool = False
    lost: bool = False
    first_sent_at: float | None = None
    accepted_at: float | None = None
    attempts: int = 0
    dropped: bool = False
    request: signing.SignedRequest | None = field(default=None, repr=False)

    @property
    def zoom_event(self) -> ZoomEvent | None:
        """The Zoom event this delivers, if it is Zoom's."""
        return self.events[0] if self.vendor == "zoom" else None


class Deliverer:
    """Sends to `receiver_url`, signing HubSpot's for `public_url` as HubSpot itself does. Retry delays are
    multiplied by `time_scale`; at most four requests are under way. `switches` say how many deliveries come
    twice, out of order or never. Close it when done.
    """

    def __init__(
        self,
        receiver_url: str,
        public_url: str,
        zoom_secret: str,
        hubspot_secret: str,
        time_scale: float = 0.001,
        seed: int = 0,
        switches: Switches | None = None,
    ) -> None:
        self._switches = (switches or Switches()).of
        self._addresses = {
            "zoom": receiver_url.rstrip("/") + "/webhooks/zoom",
            "hubspot": receiver_url.rstrip("/") + "/webhooks/hubspot",
        }
        self._hubspot_uri = public_url.rstrip("/") + "/webhooks/hubspot"
        self._zoom_secret, self._hubspot_secret = zoom_secret, hubspot_secret
        self._time_scale, self._chance = time_scale, random.Random(seed)
        self._waiting: list[tuple[float, int, Delivery]] = []
        self._order, self._in_flight, self._closed = count(), 0, False
        self._open_batch: Delivery | None = None
        self._changed = threading.Condition()
        self.deliveries: list[Delivery] = []
        self._workers = [threading.Thread(target=self._work, daemon=True) for _ in range(IN_FLIGHT)]
        for worker in self._workers:
            worker.start()

    def send_zoom(self, events: Sequence[ZoomEvent], seconds: float = 0.0) -> None:
        """Spread the events over `seconds`: some twice, some late and so out of order. Returns at once."""
        begin = time.time()
        with self._changed:
            for position, event in enumerate(events):
                due = begin + seconds * position / len(events)
                if self._chance.random() < self._switches["zoom"].disordered:
                    due += self._chance.uniform(0, seconds / 4)
                self._add(self._zoom_delivery(event), due)
                if self._chance.random() < self._switches["zoom"].doubled:
                    self._add(self._zoom_delivery(event, doubled=True), due + self._chance.uniform(0, 1))
            self._changed.notify_all()

    def send_hubspot(self, event: dict[str, Any]) -> None:
        """Put one event into the next batch. Half of those that come twice do so under another id."""
        with self._changed:
            self._gather(event)
            if self._chance.random() < self._switches["hubspot"].doubled:
                shift = 1_000_000_000 if self._chance.random() < 0.5 else 0
                self._gather(event | {"eventId": event["eventId"] + shift})
            self._changed.notify_all()

    def deliver_challenge(self) -> bool:
        """Zoom's URL validation: was the answer right and in time?"""
        token = secrets.token_urlsafe(16)
        body = {"event": "endpoint.url_validation", "event_ts": int(time.time() * 1000)}
        request = signing.zoom(body | {"payload": {"plainToken": token}}, self._zoom_secret, time.time())
        try:
            answer = requests.post(
                self._addresses["zoom"], data=request.body, headers=request.headers, timeout=ZOOM_DEADLINE
            )
            wanted = signing.challenge_answer(token, self._zoom_secret)
            return answer.status_code == 200 and answer.json() == wanted
        except (requests.RequestException, ValueError):
            return False

    def progress(self) -> dict[str, int | bool]:
        """Deliveries begun, accepted, tried more than once, dropped for good; nothing left to do."""
        with self._changed:
            known = self.deliveries
            return {
                "sent": sum(one.first_sent_at is not None for one in known),
                "accepted": sum(one.accepted_at is not None for one in known),
                "retried": sum(one.attempts > 1 for one in known),
                "dropped": sum(one.dropped for one in known),
                "finished": self._idle(),
            }

    def wait(self, timeout: float) -> bool:
        """Until every delivery is accepted or dropped, or `timeout` seconds are over; True when done."""
        with self._changed:
            return self._changed.wait_for(self._idle, timeout)

    def close(self) -> None:
        """Stop; what is not yet delivered stays undelivered."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for worker in self._workers:
            worker.join()

    def _idle(self) -> bool:
        return not self._waiting and not self._in_flight

    def _zoom_delivery(self, event: ZoomEvent, *, doubled: bool = False) -> Delivery:
        return Delivery("zoom", [event], list(ZOOM_RETRIES), self._alternate(), doubled)

    def _gather(self, event: dict[str, Any]) -> None:
        share = self._switches["hubspot"].disordered
        if share and self._chance.random() < share:
            self._add(self._batch([event]), time.time() + HUBSPOT_LINGER + self._chance.uniform(0, LATE))
            return
        if self._open_batch is None or len(self._open_batch.events) >= HUBSPOT_BATCH:
            self._open_batch = self._batch([])
            self._add(self._open_batch, time.time() + HUBSPOT_LINGER)
        self._open_batch.events.append(event)

    def _batch(self, events: list[Any]) -> Delivery:
        moments = sorted(self._chance.uniform(0, HUBSPOT_SPAN) for _ in range(HUBSPOT_TRIES - 1))
        delays = [later - earlier for earlier, later in zip([0.0, *moments], moments, strict=False)]
        return Delivery("hubspot", events, delays, self._alternate())

    def _alternate(self) -> bool:
        return len(self.deliveries) % 2 == 0

    def _add(self, delivery: Delivery, due: float) -> None:
        self.deliveries.append(delivery)
        lost = self._switches[delivery.vendor].lost
        delivery.lost = lost > 0 and self._chance.random() < lost
        heapq.heappush(self._waiting, (due, next(self._order), delivery))

    def _work(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while (delivery := self._next()) is not None:
                self._attempt(session, delivery)

    def _next(self) -> Delivery | None:
        """The next delivery when it is due; None once closed."""
        with self._changed:
            while not self._closed:
                wait = self._waiting[0][0] - time.time() if self._waiting else None
                if wait is not None and wait <= 0:
                    delivery = heapq.heappop(self._waiting)[2]
                    self._in_flight += 1
                    if delivery is self._open_batch:
                        self._open_batch = None
                    return delivery
                self._changed.wait(wait)
            return None

    def _attempt(self, session: requests.Session, delivery: Delivery) -> None:
        if delivery.lost:
            with self._changed:
                self._in_flight -= 1
                delivery.dropped = True
                self._changed.notify_all()
            return
        if delivery.request is None or delivery.fresh_stamp:
            delivery.request = self._sign(delivery)
        delivery.first_sent_at = delivery.first_sent_at or time.time()
        accepted = self._post(session, delivery.vendor, delivery.request)
        with self._changed:
            self._in_flight -= 1
            delivery.attempts += 1
            if accepted:
                delivery.accepted_at = time.time()
            elif delivery.attempts <= len(delivery.delays):
                due = time.time() + delivery.delays[delivery.attempts - 1] * self._time_scale
                heapq.heappush(self._waiting, (due, next(self._order), delivery))
            else:
                delivery.dropped = True
            self._changed.notify_all()

    def _sign(self, delivery: Delivery) -> signing.SignedRequest:
        if delivery.vendor == "zoom":
            return signing.zoom(delivery.events[0].body, self._zoom_secret, time.time())
        body = [event | {"attemptNumber": delivery.attempts} for event in delivery.events]
        return signing.hubspot(body, self._hubspot_secret, self._hubspot_uri, time.time())

    def _post(self, session: requests.Session, vendor: str, request: signing.SignedRequest) -> bool:
        """Zoom takes 200 and 204, HubSpot any 2xx; too late is refused."""
        deadline = ZOOM_DEADLINE if vendor == "zoom" else HUBSPOT_DEADLINE
        begin = time.monotonic()
        try:
            answer = session.post(
                self._addresses[vendor],
                data=request.body,
                headers=request.headers,
                timeout=deadline,
                allow_redirects=False,
            )
        except requests.RequestException:
            return False
        good = answer.status_code in {200, 204} if vendor == "zoom" else 200 <= answer.status_code < 300
        return good and time.monotonic() - begin <= deadline
