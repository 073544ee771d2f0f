"""Scores again: all leads hours later, those of whom something else is printed, those with new facts, one.

`BENCH_RESCORE` names the sizes. The store is filled outside what is measured; a model of the dearest kind
scores. Memory is that of the job's own process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import median

import sqlalchemy as sa

from app.pipeline.understand import rescore_due, rescore_touched
from app.services import Services
from app.wiring import open_services
from bench import multitude
from bench.figures import Figure
from bench.ground import ROOT, Ground, environment

SIZES = tuple(int(size) for size in os.environ.get("BENCH_RESCORE", "10000,100000").split(","))
BASE = min(*SIZES, 10_000) if len(SIZES) > 1 else min(SIZES[0], 10_000)
"""Leads that come through the line; the others are copies of them."""

SINGLES = 30
SAY_OTHERWISE = sa.text("""
    UPDATE standing SET method = 'model 0', due_at = :now WHERE person_id IN (
        SELECT person_id FROM standing ORDER BY person_id DESC LIMIT :leads)
""")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a job of its own process took and said."""

    seconds: float
    processor: float
    peak_mb: float
    said: Mapping[str, int]


def run(ground: Ground) -> Iterator[Figure]:
    """A table in which cost stands beside how many leads there are and how many changed."""
    url, settings = ground.fresh_database(), ground.settings()
    environ = environment(url, settings)
    with open_services(environ) as services:
        multitude.people_the_line(services, BASE, services.clock())
        yield from _facts_changed(services)
        yield from _one(services)
        copied = 0
        for size in SIZES:
            copied = multitude.multiply(services, BASE, size, copied) if size > BASE else copied
            yield from _time_passed(services, environ, size)


def _time_passed(services: Services, environ: Mapping[str, str], size: int) -> Iterator[Figure]:
    for name, days in (("five hours later", 0.2), ("at once again", 0.2)):
        ran = _job(environ, "rescore", "--all", "--days-ahead", str(days), "--json")
        ours = (
            f"{ran.seconds:.1f} s ({ran.processor:.1f} s of processor), {ran.peak_mb:.0f} MB, "
            f"{ran.said['changed']:,} changed"
        )
        target = "60 s, 400 MB" if size == 1_000_000 else ""
        yield Figure(f"rescore: all {size:,} leads, {name}", ours, target=target)
    for leads in (size // 100, size // 10):
        with services.database.begin() as conn:
            conn.execute(SAY_OTHERWISE, {"now": services.clock(), "leads": leads})
        began, done, changed = time.perf_counter(), 0, 0
        while (part := rescore_due(services, services.clock())).leads:
            done, changed = done + part.leads, changed + part.changed
        ours = f"{time.perf_counter() - began:.1f} s, {changed:,} of {done:,} changed"
        target = "60 s" if leads == 100_000 else ""
        yield Figure(f"rescore: {leads:,} of {size:,} due, each with a receipt", ours, target=target)


def _facts_changed(services: Services) -> Iterator[Figure]:
    now = services.clock()
    for first in range(0, BASE, 1_000):
        acts = [multitude.act_of(n, "new", now) for n in range(first, min(first + 1_000, BASE))]
        multitude.keep(services, acts, now)
    began, worked, leads, changed = time.perf_counter(), time.process_time(), 0, 0
    while (part := rescore_touched(services, now)).leads:
        leads, changed = leads + part.leads, changed + part.changed
    took, worked = time.perf_counter() - began, time.process_time() - worked
    ours = f"{took:.1f} s ({worked:.1f} s of processor), {changed:,} changed"
    target = "8 s" if leads == 10_000 else ""
    yield Figure(f"rescore: {leads:,} leads whose facts changed, with receipts", ours, target=target)


def _one(services: Services) -> Iterator[Figure]:
    took = [_single(services, number, services.clock()) for number in range(SINGLES)]
    ours = f"{1000 * median(took):.0f} ms of processor (slowest of {SINGLES}: {1000 * max(took):.0f} ms)"
    yield Figure("rescore: one lead whose facts changed", ours, target="50 ms")


def _single(services: Services, number: int, now: datetime) -> float:
    multitude.keep(services, [multitude.act_of(number, f"alone{now.isoformat()}", now)], now)
    began = time.process_time()
    rescore_touched(services, now)
    return time.process_time() - began


def _job(environ: Mapping[str, str], *arguments: str) -> Ran:
    began = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", "jobs", *arguments],
        cwd=ROOT,
        env=dict(environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    told = child.stdout.read() if child.stdout else b""
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"jobs {' '.join(arguments)} ended with {child.returncode}")
    seconds = time.perf_counter() - began
    return Ran(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, json.loads(told))
