"""The story being played: webhooks go out, the webinar ends, people edit contacts, the outcome is counted."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

from tests.sandbox import truth
from tests.sandbox.deliveries import Deliverer
from tests.sandbox.hubspot import HubSpotPortal
from tests.sandbox.switches import Switches
from tests.sandbox.world import Story
from tests.sandbox.zoom_account import ZoomAccount
from tests.sandbox.zoom_events import live_events

EDITED_TITLES = ("Directora Comercial", "Responsable de Innovación", "Jefe de Producto", "CTO")


class NotNow(Exception):
    """The play has not come to this yet, or is past it."""


class Play:
    """Moves the story on and judges it. One receiver per play."""

    def __init__(
        self,
        story: Story,
        portal: HubSpotPortal,
        zoom: ZoomAccount,
        *,
        zoom_secret: str,
        hubspot_secret: str,
        time_scale: float,
        switches: Switches,
    ) -> None:
        self.story, self.portal, self.zoom = story, portal, zoom
        self._zoom_secret, self._hubspot_secret = zoom_secret, hubspot_secret
        self._time_scale, self._switches = time_scale, switches
        self._deliverer: Deliverer | None = None
        self._chance = random.Random(story.world.seed)

    def connect(self, receiver: str, public_url: str) -> Deliverer:
        """From now on HubSpot's webhooks go to `receiver`; the first call decides."""
        if self._deliverer is None:
            self._deliverer = Deliverer(
                receiver,
                public_url,
                self._zoom_secret,
                self._hubspot_secret,
                time_scale=self._time_scale,
                seed=self.story.world.seed,
                switches=self._switches,
            )
            self.portal.on_event.append(self._deliverer.send_hubspot)
        return self._deliverer

    def deliver(self, receiver: str, public_url: str, seconds: float) -> dict[str, Any]:
        """Let the last webinar happen: its webhooks go out over `seconds`, after Zoom's URL validation."""
        if self.story.step != "before":
            raise NotNow("the last webinar's webhooks have been sent already")
        deliverer = self.connect(receiver, public_url)
        validated = deliverer.deliver_challenge()
        self.story.go_live()
        events = live_events(self.story.world, self.zoom.credentials.account_id)
        deliverer.send_zoom(events, seconds)
        return {"events": len(events), "challenge": validated}

    def progress(self) -> dict[str, Any]:
        """How the deliveries stand; all zeros before the first."""
        if self._deliverer is None:
            return {"sent": 0, "accepted": 0, "retried": 0, "dropped": 0, "finished": False}
        return self._deliverer.progress()

    def end_webinar(self) -> None:
        """The last webinar is over: its reports appear."""
        if self.story.step == "before":
            raise NotNow("the last webinar has not begun: deliver it first")
        self.story.end(datetime.now(UTC))

    def edit_contacts(self, count: int) -> list[str]:
        """People in HubSpot give `count` contacts another job title; the ids they edited."""
        with self.portal.lock:
            known = [one for one, contact in self.portal.contacts.items() if contact.properties.get("email")]
        chosen = self._chance.sample(known, min(count, len(known)))
        for contact_id in chosen:
            title = f"{self._chance.choice(EDITED_TITLES)} {self._chance.randint(1, 999)}"
            self.portal.edit_as_person(contact_id, {"jobtitle": title})
        return chosen

    def counts(self) -> dict[str, Any]:
        """The verdict at this step, the requests made, and how long an activity took to become a property."""
        world, step = self.story.world, self.story.step
        deliveries = list(self._deliverer.deliveries) if self._deliverer else []
        with self.portal.lock:
            verdict = truth.count(world, self.portal, step)
            delays = truth.latencies(world, deliveries, self.portal)
            hubspot_calls = dict(self.portal.request_counts)
        zoom_calls = dict(self.zoom.request_counts)
        return {
            "step": step,
            "lost": verdict.lost,
            "duplicated": verdict.duplicated,
            "details": list(verdict.details),
            "requests": {"hubspot": hubspot_calls.get("total", 0), "zoom": sum(zoom_calls.values())},
            "request_counts": {"hubspot": hubspot_calls, "zoom": zoom_calls},
            "http_429": hubspot_calls.get("http_429", 0) + self.zoom.http_429,
            "write_calls": self.portal.write_calls,
            "latency_count": len(delays),
            "latency_p95": truth.percentile_95(delays),
        }

    def reset_counters(self) -> None:
        """Forget how many requests there were; the world and its end state stay."""
        with self.portal.lock:
            self.portal.request_counts.clear()
            self.portal.write_calls = 0
        self.zoom.reset_counters()

    def close(self) -> None:
        """Stop delivering."""
        if self._deliverer is not None:
            self.portal.on_event.remove(self._deliverer.send_hubspot)
            self._deliverer.close()
            self._deliverer = None
