"""HubSpot's contacts and deals into the store, beside the least it takes (bench/floor_sync.py)."""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

import requests
import sqlalchemy as sa

from app.config import load_settings
from app.domain.changes import Problem
from app.domain.ports import PullSource
from app.domain.records import Page
from app.pipeline.pull import pull_source
from app.services import Services
from app.store.call_slots import SharedLimit
from app.wiring import make_services
from bench.figures import Figure, beside_floor
from bench.floor_sync import Floor
from bench.ground import Ground, environment, highest, wait_for
from connectors.hubspot.client import BURST_SECONDS, HubSpotClient
from connectors.hubspot.source import HubSpotSource
from connectors.hubspot.walk import Walked
from mappings.load import Mappings, contact_properties, deal_properties
from tests.sandbox.server import HUBSPOT_TOKEN

LEADS = int(os.environ.get("BENCH_LEADS", "117400"))
"""About 85 in 100 of them are contacts in HubSpot: 100,000, with 20,000 deals."""

STREAMS = ("contacts", "deals")
PAGES_A_ROUND = 50
SLOW_PAGES = 20
LATENCY = 0.1
FREE = 2_000
"""Calls in ten seconds: booked as ever, never waited for."""

LEAST = "one session, JSON, upsert of profiles and deals"
WHOLE = "the same, and people, names, touched, cursor unchecked"


@dataclass(frozen=True, slots=True)
class Spent:
    """One side's time over one round, whole seconds and those of our processor, all threads together."""

    records: int
    seconds: float
    processor: float


Pair = tuple[Spent, Spent]


def run(ground: Ground) -> Iterator[Figure]:
    """Turn and turn about, fifty pages each; then the job as it runs in earnest, for its memory."""
    with portal(ground, LEADS) as url:
        with _race(ground, url, whole=False) as race:
            yield from _figures("read", LEAST, race.all_pages(), "≥ 0.5")
            yield from _figures("read once more, nothing new", LEAST, race.all_pages(), "")
            requests.post(f"{url.removesuffix('/hubspot')}/latency/{LATENCY}", timeout=30)
            slow = [race.round("contacts", SLOW_PAGES) for _ in range(3)]
            requests.post(f"{url.removesuffix('/hubspot')}/latency/0", timeout=30)
            yield _ratio(
                f"sync: pages that take {1000 * LATENCY:.0f} ms, as HubSpot's do", slow, "seconds", ""
            )
        with _race(ground, url, whole=True) as race:
            yield from _figures("read", WHOLE, race.all_pages(), "")
        yield _job(ground, url)


def _figures(what: str, least: str, pairs: Mapping[str, list[Pair]], target: str) -> Iterator[Figure]:
    """Both streams as one, by the clock and by our processor's time; then each for itself."""
    both = [pair for stream in STREAMS for pair in pairs[stream]]
    whole = [tuple(_sum(side) for side in zip(*both, strict=True))]
    counted = " and ".join(f"{_sum([ours for ours, _ in pairs[s]]).records:,} {s}" for s in STREAMS)
    yield _ratio(f"sync: {counted} {what}; floor: {least}", whole, "seconds", target)
    yield _ratio("sync: the same by processor time of the client", whole, "processor", "")
    for stream in STREAMS:
        yield _ratio(f"sync: of that {stream}, rounds of {PAGES_A_ROUND} pages", pairs[stream], "seconds", "")


def _sum(side: Sequence[Spent]) -> Spent:
    return Spent(
        sum(one.records for one in side), sum(one.seconds for one in side), sum(one.processor for one in side)
    )


def _ratio(name: str, pairs: Sequence[Any], spent: str, target: str) -> Figure:
    ours, floor = (
        [each.records / getattr(each, spent) for each in side] for side in zip(*pairs, strict=True)
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


@dataclass(frozen=True, slots=True)
class Race:
    """Both sides on one database, each in tables of its own."""

    services: Services
    source: HubSpotSource
    floor: Floor
    pages: Mapping[str, int]

    def all_pages(self) -> dict[str, list[Pair]]:
        """Every page of every stream, from the first, in rounds."""
        with self.services.database.begin() as conn:
            conn.execute(sa.text("DELETE FROM cursor"))
        return {stream: list(self._rounds(stream)) for stream in STREAMS}

    def _rounds(self, stream: str) -> Iterator[Pair]:
        theirs = self.floor.pages(stream)
        for done in range(0, self.pages[stream], PAGES_A_ROUND):
            number = min(PAGES_A_ROUND, self.pages[stream] - done)
            yield self._ours(stream, number), _timed(lambda number=number: sum(islice(theirs, number)))

    def round(self, stream: str, number: int) -> Pair:
        """The first pages of a stream."""
        with self.services.database.begin() as conn:
            conn.execute(sa.text("DELETE FROM cursor"))
        theirs = self.floor.pages(stream)
        return self._ours(stream, number), _timed(lambda: sum(islice(theirs, number)))

    def _ours(self, stream: str, number: int) -> Spent:
        """So many pages by the pull itself, from where the last round ended."""
        some = replace(self.services, sources={"hubspot": Some(self.source, number)})
        return _timed(lambda: pull_source(some, "hubspot", some.clock(), streams=[stream])[0][stream])


def _timed(read: Callable[[], int]) -> Spent:
    began = time.perf_counter(), time.process_time()
    records = read()
    return Spent(records, time.perf_counter() - began[0], time.process_time() - began[1])


@dataclass(frozen=True, slots=True)
class Some:
    """A source that has no more than so many pages."""

    source: PullSource
    pages: int
    name: str = "hubspot"
    streams: tuple[str, ...] = STREAMS

    def check(self) -> Sequence[Problem]:
        return self.source.check()

    def pull(self, stream: str, after: Mapping[str, Any] | None, now: datetime) -> Iterator[Page]:
        return islice(self.source.pull(stream, after, now), self.pages)


@contextmanager
def _race(ground: Ground, url: str, *, whole: bool) -> Iterator[Race]:
    database = ground.fresh_database()
    environ = environment(database, ground.settings(url))
    services = make_services(load_settings(environ), database)
    floor = Floor(url, database, pages_asked_for(services.mappings), whole=whole)
    # The stand-in has every page ready from here on, for both: they ask for the same.
    pages = {stream: sum(1 for _ in floor.answers(stream)) for stream in STREAMS}
    gc.freeze()  # for both, as in every process of ours
    try:
        yield Race(services, unlimited_source(services, url), floor, pages)
    finally:
        floor.close()
        services.database.dispose()


def asked_for(mappings: Mappings) -> dict[str, list[str]]:
    """The properties that we ask for, by stream."""
    return {"contacts": list(contact_properties(mappings)), "deals": list(deal_properties(mappings))}


def pages_asked_for(mappings: Mappings) -> dict[str, list[str]]:
    """The properties that a page of each stream is asked for with, as the source puts it."""
    stamps = {"contacts": "lastmodifieddate", "deals": "hs_lastmodifieddate"}
    return {
        stream: Walked("contacts", stamps[stream], tuple(wanted)).asked
        for stream, wanted in asked_for(mappings).items()
    }


def unlimited_source(services: Services, url: str) -> HubSpotSource:
    """HubSpot as wired, but for a vendor that allows more calls than it does."""
    client = HubSpotClient(
        HUBSPOT_TOKEN,
        base_url=url,
        burst=SharedLimit(services.database, "hubspot", FREE, BURST_SECONDS),
        searches=SharedLimit(services.database, "hubspot search", FREE, 1),
    )
    properties = asked_for(services.mappings)
    return HubSpotSource(client, properties["contacts"], properties["deals"])


def _job(ground: Ground, url: str) -> Figure:
    """`jobs sync` within HubSpot's limit of 190 calls in ten seconds, whole: its memory at the highest."""
    environ = environment(ground.fresh_database(), ground.settings(url))
    began, peak = time.monotonic(), 0.0
    with ground.process("jobs", "sync", "--json", environ=environ) as job:
        while job.poll() is None:
            peak = max(peak, highest(job.pid))
            time.sleep(0.02)
    took = time.monotonic() - began
    if job.returncode:
        raise RuntimeError("jobs sync did not end well: run it by hand against bench.portal")
    return Figure(f"sync: memory of `jobs sync`, whole ({took:.0f} s)", f"{peak:.0f} MB", target="< 120 MB")
