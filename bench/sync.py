"""Contacts from HubSpot into the store, beside the least it takes: one session, JSON, the same upsert."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import requests
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from app.config import load_settings
from app.pipeline.absorb import store_page
from app.services import Services
from app.store import cursors, people, profiles, runs, touched
from app.store.call_slots import SharedLimit
from app.wiring import make_services
from bench.figures import Figure, beside_floor
from bench.ground import ROOT, Ground, environment, wait_for
from connectors.hubspot.client import BURST_SECONDS, HubSpotClient
from connectors.hubspot.source import HubSpotSource
from mappings.load import contact_properties, deal_properties
from tests.sandbox.server import HUBSPOT_TOKEN

LEADS = int(os.environ.get("BENCH_LEADS", "20000"))
"""About 87 in 100 of them are contacts in HubSpot."""

PAGES_A_ROUND = 10
LATENCY = 0.1
FREE = 2_000
"""Calls in ten seconds: booked as ever, never waited for."""


@dataclass(slots=True)
class Spent:
    """One side's time over one round."""

    contacts: int = 0
    seconds: float = 0.0
    processor: float = 0.0

    def add(self, contacts: int, began: tuple[float, float]) -> None:
        self.contacts += contacts
        self.seconds += time.perf_counter() - began[0]
        self.processor += time.process_time() - began[1]


def run(ground: Ground) -> Iterator[Figure]:
    """Turn and turn about, ten pages each; then the job as it runs in earnest, for its memory."""
    with portal(ground, LEADS) as url:
        shown = "sync: {:,} contacts, floor {}"
        rounds = list(_rounds(ground, url, whole=False))
        total = sum(one.contacts for one, _ in rounds)
        yield _rates(shown.format(total, "upserts profiles"), rounds, "seconds", "≥ 0.5")
        yield _rates("sync: the same by processor time of the client", rounds, "processor", "")
        rounds = list(_rounds(ground, url, whole=True))
        yield _rates(shown.format(total, "writes the same rows unchecked"), rounds, "seconds", "")
        yield _rates("sync: the same by processor time of the client", rounds, "processor", "")
        requests.post(f"{url.removesuffix('/hubspot')}/latency/{LATENCY}", timeout=30)
        rounds = list(islice(_rounds(ground, url, whole=False), 4))
        yield _rates(f"sync: pages that take {1000 * LATENCY:.0f} ms, as HubSpot's do", rounds, "seconds", "")
        requests.post(f"{url.removesuffix('/hubspot')}/latency/0", timeout=30)
        yield _job(ground, url)


def _rates(name: str, rounds: Sequence[tuple[Spent, Spent]], spent: str, target: str) -> Figure:
    ours, floor = (
        [each.contacts / getattr(each, spent) for each in side] for side in zip(*rounds, strict=True)
    )
    return beside_floor(name, ours, floor, "/s", target)


@contextmanager
def portal(ground: Ground, leads: int) -> Iterator[str]:
    """A HubSpot of that many leads in a process of its own: its address."""
    ready = ground.folder / "portal.json"
    ready.unlink(missing_ok=True)
    with ground.process("bench.portal", str(leads), str(ready)):
        wait_for("the portal", ready.exists, 300)
        yield json.loads(ready.read_text())["url"]


def _rounds(ground: Ground, url: str, *, whole: bool) -> Iterator[tuple[Spent, Spent]]:
    database = ground.fresh_database()
    environ = environment(database, ground.settings(url))
    services = make_services(load_settings(environ), database)
    source, asked = unlimited_source(services, url)
    floor = Floor(url, database, asked, whole=whole)
    for _ in floor.answers():
        pass  # the stand-in has every page ready from here on
    theirs, pages = floor.pages(), _pages(services, source)
    try:
        while (other := _take(theirs)).contacts and (one := _take(pages)).contacts:
            yield one, other
    finally:
        floor.close()
        services.database.dispose()


def _take(pages: Iterator[int]) -> Spent:
    spent = Spent()
    for _ in range(PAGES_A_ROUND):
        began = time.perf_counter(), time.process_time()
        spent.add(next(pages, 0), began)
    return spent


def _pages(services: Services, source: HubSpotSource) -> Iterator[int]:
    """Records in each page, once it is committed with its cursor."""
    now = services.clock()
    with services.database.begin() as conn:
        run_id = runs.start(conn, "sync hubspot", now)
    for page in source.pull("contacts", None, now):
        yield store_page(services, "hubspot", "contacts", page, run_id, now).records


def unlimited_source(services: Services, url: str) -> tuple[HubSpotSource, list[str]]:
    """HubSpot as wired, but for a vendor that allows more calls than it does; and what it is asked for."""
    client = HubSpotClient(
        HUBSPOT_TOKEN,
        base_url=url,
        burst=SharedLimit(services.database, "hubspot", FREE, BURST_SECONDS),
        searches=SharedLimit(services.database, "hubspot search", FREE, 1),
    )
    properties = contact_properties(services.mappings)
    return HubSpotSource(client, properties, deal_properties(services.mappings)), list(properties)


class Floor:
    """The least: a page over one session, parsed, and upserted by the statement that keeps our profiles.

    `whole`: every row that we write about a new contact, by our own statements, with nothing looked up first.
    """

    def __init__(self, url: str, database: str, properties: Sequence[str], *, whole: bool) -> None:
        self._url = f"{url}/crm/objects/2026-09/contacts"
        self._asked = {"limit": "100", "properties": ",".join(properties), "archived": "false"}
        self._whole = whole
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {HUBSPOT_TOKEN}"
        address = make_url(database).set(drivername="postgresql+psycopg")
        self._database = sa.create_engine(address, connect_args={"options": "-c search_path=floor"})
        with self._database.begin() as conn:
            conn.execute(sa.text("CREATE SCHEMA floor"))
            for table in ("person", "identity", "profile", "touched", "cursor"):
                conn.execute(sa.text(f"CREATE TABLE {table} (LIKE public.{table} INCLUDING ALL)"))

    def answers(self) -> Iterator[dict[str, Any]]:
        """HubSpot's pages, parsed."""
        asked = dict(self._asked)
        while True:
            answer = self._session.get(self._url, params=asked, timeout=30).json()
            yield answer
            if "paging" not in answer:
                return
            asked["after"] = answer["paging"]["next"]["after"]

    def pages(self) -> Iterator[int]:
        """Contacts in each page, once it is committed."""
        for answer in self.answers():
            rows, now = answer["results"], datetime.now(UTC)
            with self._database.begin() as conn:
                ids = self._people(conn, rows, now) if self._whole else [int(each["id"]) for each in rows]
                conn.execute(profiles.WRITE, {"rows": json.dumps(list(map(_row, rows, ids)))})
                if self._whole:
                    cursors.save(conn, "hubspot", "contacts", answer.get("paging", {}), now)
            yield len(rows)

    def _people(self, conn: sa.Connection, rows: list[dict[str, Any]], now: datetime) -> list[int]:
        """A person for each contact, with both names, touched: the identities of the contact ids."""
        persons = conn.scalars(people.NEW_PERSONS, {"at": now, "number": len(rows)}).all()
        names = [("hubspot", "contact_id", each["id"], one) for each, one in zip(rows, persons, strict=True)]
        names += [
            ("any", "email", each["properties"]["email"].lower(), one)
            for each, one in zip(rows, persons, strict=True)
            if each["properties"]["email"]
        ]
        columns = dict(
            zip(("vendors", "kinds", "names", "persons"), map(list, zip(*names, strict=True)), strict=True)
        )
        made = conn.scalars(people.NEW_IDENTITIES, {**columns, "at": now}).all()
        touched.touch(conn, persons, now)
        return list(made[: len(rows)])

    def close(self) -> None:
        self._session.close()
        self._database.dispose()


def _row(contact: dict[str, Any], identity_id: int) -> dict[str, Any]:
    return {
        "identity_id": identity_id,
        "source": "hubspot",
        "fields": contact["properties"],
        "observed_at": contact["updatedAt"],
    }


def _job(ground: Ground, url: str) -> Figure:
    """`jobs sync` within HubSpot's limit of 190 calls in ten seconds, whole: its memory at the highest."""
    environ = environment(ground.fresh_database(), ground.settings(url))
    began = time.monotonic()
    job = subprocess.Popen(
        [sys.executable, "-m", "jobs", "sync", "--json"], cwd=ROOT, env=environ, stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(job.pid, 0)
    job.returncode = os.waitstatus_to_exitcode(status)
    took = time.monotonic() - began
    if job.returncode:
        raise RuntimeError("jobs sync did not end well: run it by hand against bench.portal")
    name = f"sync: memory of `jobs sync` over {LEADS:,} leads ({took:.0f} s)"
    return Figure(name, f"{used.ru_maxrss / 1024:.0f} MB", target="≤ 120 MB")
