"""Services for tests: the real store and mappings, vendors that are absent or local, a clock that is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask

from app.config import Secrets, Settings, missing_secrets
from app.domain.portal import asked_names
from app.services import Services
from app.store.writer import Writer
from connectors.call_limits import RateLimit
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.destination import HubSpotDestination
from connectors.hubspot.source import HubSpotSource
from connectors.hubspot.webhook import HubSpotWebhook
from connectors.zoom.client import ZoomClient
from connectors.zoom.pull import ZoomSource
from connectors.zoom.webhook import ZoomWebhook
from mappings.load import Mappings, contact_properties, deal_properties, load_mappings
from tests.sandbox import signing, zoom
from tests.sandbox.hubspot import HubSpotPortal, make_blueprint
from tests.sandbox.serving import LocalServer
from tests.sandbox.stage import fill_portal
from tests.sandbox.world import Story, make_world
from tests.sandbox.zoom_account import ZoomAccount, ZoomCredentials

PUBLIC_URL = "https://savia.example.com"
HUBSPOT_SECRET = "hubspot-client-secret-of-a-test"
ZOOM_SECRET = "zoom-secret-token-of-a-test"
TOKEN = "pat-eu1-sandbox"
MAPPINGS: Mappings = load_mappings()


@dataclass
class Moment:
    """A clock that stands still until it is moved."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def timestamp(self) -> float:
        """Seconds since 1970, for the stand-ins."""
        return self.now.timestamp()

    def move(self, **length: float) -> datetime:
        """So much later; returns the new moment."""
        self.now += timedelta(**length)
        return self.now


def services_of(database: sa.Engine, clock: Any, **changes: Any) -> Services:
    """Services whose webhooks are on and whose vendors are not there, unless `changes` brings them."""
    settings = changes.pop("settings", None) or Settings(
        secrets=Secrets(
            hubspot_client_secret=HUBSPOT_SECRET,
            zoom_webhook_secret=ZOOM_SECRET,
            savia_public_url=PUBLIC_URL,
        )
    )
    parts: dict[str, Any] = {
        "settings": settings,
        "database": database,
        "mappings": MAPPINGS,
        "sources": {},
        "webhooks": {
            "hubspot": HubSpotWebhook(HUBSPOT_SECRET, PUBLIC_URL),
            "zoom": ZoomWebhook(ZOOM_SECRET),
        },
        "destination": None,
        "contacts": None,
        "off": missing_secrets(settings.secrets),
        "clock": clock,
        "writer": Writer(database),
    }
    return Services(**{**parts, **changes})


@dataclass(frozen=True)
class Town:
    """A small world with its portal and Zoom account, served over HTTP by a clock that stands still."""

    clock: Moment
    story: Story
    portal: HubSpotPortal
    zoom: ZoomAccount
    url: str


@contextmanager
def town(clock: Moment, leads: int = 40, webinars: int = 2, *, over: bool = True) -> Iterator[Town]:
    """A town for as long as the block lasts. `over`: its last webinar has been held and reported on."""
    story = Story(make_world(7, leads, webinars, clock.now))
    portal = HubSpotPortal(token=TOKEN, now=clock.timestamp)
    # The stand-ins' windows would never move on while the clock stands still.
    portal.limits.window_max = portal.limits.search_max = 1_000_000
    fill_portal(portal, story.world)
    account = ZoomAccount(story, ZoomCredentials("account", "client", "secret"), clock=clock.timestamp)
    account.limits = dict.fromkeys(account.limits, 1_000_000)
    if over:
        story.go_live()
        clock.now = story.world.last.ends_at + timedelta(hours=1)
        story.end(clock.now)
    app = Flask("town")
    app.register_blueprint(make_blueprint(portal), url_prefix="/hubspot")
    app.register_blueprint(zoom.make_blueprint(account), url_prefix="/zoom")
    with LocalServer(app) as server:
        yield Town(clock, story, portal, account, server.url)


@contextmanager
def living_in(
    place: Town, database: sa.Engine, api_version: str = "2026-09", settings: Settings | None = None
) -> Iterator[Services]:
    """Services that pull from the town and write to it."""
    plenty = RateLimit(1_000_000, 1)
    hubspot = HubSpotClient(
        TOKEN, f"{place.url}/hubspot", api_version, burst=plenty, searches=plenty, sleep=lambda _: None
    )
    meetings = ZoomClient(
        "account",
        "client",
        "secret",
        base_url=f"{place.url}/zoom/v2",
        oauth_url=f"{place.url}/zoom/oauth/token",
    )
    asked = contact_properties(MAPPINGS), deal_properties(MAPPINGS)
    source = HubSpotSource(hubspot, *asked, watched=asked_names(MAPPINGS.hubspot))
    try:
        yield services_of(
            database,
            place.clock,
            settings=settings,
            sources={"hubspot": source, "zoom": ZoomSource(meetings)},
            destination=HubSpotDestination(hubspot, pilot=settings.pilot.list if settings else ""),
            contacts=source,
        )
    finally:
        hubspot.close()
        meetings.close()


def sign_zoom(event: Mapping[str, Any], at: datetime) -> signing.SignedRequest:
    """A delivery as Zoom would sign it for these services."""
    return signing.zoom(event, ZOOM_SECRET, at.timestamp())


def sign_hubspot(events: list[dict[str, Any]], at: datetime) -> signing.SignedRequest:
    """A delivery as HubSpot would sign it for these services."""
    return signing.hubspot(events, HUBSPOT_SECRET, f"{PUBLIC_URL}/webhooks/hubspot", at.timestamp())


def registration(number: int = 1, **registrant: Any) -> dict[str, Any]:
    """`webinar.registration_created` of an invented person."""
    who = {
        "id": f"reg{number}",
        "email": f"ana.{number}@example.com",
        "first_name": "Ana",
        "status": "approved",
    }
    return {
        "event": "webinar.registration_created",
        "event_ts": 1_795_000_000_000 + number,
        "payload": {
            "account_id": "acc",
            "object": {
                "uuid": "run==",
                "id": 96_000_000_000,
                "host_id": "host",
                "topic": "Ventas con IA",
                "start_time": "2026-11-23T10:00:00Z",
                "timezone": "Europe/Madrid",
                "registrant": {**who, **registrant},
            },
        },
    }


def contact_event(contact_id: int, number: int = 1, kind: str = "contact.creation") -> dict[str, Any]:
    """One event of a HubSpot delivery."""
    return {
        "eventId": number,
        "subscriptionId": 1,
        "portalId": 1,
        "appId": 1,
        "occurredAt": 1_795_000_000_000,
        "subscriptionType": kind,
        "attemptNumber": 0,
        "objectId": contact_id,
    }
