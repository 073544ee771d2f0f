"""A GA4 property of the invented company, served on this machine, and a source before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask

from connectors.ga4.client import Ga4Client
from connectors.ga4.pull import Ga4Source, Reading
from tests.sandbox.ga4 import Ga4Property, make_blueprint
from tests.sandbox.serving import LocalServer
from tests.sandbox.visit_world import LONG_AGO, Hit, VisitWorld, contact_ids, make_visits
from tests.sandbox.world import World, make_world

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PROPERTY = "123456789"
DAYS = 5


def world(leads: int = 100) -> World:
    """The company at NOW."""
    return make_world(seed=11, leads=leads, webinars=1, now=NOW)


def visits(leads: int = 100) -> VisitWorld:
    """Its visitors of the last days."""
    company = world(leads)
    return make_visits(company, contact_ids(company), DAYS)


@dataclass
class Clock:
    """The property's and the reader's time."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@contextmanager
def served(prop: Ga4Property) -> Iterator[str]:
    """The property's endpoint while the block lasts."""
    app = Flask("ga4")
    app.register_blueprint(make_blueprint(prop), url_prefix="/ga4")
    with LocalServer(app) as server:
        yield f"{server.url}/ga4"


@contextmanager
def client(endpoint: str, property_id: str = PROPERTY, **options: Any) -> Iterator[Ga4Client]:
    """A client that never really sleeps."""
    options.setdefault("sleep", lambda _: None)
    made = Ga4Client(property_id, endpoint, **options)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def source(prop: Ga4Property, **options: Any) -> Iterator[Ga4Source]:
    """A source before the served property that looks as far back as its visits go."""
    options.setdefault("history", timedelta(days=DAYS))
    with served(prop) as endpoint, client(endpoint) as made:
        yield Ga4Source(made, **options)


def hit(at: datetime = NOW - timedelta(days=1), **changes: Any) -> Hit:
    """A download by contact 12345, shown at once."""
    return replace(
        Hit(at, "file_download", "lead", "12345", "/guias", "/a.pdf", shown_from=LONG_AGO), **changes
    )


def prop_of(*hits: Hit, **options: Any) -> Ga4Property:
    """A property that saw just these."""
    return Ga4Property(VisitWorld(hits, {}), **{"clock": Clock()} | options)


def rows_of(prop: Ga4Property, stream: str = "file_download", **options: Any) -> list[dict[str, Any]]:
    """What one reading of the stream at NOW brings."""
    with source(prop, **options) as made:
        return [dict(record.payload) for page in made.pull(stream, None, NOW) for record in page.records]


class Shelf:
    """Keeps what was read as a store must: a reading takes the place of everything of its scope."""

    def __init__(self) -> None:
        self.scopes: dict[str, dict[tuple[str, ...], dict[str, Any]]] = {}
        self.cursors: dict[str, dict[str, Any]] = {}

    def keep(self, stream: str, readings: Iterable[Reading]) -> int:
        """Keep all readings of a stream; answers how many there were."""
        kept = 0
        for reading in readings:
            kept += 1
            rows = [dict(record.payload) for record in reading.records]
            self.scopes[reading.scope] = {_key(row): row for row in rows}
            self.cursors[stream] = reading.progress.cursor()
        return kept

    def pull(self, made: Ga4Source, now: datetime) -> None:
        """One round of every stream."""
        for stream in made.streams:
            self.keep(stream, made.readings(stream, self.cursors.get(stream), now))

    def rows(self, *streams: str) -> list[dict[str, Any]]:
        """What is held of these streams now."""
        return [
            row for scope, rows in self.scopes.items() if scope.split()[0] in streams for row in rows.values()
        ]


def _key(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(row.get(part, "")) for part in ("hubspot_id", "at", "event", "file"))
