"""One, two and four workers over a first sync and the scores that follow; webhooks arrive meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count

import sqlalchemy as sa

from app.config import load_settings
from app.services import Services
from app.store import inbox, runs
from app.wiring import make_line, make_services
from bench.figures import Figure, percentile
from bench.ground import Ground, environment, resident, wait_for
from bench.receiver import zoom_event
from bench.sync import LEADS, portal

WORKERS = (1, 2, 4)
EVERY = 0.5
"""Seconds between two webhooks."""

UP = sa.text(
    "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '10 seconds'"
)
SCORED = sa.text("""
    SELECT DISTINCT identity.value FROM identity JOIN score USING (person_id)
    WHERE vendor = 'any' AND kind = 'email' AND identity.value = ANY(:emails)
""")


@dataclass(slots=True)
class Visitors:
    """People who come by webhook during the bulk: when each came, and how long it took to their score."""

    came: dict[str, float] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    next_at: float = 0.0

    def look(self, services: Services, *, bulk: bool) -> None:
        """Let the next one in when it is time, and see who has a score by now."""
        now = time.monotonic()
        if bulk and now >= self.next_at:
            self.next_at = now + EVERY
            event = zoom_event(next(self.numbers), time.time(), name="visita")
            with services.database.begin() as conn:
                inbox.land(conn, "zoom", json.dumps(event).encode(), services.clock())
            self.came[event["payload"]["object"]["participant"]["email"]] = now
        with services.database.connect() as conn:
            for email in conn.scalars(SCORED, {"emails": list(self.came)}).all():
                self.waits.append(time.monotonic() - self.came.pop(email))


def run(ground: Ground) -> Iterator[Figure]:
    """Every number of workers over the same portal, each time from nothing."""
    with portal(ground, LEADS) as url:
        for workers in WORKERS:
            yield from _measure(ground, url, workers)


def _measure(ground: Ground, url: str, workers: int) -> Iterator[Figure]:
    environ = environment(ground.fresh_database(), ground.settings(url))
    services = make_services(load_settings(environ), environ["DATABASE_URL"])
    visitors = Visitors()
    with ExitStack() as stack:
        running = [stack.enter_context(ground.worker(environ)) for _ in range(workers)]
        wait_for("the workers", lambda: _number(services, UP) >= workers)
        make_line(services).defer("sync")
        began = time.monotonic()
        synced = _until(services, visitors, read_all=True) - began
        scored = _until(services, visitors, read_all=False) - began
        wait_for("the last webhooks", lambda: visitors.look(services, bulk=False) or not visitors.came)
        weight = max(resident(each.pid) for each in running)
    with services.database.connect() as conn:
        contacts = conn.scalar(sa.text("SELECT count(*) FROM profile WHERE source = 'hubspot'")) or 0
    services.database.dispose()
    name = f"workers: {workers}"
    read = f"read in {synced:.0f} s, all scored after {scored:.0f} s, {weight:.0f} MB each"
    yield Figure(f"{name}, {contacts:,} contacts to scores", f"{contacts / scored:,.0f} /s ({read})")
    p50, p95 = (percentile(visitors.waits, share) for share in (0.5, 0.95))
    shown = f"p50 {p50:.1f} s, p95 {p95:.1f} s of {len(visitors.waits)}"
    yield Figure(f"{name}, webhook to score meanwhile", shown, target="p95 ≤ 5 s")


def _until(services: Services, visitors: Visitors, *, read_all: bool) -> float:
    """When everything was read, or after that scored, while visitors come."""
    limit = time.monotonic() + 1_800
    while time.monotonic() < limit:
        visitors.look(services, bulk=True)
        with services.database.connect() as conn:
            last = runs.last(conn, "sync hubspot")
            is_read = last is not None and bool((last.result or {}).get("complete"))
            if is_read and (read_all or _bulk_left(conn) == 0):
                return time.monotonic()
        time.sleep(0.05)
    raise TimeoutError("the sync did not come to its end: see the workers' logs")


def _bulk_left(conn: sa.Connection) -> int:
    return conn.scalar(sa.text("SELECT count(*) FROM touched WHERE NOT hot")) or 0


def _number(services: Services, statement: sa.TextClause) -> int:
    with services.database.connect() as conn:
        return int(conn.scalar(statement) or 0)
