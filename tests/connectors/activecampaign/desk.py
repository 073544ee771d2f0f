"""A small ActiveCampaign account served over HTTP, and a client that waits for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

from flask import Flask

from connectors.activecampaign.client import ActiveCampaignClient
from connectors.activecampaign.pull import ActiveCampaignSource
from tests.connectors.stand_in import Asked, Reply, StandIn
from tests.sandbox.activecampaign import ActiveCampaignAccount, make_blueprint
from tests.sandbox.mail_world import make_mail_world
from tests.sandbox.serving import LocalServer
from tests.sandbox.world import make_world

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
KEY = "sandbox-activecampaign-key"


@dataclass
class Desk:
    """The account and a client for it. The server's second passes with each call: tests need not wait."""

    account: ActiveCampaignAccount
    client: ActiveCampaignClient
    url: str

    def source(self, budget: int = 400) -> ActiveCampaignSource:
        return ActiveCampaignSource(self.client, budget)


@contextmanager
def open_desk(leads: int = 30, campaigns: int = 4, now: datetime = NOW, key: str = KEY) -> Iterator[Desk]:
    mail = make_mail_world(make_world(7, leads, 1, NOW), campaigns)
    ticks = count()
    account = ActiveCampaignAccount(mail, KEY, now=lambda: now, clock=lambda: float(next(ticks)))
    app = Flask("activecampaign")
    app.register_blueprint(make_blueprint(account), url_prefix="/activecampaign")
    with LocalServer(app) as server:
        url = server.url + "/activecampaign"
        client = instant_client(url, key)
        try:
            yield Desk(account, client, url)
        finally:
            client.close()


def instant_client(url: str, key: str = KEY) -> ActiveCampaignClient:
    return ActiveCampaignClient(url, key, timeout=(2, 2), sleep=lambda _: None)


@contextmanager
def scripted(script: Callable[[Asked], Reply]) -> Iterator[tuple[StandIn, ActiveCampaignClient]]:
    """A client before a server that answers as told."""
    with StandIn(script) as server:
        client = instant_client(server.url)
        try:
            yield server, client
        finally:
            client.close()


def full_page(label: str, total: str = "100000") -> dict[str, Any]:
    """A page of a hundred rows that says there are many more."""
    return {
        label: [{"id": str(n), "email": f"x{n}@example.com"} for n in range(1, 101)],
        "meta": {"total": total},
    }
