"""Scores of leads whose facts changed: leads per second at two sizes, and where the time goes."""

from __future__ import annotations

import cProfile
import os
import pstats
import time
from collections.abc import Iterator

from app.config import load_settings
from app.pipeline import understand
from app.services import Services
from app.wiring import make_services
from bench import crowd
from bench.figures import Figure
from bench.ground import Ground, environment

SIZES = tuple(int(size) for size in os.environ.get("BENCH_RESCORE", "10000,50000").split(","))

SHOWN = 14
"""How many of the dearest functions are named."""


def run(ground: Ground) -> Iterator[Figure]:
    """The first pass writes everything; the second, as every day's, finds most of it as it was."""
    for size in SIZES:
        url = ground.fresh_database()
        services = make_services(load_settings(environment(url, ground.settings())), url)
        now = services.clock()
        seen = crowd.fill(services, size, now)
        name = f"rescore: {size:,} leads with {seen / size:.1f} observations each"
        yield Figure(f"{name}, first time", f"{_rate(services, size):,.0f} leads/s")
        after, began, leads, more = 0, time.perf_counter(), 0, True
        while more:
            done, after = understand.rescore_after(services, after, now)
            leads, more = leads + done.leads, done.more
        yield Figure(f"{name}, again", f"{leads / (time.perf_counter() - began):,.0f} leads/s")
        services.database.dispose()
    yield _shares(ground)


def _rate(services: Services, size: int) -> float:
    began = time.perf_counter()
    while understand.rescore_touched(services, services.clock()).more:
        pass
    return size / (time.perf_counter() - began)


def _shares(ground: Ground) -> Figure:
    """The dearest functions of ours, each with what it calls, by the profiler, which favours waiting."""
    url, size = ground.fresh_database(), min(SIZES)
    services = make_services(load_settings(environment(url, ground.settings())), url)
    crowd.fill(services, size, services.clock())
    profiler = cProfile.Profile()
    profiler.runcall(_rate, services, size)
    services.database.dispose()
    profile = pstats.Stats(profiler).get_stats_profile()
    ours = [
        (each.cumtime, name)
        for name, each in profile.func_profiles.items()
        if "/app/" in each.file_name and not name.startswith("<")
    ]
    parts = [f"{name} {seconds / profile.total_tt:.0%}" for seconds, name in sorted(ours, reverse=True)]
    return Figure("rescore: where the first time goes", ", ".join(parts[:SHOWN]))
