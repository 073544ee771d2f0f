"""The line as jobs: each step does one lot and names the steps to run next. Called by the engine alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.domain.errors import SaviaError
from app.pipeline.absorb import absorb as absorb_lot
from app.pipeline.absorb import reread_contacts
from app.pipeline.apply import Applied, apply_plan, writing
from app.pipeline.pull import pull_source
from app.pipeline.understand import rescore_after, rescore_touched
from app.pipeline.write_back import show_plan
from app.services import Services
from app.store import facts, inbox, people, plans, runs

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Report:
    """What a run did, filled in as it goes."""

    result: dict[str, Any] = field(default_factory=dict)


@contextmanager
def recorded(services: Services, job: str, now: datetime) -> Iterator[tuple[int, Report]]:
    """A run record around a piece of work: started, finished, what it did, or why it stopped."""
    with services.database.begin() as conn:
        run_id = runs.start(conn, job, now)
    report = Report()
    error: str | None = None
    try:
        yield run_id, report
    except SaviaError as reason:
        error = str(reason)
        raise
    finally:
        with services.database.begin() as conn:
            runs.finish(conn, run_id, services.clock(), result=report.result, error=error)


def absorb(services: Services, now: datetime) -> list[str]:
    """Deliveries that wait become facts; contacts that HubSpot named are read again."""
    with recorded(services, "absorb", now) as (_, report):
        done = absorb_lot(services, now)
        again = reread_contacts(services, now)
        report.result = {**done.numbers(), "reread": again.records}
    more = ["absorb"] if done.more or again.more else []
    return [*more, "rescore"] if done.touched or again.touched else more


def rescore(services: Services, now: datetime) -> list[str]:
    """The leads whose facts changed get a new score."""
    with recorded(services, "rescore", now) as (_, report):
        done = rescore_touched(services, now)
        report.result = {"leads": done.leads, "changed": done.changed}
    return ["rescore", "write_back"] if done.more else ["write_back"]


def decay(services: Services, now: datetime) -> list[str]:
    """Every lead is scored again, since time alone moves a score; those that moved wait for a write."""
    after, leads, changed, more = 0, 0, 0, True
    with recorded(services, "decay", now) as (_, report):
        while more:
            done, after = rescore_after(services, after, now)
            leads, changed, more = leads + done.leads, changed + done.changed, done.more
        report.result = {"leads": leads, "changed": changed}
    return ["write_back"] if changed else []


def sync(services: Services, now: datetime) -> list[str]:
    """Every source is pulled. One that is away does not keep the others from their turn."""
    problem: SaviaError | None = None
    for source in services.sources:
        try:
            pull_source(services, source, now)
        except SaviaError as reason:
            problem = reason
    if problem is not None:
        raise problem
    return ["rescore"]


def write_back(services: Services, now: datetime) -> list[str]:
    """Plans that were interrupted are finished; then, where allowed, the current plan is applied."""
    with writing(services), recorded(services, "write_back", now) as (run_id, report):
        with services.database.begin() as conn:
            unfinished = plans.interrupted(conn)
        for fingerprint in unfinished:
            _note(report, apply_plan(services, fingerprint, now, released=True, run_id=run_id))
        if not services.settings.write_back.unattended or services.destination is None:
            return []
        shown = show_plan(services, now, run_id=run_id)
        report.result |= {
            "leads": shown.leads,
            "plan": shown.plan.fingerprint,
            "counts": dict(shown.plan.counts),
        }
        if not shown.plan.changes:
            return []
        _note(report, apply_plan(services, shown.plan.fingerprint, now, released=False, run_id=run_id))
    return ["write_back"] if shown.more else []


def _note(report: Report, applied: Applied) -> None:
    report.result |= {"done": dict(applied.done), "rejected": dict(applied.rejected)}


def waiting(services: Services) -> list[str]:
    """The steps that the store shows to have work: an enqueue that was lost loses nothing."""
    with services.database.begin() as conn:
        checks: dict[str, Callable[[], bool]] = {
            "absorb": lambda: inbox.waiting(conn)[0] > 0 or facts.any_hint(conn),
            "rescore": lambda: people.any_touched(conn),
        }
        return [name for name, has_work in checks.items() if has_work()]
