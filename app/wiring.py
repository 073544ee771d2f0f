"""The one file that names every connector: Settings -> Services, the engine's steps, the web application."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

import sqlalchemy as sa

from app import log
from app.config import HubSpot, Settings, load_settings, missing_secrets
from app.databases import Database, database_of, embedded_for_life
from app.domain.deprecations import PublishedEnd
from app.domain.portal import asked_names
from app.domain.ports import (
    AttendanceFile,
    ContactReader,
    Destination,
    PortalCheck,
    PullSource,
    Registration,
    TextReader,
    WebhookSource,
)
from app.pipeline import steps
from app.services import Services
from app.store.call_slots import SharedLimit
from app.store.database import make_engine
from app.store.writer import CALL_WITHIN, Writer
from mappings.load import Mappings, load_mappings

if TYPE_CHECKING:
    from app.engine import Engine
    from connectors.call_limits import WindowLimit
    from connectors.hubspot.source import HubSpotSource


POOL = 6
"""Connections of a worker: two steps, the lease of the writer, and the look-around."""


class MakeLimit(Protocol):
    """Makes the window of this name, calls and seconds that all who call under it share."""

    def __call__(
        self, database: sa.Engine, name: str, calls: int, seconds: float, *, longest_way: float = 0.0
    ) -> WindowLimit: ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How time goes by for whoever calls a vendor."""

    now: Callable[[], datetime]
    seconds: Callable[[], float]
    sleep: Callable[[float], None]
    limit: MakeLimit


def clock() -> datetime:
    """The one place that asks what time it is."""
    return datetime.now(UTC)


SELDOM = (50_000, 20, 20)
"""How seldom Python looks for rings of objects that nobody holds. A lot makes hundreds of thousands that stay
until its end: looking them through as often as Python would took a sixth of a rescoring's time.
"""

REAL = Pace(clock, time.monotonic, time.sleep, SharedLimit)


@contextmanager
def open_services(environ: Mapping[str, str], connections: int = POOL) -> Iterator[Services]:
    """Services for as long as the block lasts. Without DATABASE_URL the embedded server runs that long too.

    Raises BadConfig with every fault of settings and mappings.
    """
    settings = load_settings(environ)
    with database_of(settings) as database:
        services = make_services(settings, database.url, connections)
        gc.freeze()  # what is loaded now stays: looking it through again took a tenth of a sync's time
        gc.set_threshold(*SELDOM)
        try:
            yield services
        finally:
            services.database.dispose()


@contextmanager
def open_database(environ: Mapping[str, str]) -> Iterator[Database]:
    """The database for as long as the block lasts, for whoever starts the other processes.

    Raises BadConfig with every fault of settings and mappings.
    """
    settings = load_settings(environ)
    load_mappings()
    with database_of(settings) as database:
        yield database


def make_services(
    settings: Settings, database_url: str, connections: int = POOL, pace: Pace = REAL
) -> Services:
    """Everything the line runs on, over at most so many database connections. No vendor is called yet."""
    mappings = load_mappings()
    off = missing_secrets(settings.secrets)
    sources: dict[str, PullSource] = {}
    database = make_engine(database_url, pool_size=connections)
    writer = Writer(database)
    destination: Destination | None = None
    contacts: ContactReader | None = None
    portal: PortalCheck | None = None
    if "HubSpot" not in off:
        hubspot = _hubspot(settings, mappings, database, writer, pace)
        sources["hubspot"], contacts, destination, portal = hubspot
    if "Zoom" not in off:
        sources["zoom"] = _zoom(settings, pace)
    registrations: list[Registration] = []
    if "ActiveCampaign" not in off:
        sources["activecampaign"], registration = _activecampaign(settings, database, pace)
        registrations += [registration] if "ActiveCampaign webhooks" not in off else []
    if "GA4" not in off:
        sources["ga4"] = _ga4(settings, mappings, pace)
    return Services(
        settings=settings,
        database=database,
        mappings=mappings,
        sources=sources,
        webhooks=_webhooks(settings, off),
        destination=destination,
        contacts=contacts,
        off=off,
        clock=pace.now,
        writer=writer,
        registrations=tuple(registrations),
        attendance_file=_attendance_file(),
        ends=() if "HubSpot" in off else _published_ends(settings, mappings),
        texts=None if "OpenAI" in off else _openai(settings, mappings),
        portal=portal,
    )


def _hubspot(
    settings: Settings, mappings: Mappings, database: sa.Engine, writer: Writer, pace: Pace
) -> tuple[PullSource, ContactReader, Destination, PortalCheck]:
    """Pulls give way first when the day's calls run low: the source has a client of its own."""
    from connectors.hubspot.client import ACCOUNT_SEARCHES_PER_SECOND, HubSpotClient
    from connectors.hubspot.day_budget import DayBudget, Spending
    from connectors.hubspot.destination import HubSpotDestination
    from connectors.hubspot.portal_check import HubSpotPortalCheck
    from connectors.hubspot.source import HubSpotSource
    from mappings.load import contact_properties, deal_properties

    own = settings.hubspot
    budget = DayBudget(own.keep_free, clock=pace.seconds)
    searches = max(1, int(ACCOUNT_SEARCHES_PER_SECOND * (1 - own.keep_free)))
    burst = _burst(own, database, pace)

    def client(*, background: bool) -> HubSpotClient:
        return HubSpotClient(
            settings.secrets.hubspot_access_token,
            base_url=own.base_url,
            api_version=own.api_version,
            burst=burst,
            share=1 - own.keep_free,
            searches=pace.limit(database, "hubspot search", searches, 1),
            guard=writer,
            write_within=CALL_WITHIN,
            spending=Spending(budget, background=background),
            sleep=pace.sleep,
        )

    def source(client: HubSpotClient) -> HubSpotSource:
        asked = contact_properties(mappings), deal_properties(mappings)
        watched, calls = asked_names(mappings.hubspot), own.calls_per_10_seconds
        return HubSpotSource(client, *asked, watched=watched, calls_per_10_seconds=calls, clock=pace.now)

    prompt = client(background=False)
    destination = HubSpotDestination(prompt, pilot=settings.pilot.list)
    return source(client(background=True)), source(prompt), destination, HubSpotPortalCheck(prompt)


def _burst(own: HubSpot, database: sa.Engine, pace: Pace) -> WindowLimit:
    from connectors.hubspot.client import BURST_SECONDS, LONGEST_WAY, calls_of

    calls = calls_of(own.calls_per_10_seconds, 1 - own.keep_free)
    return pace.limit(database, "hubspot", calls, BURST_SECONDS, longest_way=LONGEST_WAY)


def _published_ends(settings: Settings, mappings: Mappings) -> tuple[PublishedEnd, ...]:
    from connectors.hubspot.ends import published_ends

    enrols = any(workflow.v2_workflow_id for workflow in mappings.hubspot.workflows)
    return published_ends(settings.hubspot.api_version, enrols_by_v2=enrols)


def _zoom(settings: Settings, pace: Pace) -> PullSource:
    from connectors.zoom.client import ZoomClient
    from connectors.zoom.pull import ZoomSource

    client = ZoomClient(
        settings.secrets.zoom_account_id,
        settings.secrets.zoom_client_id,
        settings.secrets.zoom_client_secret,
        base_url=settings.zoom.base_url,
        oauth_url=settings.zoom.oauth_url,
        plan=settings.zoom.plan,
        clock=pace.seconds,
        sleep=pace.sleep,
    )
    return ZoomSource(client, settings.zoom.hosts)


def _attendance_file() -> AttendanceFile:
    from connectors.zoom.attendee_report import AttendeeReport

    return AttendeeReport()


def _activecampaign(settings: Settings, database: sa.Engine, pace: Pace) -> tuple[PullSource, Registration]:
    from connectors.activecampaign.client import CALLS_A_SECOND, ActiveCampaignClient
    from connectors.activecampaign.pull import ActiveCampaignSource
    from connectors.activecampaign.setup import ActiveCampaignRegistration

    client = ActiveCampaignClient(
        settings.activecampaign.base_url or settings.secrets.activecampaign_url,
        settings.secrets.activecampaign_api_key,
        limit=pace.limit(database, "activecampaign", CALLS_A_SECOND, 1),
        clock=pace.seconds,
        sleep=pace.sleep,
    )
    secret = quote(settings.secrets.activecampaign_webhook_secret, safe="")
    address = f"{settings.public_url}/webhooks/activecampaign/{secret}"
    return ActiveCampaignSource(client), ActiveCampaignRegistration(client, address)


def _ga4(settings: Settings, mappings: Mappings, pace: Pace) -> PullSource:
    from connectors.ga4.client import Ga4Client
    from connectors.ga4.pull import Ga4Source

    client = Ga4Client(
        settings.secrets.ga4_property_id,
        settings.ga4.endpoint,
        settings.secrets.google_credentials_json,
        sleep=pace.sleep,
    )
    return Ga4Source(client, events=tuple(mappings.streams["ga4"].stream))


def _openai(settings: Settings, mappings: Mappings) -> TextReader:
    from connectors.openai.client import OpenAiClient
    from connectors.openai.reader import OpenAiTextReader

    client = OpenAiClient(settings.secrets.openai_api_key, settings.openai.base_url, settings.openai.model)
    return OpenAiTextReader(
        client, {name: point.meaning for name, point in mappings.texts.pain_points.items()}
    )


def _webhooks(settings: Settings, off: Mapping[str, Sequence[str]]) -> dict[str, WebhookSource]:
    from connectors.activecampaign.webhook import ActiveCampaignWebhook
    from connectors.hubspot.webhook import HubSpotWebhook
    from connectors.zoom.webhook import ZoomWebhook

    found: dict[str, WebhookSource] = {}
    if "HubSpot webhooks" not in off:
        found["hubspot"] = HubSpotWebhook(settings.secrets.hubspot_client_secret, settings.public_url)
    if "Zoom webhooks" not in off:
        found["zoom"] = ZoomWebhook(settings.secrets.zoom_webhook_secret)
    if "ActiveCampaign webhooks" not in off:
        found["activecampaign"] = ActiveCampaignWebhook(settings.secrets.activecampaign_webhook_secret)
    return found


def make_line(services: Services) -> Engine:
    """The engine with the steps of the line, each asking for the one that follows it."""
    from app.engine import Engine, Step  # here, since the web process does without

    return Engine(
        services.database,
        [
            Step("absorb", lambda now: steps.absorb(services, now), priority=30),
            Step("reread", lambda now: steps.reread(services, now), priority=30),
            Step("rescore", lambda now: steps.rescore(services, now), priority=20),
            Step("write_back", lambda now: steps.write_back(services, now), priority=20),
            Step("read_texts", lambda now: steps.read_texts(services, now), priority=5),
            Step("sync", lambda now: steps.sync(services, now), priority=10),
            Step("decay", lambda now: steps.decay(services, now), priority=0),
            Step("watch", lambda now: steps.watch(services, now), priority=0),
            Step("report_memory", lambda now: steps.report_memory(services, now), priority=0),
            Step("tidy", lambda now: steps.tidy(services, now), priority=0),
        ],
        wake=lambda: steps.waiting(services),
        clock=services.clock,
    )


def __getattr__(name: str) -> Any:
    """`app.wiring:web`, the WSGI application, made when a server first asks: importing wires nothing."""
    if name != "web":
        raise AttributeError(name)
    from app.web import create_app

    log.set_up()
    settings = load_settings(os.environ)
    url = settings.secrets.database_url or embedded_for_life()
    return create_app(make_services(settings, url, connections=1))  # deliveries have a door of their own
