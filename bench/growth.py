"""What the database weighs: bytes per million activities, and the tables after ten thousand jobs."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial

import sqlalchemy as sa

from app.config import load_settings
from app.engine import Engine, Step
from app.pipeline.run_record import recorded
from app.pipeline.understand import rescore_touched
from app.services import Services
from app.store import activities, job_rows
from app.wiring import make_services
from bench import crowd
from bench.figures import Figure
from bench.ground import MB, Ground, environment

LEADS = 20_000
JOBS = 10_000
AT_ONCE = 4
SIZES = sa.text("""
    SELECT relname, pg_total_relation_size(oid) AS bytes FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY bytes DESC, relname
""")
FACTS = ("observation", "activity")
LEAD_TABLES = ("person", "identity", "profile", "feature", "score", "unwritten", "touched")


def run(ground: Ground) -> Iterator[Figure]:
    """Facts first, then jobs, each in a database of its own."""
    yield from _facts(ground)
    yield from _jobs(ground)


def _facts(ground: Ground) -> Iterator[Figure]:
    services = _services(ground)
    before = _sizes(services)
    observations = crowd.fill(services, LEADS, services.clock())
    while rescore_touched(services, services.clock()).more:
        pass
    after = _sizes(services)
    with services.database.connect() as conn:
        count = activities.count(conn)
    services.database.dispose()
    grown = {table: after[table] - before[table] for table in after}
    seen = f"extrapolated from {count:,} activities of {observations:,} observations"
    parts = ", ".join(f"{table} {1e6 * grown[table] / count / MB:,.0f} MB" for table in FACTS)
    total = sum(grown[table] for table in FACTS) / count
    yield Figure(f"growth: a million activities, {seen}", f"{1e6 * total / MB:,.0f} MB ({parts})")
    parts = ", ".join(f"{table} {grown[table] / LEADS:,.0f}" for table in LEAD_TABLES if grown[table])
    total = sum(grown[table] for table in LEAD_TABLES) / LEADS
    yield Figure(f"growth: bytes a lead, {LEADS:,} leads scored once", f"{total:,.0f} ({parts})")


def _jobs(ground: Ground) -> Iterator[Figure]:
    """Four steps that do nothing but record their run and ask for themselves again, on the real engine."""
    services = _services(ground)
    before, turns = _sizes(services), itertools.count(1)

    def turn(name: str, now: datetime) -> list[str]:
        with recorded(services, name, now):
            if next(turns) == JOBS:
                os.kill(os.getpid(), signal.SIGTERM)  # how a worker is asked to stop
        return [name]

    names = [f"turn {number}" for number in range(AT_ONCE)]
    engine = Engine(
        services.database, [Step(name, partial(turn, name)) for name in names], lambda: names, services.clock
    )
    began = time.perf_counter()
    engine.work(concurrency=AT_ONCE)
    took = time.perf_counter() - began
    after = _sizes(services)
    with services.database.connect() as conn:
        left = sum(job_rows.count_by_state(conn).values())
    services.database.dispose()
    grown = {table: after[table] - before[table] for table in after if after[table] > before[table]}
    queue = {table: size for table, size in grown.items() if table.startswith("procrastinate")}
    size = f"{sum(queue.values()) / MB:.1f} MB, {left} rows left ({_named(queue)})"
    yield Figure(f"growth: queue tables after {JOBS:,} jobs, never vacuumed by hand", size)
    others = {table: size for table, size in grown.items() if table not in queue}
    yield Figure(f"growth: other tables after {JOBS:,} jobs", _named(others))
    yield Figure(f"engine: steps that do nothing, {AT_ONCE} at once", f"{JOBS / took:,.0f} jobs/s")


def _named(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{table} {size / MB:.1f} MB" for table, size in sorted(sizes.items()))


def _services(ground: Ground) -> Services:
    url = ground.fresh_database()
    return make_services(load_settings(environment(url, ground.settings(), with_hubspot=False)), url)


def _sizes(services: Services) -> dict[str, int]:
    with services.database.connect() as conn:
        return {table: size for table, size in conn.execute(SIZES).tuples()}  # noqa: C416  dict() has no types here
