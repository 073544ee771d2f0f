"""A whole installation in which nothing is wrong: five vendors over HTTP, a real database, signs of life."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa

from app.config import load_settings
from app.domain.changes import Problem
from app.domain.portal_schema import wanted_schema
from app.pipeline.checkup import Checkup, check_up
from app.services import Services
from app.store import migrate, slots
from app.web import create_app
from app.wiring import make_services
from connectors.activecampaign.setup import ensure_webhooks
from connectors.call_limits import RateLimit
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.destination import HubSpotDestination
from tests.connectors.activecampaign.desk import instant_client
from tests.line import contact_event, registration
from tests.sandbox import signing
from tests.sandbox.hubspot import HubSpotPortal
from tests.sandbox.hubspot.workflows import Workflow
from tests.sandbox.server import (
    ACTIVECAMPAIGN_WEBHOOK_SECRET,
    HUBSPOT_CLIENT_SECRET,
    HUBSPOT_TOKEN,
    ZOOM_WEBHOOK_SECRET,
    Sandbox,
)

PUBLIC_URL = "https://savia.example.com"
HELD_OUT = "Grupo de control"
SETTINGS = "\n[experiment]\nholdout_share = 0.1\n"


@dataclass
class Installation:
    """The vendors, what speaks to them, and the store between."""

    sandbox: Sandbox
    services: Services
    environ: dict[str, str]

    @property
    def portal(self) -> HubSpotPortal:
        return self.sandbox.portal

    @property
    def database(self) -> sa.Engine:
        return self.services.database

    def check(self) -> Checkup:
        return check_up(self.services, self.services.clock())

    def problems(self) -> tuple[Problem, ...]:
        return self.check().problems

    def workflow(self, key: str = "hot_leads") -> Workflow:
        found = self.portal.crm.workflows.by_id.values()
        return next(each for each in found if each.name == key)

    def execute(self, statement: str, **values: Any) -> None:
        with self.database.begin() as conn:
            conn.execute(sa.text(statement), values)

    def change(self, **changes: Any) -> None:
        """Services with other parts."""
        self.services = replace(self.services, **changes)

    def settings_file(self, old: str, new: str) -> None:
        """Another text in the settings file, and a restart."""
        path = Path(self.environ["SAVIA_CONFIG"])
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")
        self.restart()

    def restart(self, **variables: str) -> None:
        """Other environment variables; the database stays."""
        url = self.database.url.render_as_string(hide_password=False)
        self.database.dispose()
        self.services = make_services(load_settings(self.environ | variables), url)

    def deliver_hubspot(
        self, *events: dict[str, Any], secret: str = HUBSPOT_CLIENT_SECRET, to: str = PUBLIC_URL, **ago: float
    ) -> int:
        """One signed delivery, sent to the address it was signed for."""
        at = self.services.clock() - timedelta(**ago)
        uri = f"{to}/webhooks/hubspot"
        signed = signing.hubspot(list(events) or [contact_event(7)], secret, uri, at.timestamp())
        return self._post("/webhooks/hubspot", signed.body, signed.headers, to)

    def deliver_zoom(self, secret: str = ZOOM_WEBHOOK_SECRET) -> int:
        signed = signing.zoom(registration(), secret, self.services.clock().timestamp())
        return self._post("/webhooks/zoom", signed.body, signed.headers, PUBLIC_URL)

    def deliver_activecampaign(self, secret: str = ACTIVECAMPAIGN_WEBHOOK_SECRET) -> int:
        about = {"contact[id]": "101", "contact[email]": "ana@example.com", "campaign[id]": "7"}
        body = urlencode({"type": "open", "date_time": "2026-11-20T10:01:30-06:00", **about})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._post(f"/webhooks/activecampaign/{secret}", body.encode(), headers, PUBLIC_URL)

    def _post(self, path: str, body: bytes, headers: Mapping[str, str], to: str) -> int:
        web = create_app(self.services).test_client()
        return web.post(path, data=body, headers=dict(headers), base_url=to).status_code


@contextmanager
def healthy(database: sa.Engine, folder: Path) -> Iterator[Installation]:
    """Set up, delivering, alive. Stand-ins and services end with the block."""
    with Sandbox(leads=20, webinars=1) as sandbox:
        config = folder / "config.toml"
        config.write_text(sandbox.config_toml() + SETTINGS, "utf-8")
        environ = sandbox.environment(PUBLIC_URL) | {"SAVIA_CONFIG": str(config)}
        url = database.url.render_as_string(hide_password=False)
        place = Installation(sandbox, make_services(load_settings(environ), url), environ)
        try:
            _set_up(place)
            _bring_to_life(place)
            assert place.deliver_hubspot() == place.deliver_zoom() == place.deliver_activecampaign() == 204
            yield place
        finally:
            place.database.dispose()
            _mend(database)


def _set_up(place: Installation) -> None:
    """What `setup` makes and what a marketer builds after it."""
    plenty = RateLimit(1_000_000, 1)
    client = HubSpotClient(HUBSPOT_TOKEN, f"{place.sandbox.url}/hubspot", burst=plenty, searches=plenty)
    wanted = wanted_schema(place.services.mappings.hubspot, "es")
    assert {done.status for done in HubSpotDestination(client).apply(wanted)} == {"done"}
    client.close()
    place.portal.add_list(HELD_OUT, "DYNAMIC", ("savia_holdout", "true"))
    for workflow in place.portal.crm.workflows.by_id.values():
        workflow.suppresses = (HELD_OUT,)
    mails = place.sandbox.activecampaign
    mails.calls_a_second = 1_000
    address = f"{PUBLIC_URL}/webhooks/activecampaign/{ACTIVECAMPAIGN_WEBHOOK_SECRET}"
    speaking = instant_client(f"{place.sandbox.url}/activecampaign", mails.api_key)
    ensure_webhooks(speaking, address)
    speaking.close()


def _mend(database: sa.Engine) -> None:
    """What emptying the tables does not take back."""
    (head,) = migrate.heads()
    with database.begin() as conn:
        conn.execute(sa.text("UPDATE alembic_version SET version_num = :head"), {"head": head})
        conn.execute(sa.text(f'ALTER DATABASE "{database.url.database}" CONNECTION LIMIT -1'))


def _bring_to_life(place: Installation) -> None:
    now = place.services.clock()
    place.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (:at)", at=now)
    with place.database.begin() as conn:
        slots.claim(conn, "sync", now, now)
    for kind in ("web", "worker", "clock"):
        say(place, kind, 60.0)


def say(place: Installation, kind: str, rss_mb: float) -> None:
    """A process of this kind says how large it is."""
    place.execute(
        "INSERT INTO process (kind, name, rss_mb, seen_at) VALUES (:kind, 'one', :rss, :at)"
        " ON CONFLICT (kind, name) DO UPDATE SET rss_mb = excluded.rss_mb",
        kind=kind,
        rss=rss_mb,
        at=place.services.clock(),
    )
