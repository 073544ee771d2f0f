"""What the operator should know of the processes: do they live, are they too large, can they all connect."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from app.domain.changes import Problem
from app.services import Services
from app.store import job_rows, processes, vital_signs

CONNECTIONS = {"web": 5, "worker": 9, "clock": 1}
"""Database connections each process may open: 15 in all, where the smallest plans allow about 20."""

MOST_MB = {"web": 100, "worker": 400, "clock": 120}
"""What each process needs at most, as README promises; a basic dyno has 512."""

WORKER_SILENCE = timedelta(seconds=30)
"""A worker gives a sign of life every three seconds."""

CLOCK_SILENCE = timedelta(minutes=5)
"""Beyond the interval of the step that is asked for most often."""


def vital_state(conn: sa.Connection, now: datetime) -> dict[str, object]:
    """The processes in numbers."""
    return {
        "connections": CONNECTIONS,
        "connections allowed": vital_signs.connections_allowed(conn),
        "memory": processes.memory(conn, now),
    }


def vital_problems(conn: sa.Connection, services: Services, now: datetime) -> Iterator[Problem]:
    """While no vendor is on there is nothing to do, and nobody need be there to do it."""
    if services.sources or services.webhooks:
        yield from _silent(conn, services, now)
    for kind, rss in vital_signs.largest_mb(conn, now).items():
        if rss > MOST_MB.get(kind, rss):
            message = (
                f"needs {rss:.0f} MB where {MOST_MB[kind]} are enough: restart it; report it if it grows"
            )
            yield Problem("warning", kind, message)
    needed, allowed = sum(CONNECTIONS.values()), vital_signs.connections_allowed(conn)
    if allowed < needed:
        message = (
            f"takes {allowed} connections, Savia's processes open up to {needed}: raise the role's or the "
            "database's limit, or take a larger plan"
        )
        yield Problem("warning", "connections", message)


def _silent(conn: sa.Connection, services: Services, now: datetime) -> Iterator[Problem]:
    beat = job_rows.newest_heartbeat(conn)
    if beat is None or now - beat > WORKER_SILENCE:
        seen = "has never run" if beat is None else f"gives no sign of life since {beat:%Y-%m-%d %H:%M} UTC"
        message = f"{seen}: start it (heroku ps:scale worker=1, or python -m jobs all) and read its log"
        yield Problem("error", "worker", message)
    schedule = services.settings.schedule
    often = min(schedule.sync_minutes, schedule.rescore_minutes, schedule.write_back_minutes)
    fired = vital_signs.last_fired(conn)
    if fired is None or now - fired > timedelta(minutes=often) + CLOCK_SILENCE:
        seen = (
            "has never asked" if fired is None else f"has asked for nothing since {fired:%Y-%m-%d %H:%M} UTC"
        )
        message = f"{seen}: start it (heroku ps:scale clock=1, or python -m jobs all) and read its log"
        yield Problem("error", "clock", message)
