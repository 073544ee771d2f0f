"""The stage of a month: the sandbox and Savia's services, both by one clock that only the story moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from flask import Flask

from app.config import Ga4, HubSpot, Secrets, Settings, WriteBack, Zoom
from app.services import Services
from app.wiring import Pace, make_services
from connectors.call_limits import RateLimit
from connectors.ga4.client import Ga4Client
from connectors.ga4.pull import Ga4Source
from tests.line import HUBSPOT_SECRET, MAPPINGS, PUBLIC_URL, TOKEN, ZOOM_SECRET, Moment
from tests.sandbox import activecampaign, ga4, hubspot, zoom
from tests.sandbox.activecampaign import ActiveCampaignAccount
from tests.sandbox.ga4 import Ga4Property
from tests.sandbox.hubspot import HubSpotPortal
from tests.sandbox.mail_world import make_mail_world
from tests.sandbox.month_world import DAYS, make_month
from tests.sandbox.office import Office
from tests.sandbox.serving import LocalServer
from tests.sandbox.stage import fill_portal
from tests.sandbox.traffic import Traffic, watch
from tests.sandbox.visit_world import VisitWorld, make_visits
from tests.sandbox.world import Story, World
from tests.sandbox.zoom_account import ZoomAccount, ZoomCredentials

ACTIVECAMPAIGN_SECRET = "activecampaign-secret-of-a-test"
CAMPAIGNS = 4
HISTORY = timedelta(days=3)
"""The site tells of nobody before the month begins."""

GREAT = 1_000_000
"""The brake is not what a month is about: no plan waits for a person but the first."""


class StoryClock(Moment):
    """Sleeping moves it: a wait for a rate limit takes story time and no other."""

    def sleep(self, seconds: float) -> None:
        self.move(seconds=seconds)

    def seconds(self) -> float:
        return self.timestamp()


@dataclass(frozen=True)
class Vendors:
    """The stand-ins, and what only they know."""

    world: World
    ends: datetime
    portal: HubSpotPortal
    contacts: dict[str, str]
    office: Office
    zoom: ZoomAccount
    mail: ActiveCampaignAccount
    visits: VisitWorld
    ga4: Ga4Property
    traffic: Traffic


def make_vendors(clock: StoryClock, leads: int, webinars: int, seed: int) -> Vendors:
    """Everybody as the month begins; the same arguments give the same month."""
    world = make_month(seed, leads, webinars, clock.now)
    ends = world.now + timedelta(days=DAYS)
    at_the_end = replace(world, now=ends)
    portal = HubSpotPortal(token=TOKEN, now=clock.timestamp)
    contacts = fill_portal(portal, world)
    visits = make_visits(at_the_end, contacts, DAYS)
    account = ZoomAccount(
        Story(world),
        ZoomCredentials("account", "client", "secret"),
        report_delay=timedelta(minutes=20),
        report_grows=timedelta(hours=3),
        clock=clock.timestamp,
    )
    mail = ActiveCampaignAccount(
        make_mail_world(at_the_end, CAMPAIGNS, seed), now=clock, clock=clock.timestamp
    )
    thresholded = frozenset(world.now.date() + timedelta(days=day) for day in (11, 12))
    shown = Ga4Property(visits, clock=clock, withhold_below=3, withhold_on=thresholded)
    office = Office(world, contacts, DAYS - 6)
    return Vendors(world, ends, portal, contacts, office, account, mail, visits, shown, Traffic())


@contextmanager
def serving(vendors: Vendors) -> Iterator[str]:
    """The stand-ins over HTTP, each below its name; the address."""
    app = Flask("month")
    watch(app, vendors.traffic)
    app.register_blueprint(hubspot.make_blueprint(vendors.portal), url_prefix="/hubspot")
    app.register_blueprint(zoom.make_blueprint(vendors.zoom), url_prefix="/zoom")
    app.register_blueprint(activecampaign.make_blueprint(vendors.mail), url_prefix="/activecampaign")
    app.register_blueprint(ga4.make_blueprint(vendors.ga4), url_prefix="/ga4")
    with LocalServer(app) as server:
        yield server.url


@contextmanager
def living(vendors: Vendors, clock: StoryClock, database: sa.Engine, url: str) -> Iterator[Services]:
    """Services as app/wiring makes them in production, by the one clock: limits and back-off wait in story
    time. Only GA4 looks less far back.
    """
    windows: dict[str, RateLimit] = {}

    def limit(
        database: sa.Engine, name: str, calls: int, seconds: float, *, longest_way: float = 0.0
    ) -> RateLimit:
        made = RateLimit(calls, seconds, longest_way=longest_way, clock=clock.seconds, sleep=clock.sleep)
        return windows.setdefault(name, made)

    services = make_services(
        _settings(vendors, url),
        database.url.render_as_string(hide_password=False),
        pace=Pace(clock, clock.seconds, clock.sleep, limit),
    )
    visits = Ga4Client(vendors.ga4.property_id, f"{url}/ga4", sleep=clock.sleep)
    recent = Ga4Source(visits, events=tuple(MAPPINGS.streams["ga4"].stream), history=HISTORY)
    try:
        yield replace(services, sources={**services.sources, "ga4": recent})
    finally:
        visits.close()
        services.database.dispose()


def _settings(vendors: Vendors, url: str) -> Settings:
    known = vendors.zoom.credentials
    secrets = Secrets(
        hubspot_access_token=TOKEN,
        hubspot_client_secret=HUBSPOT_SECRET,
        zoom_account_id=known.account_id,
        zoom_client_id=known.client_id,
        zoom_client_secret=known.client_secret,
        zoom_webhook_secret=ZOOM_SECRET,
        activecampaign_url=f"{url}/activecampaign",
        activecampaign_api_key=vendors.mail.api_key,
        activecampaign_webhook_secret=ACTIVECAMPAIGN_SECRET,
        ga4_property_id=vendors.ga4.property_id,
        google_credentials_json="{}",
        savia_public_url=PUBLIC_URL,
    )
    brake = WriteBack(
        max_new_contacts=GREAT,
        max_list_joins=GREAT,
        max_enrolments=GREAT,
        max_tasks=GREAT,
        max_enrolments_per_day=GREAT,
        max_tasks_per_day=GREAT,
        max_band_moves=1.0,
        max_clears=1.0,
        max_list_leaves=1.0,
        max_mean_score_move=100.0,
    )
    return Settings(
        secrets=secrets,
        write_back=brake,
        hubspot=HubSpot(base_url=f"{url}/hubspot"),
        zoom=Zoom(base_url=f"{url}/zoom/v2", oauth_url=f"{url}/zoom/oauth/token", plan="business"),
        ga4=Ga4(endpoint=f"{url}/ga4"),
    )
