"""The operator's one screen: what is on, what waits, what is wrong and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from app.domain.changes import Problem
from app.domain.deprecations import end_problems
from app.domain.desired import wanted_schema
from app.domain.errors import SaviaError
from app.pipeline import release
from app.pipeline.counts import count_problems, counts_now
from app.pipeline.score_checkup import score_problems, score_state
from app.services import Services
from app.store import (
    activities,
    experiments,
    freshness,
    inbox,
    job_rows,
    ledger,
    migrate,
    mirror,
    people,
    plans,
    processes,
    quarantine,
    runs,
    switches,
)

OLDEST_DELIVERY = timedelta(minutes=10)
"""A delivery that waits longer than this means that no worker works."""

LONGEST_SILENCE = timedelta(days=7)
"""A week without a delivery of a vendor that is on is worth a look; fewer days can be a holiday."""

CONNECTIONS = {"web": 5, "worker": 9, "clock": 1}
"""Database connections each process may open: 15 in all, where the smallest plans allow about 20."""


@dataclass(frozen=True, slots=True)
class Checkup:
    """The state in numbers and the problems, worst first."""

    state: dict[str, object]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that stop work."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def cannot_start(self) -> tuple[Problem, ...]:
        """The errors without whose mending no process can do anything."""
        return tuple(problem for problem in self.errors if problem.subject == "database")


def check_up(services: Services, now: datetime, *, ask_vendors: bool = True) -> Checkup:
    """Look at the store and, unless told not to, ask each vendor one cheap question."""
    problems = list(_off(services))
    state: dict[str, object] = {"connections": CONNECTIONS}
    try:
        with services.database.connect() as conn:
            state |= _store_state(conn, services, now)
            problems += _store_problems(conn, services, now)
            problems += score_problems(conn, services)
            problems += _silent(conn, services, now)
            problems += count_problems(conn, services)
    except sa.exc.OperationalError:
        problems.append(Problem("error", "database", "does not answer: see DATABASE_URL and its server"))
    except sa.exc.ProgrammingError:
        problems.append(Problem("error", "database", "has not our tables: python -m jobs migrate"))
    problems += end_problems(services.ends, now.date())
    if ask_vendors:
        problems += _vendor_problems(services)
    return Checkup(state, tuple(sorted(problems, key=lambda item: (item.severity, item.subject))))


def _off(services: Services) -> Iterator[Problem]:
    for vendor, names in services.off.items():
        yield Problem("warning", vendor, f"is off: set {', '.join(names)}")


def _store_state(conn: sa.Connection, services: Services, now: datetime) -> dict[str, object]:
    waiting, oldest = inbox.waiting(conn)
    last = {source: runs.last(conn, f"sync {source}") for source in services.sources}
    return {
        "migrations at head": migrate.at_head(services.database),
        "deliveries waiting": waiting,
        "oldest delivery": oldest,
        "leads to score": people.any_touched(conn),
        "activities": activities.count(conn),
        "records held": quarantine.count_open(conn),
        "leads waiting for a write": mirror.count_waiting(conn),
        "webhook to HubSpot, last day": str(freshness.measure(conn, now - timedelta(days=1))),
        "experiment": _experiment(conn),
        "jobs": job_rows.count_by_state(conn),
        **score_state(conn),
        "memory": processes.memory(conn, now),
        "last delivery": {name: inbox.last_received(conn, name) for name in services.webhooks},
        "published ends": {end.what: end.ends_on.isoformat() for end in services.ends},
        "counted": counts_now(conn, services),
        "last sync": {source: run.finished_at for source, run in last.items() if run is not None},
    }


def _experiment(conn: sa.Connection) -> str:
    trial = experiments.running(conn)
    if trial is None:
        return "none"
    return f"{trial.holdout_share:.0%} held out since {trial.started_at:%Y-%m-%d}, for {trial.outcome}"


def _store_problems(conn: sa.Connection, services: Services, now: datetime) -> Iterator[Problem]:
    _, oldest = inbox.waiting(conn)
    if oldest is not None and now - oldest > OLDEST_DELIVERY:
        yield Problem("error", "inbox", f"deliveries wait since {oldest:%H:%M}: is a worker running?")
    if held := quarantine.count_open(conn):
        yield Problem("warning", "quarantine", f"{held} records could not be used: python -m jobs quarantine")
    if dead := job_rows.count_by_state(conn).get("failed", 0):
        yield Problem(
            "error", "jobs", f"{dead} dead letters: read the worker's log, mend, then run the job by hand"
        )
    if refused := ledger.rejected_count(conn, now - timedelta(days=1)):
        yield Problem(
            "warning", "HubSpot", f"refused {refused} writes since yesterday: python -m jobs explain EMAIL"
        )
    if paused := switches.read(conn, "paused"):
        message = f"paused since {paused.set_at:%Y-%m-%d %H:%M} UTC ({paused.value}): python -m jobs resume"
        yield Problem("warning", "writes", message)
    if not release.is_released(conn, services) and plans.count_released(conn):
        message = "are new: nobody is enrolled or tasked by them before python -m jobs write_back --enrol"
        yield Problem("warning", "rules", message)
    stored = plans.last_waiting(conn)
    if stored is not None and stored.plan.unsafe:
        reasons = "; ".join(stored.plan.unsafe)
        message = f"{stored.plan.fingerprint} waits for you ({reasons}): python -m jobs write_back"
        yield Problem("warning", "plan", message)


def _silent(conn: sa.Connection, services: Services, now: datetime) -> Iterator[Problem]:
    """Webhooks that are on and deliver nothing: often an address that was never registered."""
    for name in services.webhooks:
        last = inbox.last_received(conn, name)
        if last is None:
            message = "webhooks are on and nothing was ever delivered: see /setup for the address to register"
            yield Problem("warning", name, message)
        elif now - last > LONGEST_SILENCE:
            yield Problem("warning", name, f"nothing was delivered since {last:%Y-%m-%d}: is the webhook on?")


def _vendor_problems(services: Services) -> Iterator[Problem]:
    if services.texts is not None:
        try:
            yield from services.texts.check()
        except SaviaError as reason:
            yield Problem("warning", "OpenAI", str(reason))
    for name, source in services.sources.items():
        try:
            yield from source.check()
        except SaviaError as reason:
            yield Problem("error", name, str(reason))
    if services.destination is not None:
        wanted = wanted_schema(services.mappings.hubspot, services.settings.language)
        try:
            problems, missing = services.destination.check(wanted)
        except SaviaError as reason:
            yield Problem("error", services.destination.name, str(reason))
            return
        yield from problems
        if missing:
            message = f"{len(missing)} properties or lists are missing: the next plan makes them"
            yield Problem("warning", services.destination.name, message)
