"""The post of a month: signed deliveries through the web application, lost, late, twice and out of order."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from flask.testing import FlaskClient

from tests.line import HUBSPOT_SECRET, PUBLIC_URL, ZOOM_SECRET
from tests.month.stage import ACTIVECAMPAIGN_SECRET, StoryClock, Vendors
from tests.sandbox import signing
from tests.sandbox.activecampaign.deliveries import form
from tests.sandbox.mail_world import MailAct
from tests.sandbox.zoom_events import webinar_events

DROPPED, DOUBLED, DISORDERED = 0.05, 0.05, 0.1
HUBSPOT_BATCH = 100

Event = Any
Loss = tuple[str, Event]
"""The vendor, and the Zoom event or mail act that nobody will ever be told of."""


@dataclass(order=True)
class Parcel:
    """One delivery on its way."""

    due: datetime
    number: int
    vendor: str = field(compare=False)
    send: Callable[[], int] = field(compare=False)


@dataclass
class Post:
    """Zoom's and ActiveCampaign's events are on their way from the beginning, HubSpot's as they come about.

    Of Zoom and ActiveCampaign one delivery in twenty is lost for good, and all of a day on which the vendor
    is down; HubSpot tries again for a day, so that its lost ones are late. One in twenty comes twice, one in
    ten late. Of the cancellations Zoom tells of, the first is certainly lost.
    """

    vendors: Vendors
    clock: StoryClock
    web: FlaskClient
    is_down: Callable[[str, datetime], bool]
    lost: list[Loss] = field(default_factory=list)
    tally: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Put the month's events on their way."""
        self._chance = random.Random(f"{self.vendors.world.seed}:post")
        self._number, self._waiting = count(), list[Parcel]()
        self._batch: list[dict[str, Any]] = []
        self.vendors.portal.on_event.append(self._batch.append)
        begins = self.vendors.world.now
        for webinar in self.vendors.world.webinars:
            for event in webinar_events(self.vendors.world, webinar, "account"):
                if event.occurred_at >= begins:
                    self._entrust("zoom", event, event.occurred_at, self._zoom(event.body))
        for act in self.vendors.mail.mail.acts:
            if act.at >= begins and act.act != "sent":  # that one is of a campaign and tells of nobody
                self._entrust("activecampaign", act, act.at, self._activecampaign(act))

    def deliver_until(self, moment: datetime) -> Iterator[datetime]:
        """Deliver what is due by then, in order; yields the time of each, for the clock."""
        self._gather()
        while self._waiting and self._waiting[0].due <= moment:
            parcel = heapq.heappop(self._waiting)
            yield parcel.due
            status = parcel.send()
            if status >= 300:
                raise AssertionError(f"the receiver answered {status} to a delivery of {parcel.vendor}")
            self.tally[f"{parcel.vendor} delivered"] += 1

    def _entrust(self, vendor: str, event: Event, at: datetime, send: Callable[[], int]) -> None:
        if self._chance.random() < DROPPED or self.is_down(vendor, at) or self._is_first_cancellation(event):
            self.lost.append((vendor, event))
            return
        late = self._chance.uniform(0, 1_200) if self._chance.random() < DISORDERED else 0
        self._put(vendor, at + timedelta(seconds=late), send)
        self._double(vendor, at, send)

    def _is_first_cancellation(self, event: Event) -> bool:
        name = "webinar.registration_cancelled"
        return getattr(event, "name", "") == name and not any(
            lost.name == name for vendor, lost in self.lost if vendor == "zoom"
        )

    def _double(self, vendor: str, at: datetime, send: Callable[[], int]) -> None:
        if self._chance.random() < DOUBLED:
            self.tally[f"{vendor} doubled"] += 1
            self._put(vendor, at + timedelta(seconds=self._chance.uniform(1, 300)), send)

    def _put(self, vendor: str, due: datetime, send: Callable[[], int]) -> None:
        heapq.heappush(self._waiting, Parcel(due, next(self._number), vendor, send))

    def _gather(self) -> None:
        """What has come about in HubSpot since the last look."""
        events, self._batch[:] = list(self._batch), []
        for start in range(0, len(events), HUBSPOT_BATCH):
            send = self._hubspot(events[start : start + HUBSPOT_BATCH])
            hours = self._chance.uniform(0.1, 20) if self._chance.random() < DROPPED else 0
            self.tally["hubspot late"] += hours > 0
            self._put("hubspot", self.clock.now + timedelta(hours=hours), send)
            self._double("hubspot", self.clock.now, send)

    def _zoom(self, body: dict[str, Any]) -> Callable[[], int]:
        return lambda: self._post("/webhooks/zoom", signing.zoom(body, ZOOM_SECRET, self.clock.timestamp()))

    def _hubspot(self, events: list[dict[str, Any]]) -> Callable[[], int]:
        address = f"{PUBLIC_URL}/webhooks/hubspot"
        return lambda: self._post(
            "/webhooks/hubspot", signing.hubspot(events, HUBSPOT_SECRET, address, self.clock.timestamp())
        )

    def _activecampaign(self, act: MailAct) -> Callable[[], int]:
        path = f"/webhooks/activecampaign/{ACTIVECAMPAIGN_SECRET}"
        return lambda: self.web.post(path, data=form(self.vendors.mail, act)).status_code

    def _post(self, path: str, request: signing.SignedRequest) -> int:
        return self.web.post(path, data=request.body, headers=dict(request.headers)).status_code
