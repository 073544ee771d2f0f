"""What the operator should know of the work: what waits, what was refused, what a person must decide."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from app.domain.bill import tell_standing
from app.domain.changes import Problem
from app.pipeline import release, steps
from app.pipeline.bill import bill_now
from app.pipeline.counts import count_problems, counts_now
from app.pipeline.experiment import experiment_problems, experiment_state
from app.pipeline.gone import gone_problems
from app.pipeline.through import through_in_words, through_problems
from app.services import Services
from app.store import (
    activities,
    freshness,
    inbox,
    job_rows,
    ledger,
    migrate,
    people,
    plans,
    quarantine,
    runs,
    switches,
    work_list,
)

OLDEST_DELIVERY = timedelta(minutes=10)
"""A delivery that waits longer than this means that no worker works."""


def work_state(conn: sa.Connection, services: Services, now: datetime) -> dict[str, object]:
    """The work in numbers."""
    waiting, oldest = inbox.waiting(conn)
    last = {source: runs.last(conn, f"sync {source}") for source in services.sources}
    return {
        "schema": migrate.standing(services.database),
        "deliveries waiting": waiting,
        "oldest delivery": oldest,
        "leads to score": people.any_touched(conn),
        "activities": activities.count(conn),
        "records held": quarantine.count_open(conn),
        "leads waiting for a write": work_list.count(conn),
        "webhook to HubSpot, last day": str(freshness.measure(conn, now - timedelta(days=1))),
        "marketing contacts": tell_standing(bill_now(services, conn)),
        "pulled activity to HubSpot, last day": str(freshness.measure_pulled(conn, now - timedelta(days=1))),
        "mailed by HubSpot": _mailed(conn),
        "experiment": experiment_state(conn, services, now),
        "jobs": job_rows.count_by_state(conn),
        "published ends": {end.what: end.ends_on.isoformat() for end in services.ends},
        "counted": counts_now(conn, services),
        "data through": through_in_words(conn, services),
        "last sync": {source: run.finished_at for source, run in last.items() if run is not None},
    }


def work_problems(conn: sa.Connection, services: Services, now: datetime) -> Iterator[Problem]:
    """What stops or stands still, and what a person must decide."""
    yield from _held_up(conn, services, now)
    yield from _for_a_person(conn, services, now)
    yield from _of_another_release(conn, services)
    yield from count_problems(conn, services)
    yield from through_problems(conn, services, now)
    yield from experiment_problems(conn, services)
    yield from gone_problems(conn)


def _mailed(conn: sa.Connection) -> str:
    """Whom the portal mails, as far as the gate is concerned."""
    known = release.knows_marketing(conn)
    if known is None:
        return "not looked at yet: python -m jobs write_back"
    if known:
        return "marketing contacts who neither opted out nor bounced"
    return "whoever neither opted out nor bounced: this portal has no marketing contacts"


def _held_up(conn: sa.Connection, services: Services, now: datetime) -> Iterator[Problem]:
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
    for name in services.sources:
        run = runs.last(conn, f"sync {name}")
        if run is not None and run.error:
            message = f"the last pull failed ({run.error}): mend that, then python -m jobs sync"
            yield Problem("warning", name, message)


def _for_a_person(conn: sa.Connection, services: Services, now: datetime) -> Iterator[Problem]:
    if paused := switches.read(conn, "paused"):
        message = f"paused since {paused.set_at:%Y-%m-%d %H:%M} UTC ({paused.value}): python -m jobs resume"
        yield Problem("warning", "writes", message)
    if not release.is_released(conn, services) and plans.count_released(conn):
        message = "are new: nobody is enrolled or tasked by them before python -m jobs write_back --enrol"
        yield Problem("warning", "rules", message)
    stored = plans.last_waiting(conn, now)
    if stored is not None and stored.plan.unsafe:
        reasons = "; ".join(stored.plan.unsafe)
        name = stored.plan.fingerprint
        command = "write_back" if stored.undoes is None else f"undo {stored.undoes}"
        message = (
            f"{name} waits for you ({reasons}): python -m jobs {command} shows what stands now, "
            f"with --apply {name} it carries this out"
        )
        yield Problem("warning", "plan", message)


def _of_another_release(conn: sa.Connection, services: Services) -> Iterator[Problem]:
    """What tells that another release than this one was here."""
    if migrate.standing(services.database) == "newer":
        message = "is newer than the code: fine after a rollback by one release, not by more"
        yield Problem("warning", "schema", message)
    if unknown := job_rows.unknown_steps(conn, steps.NAMES):
        message = f"{', '.join(unknown)} wait for a release that knows them: deploy it, or leave them be"
        yield Problem("warning", "jobs", message)
