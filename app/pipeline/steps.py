"""The line as jobs: each step does one lot and names the steps to run next. Called by the engine alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.domain.errors import SaviaError, UnsafePlan
from app.pipeline.absorb import Absorbed, reread_contacts
from app.pipeline.absorb import absorb as absorb_lot
from app.pipeline.apply import apply_plan, writing
from app.pipeline.bands import renew_spread
from app.pipeline.pull import pull_round
from app.pipeline.texts import read_new_texts
from app.pipeline.understand import rescore_due, rescore_touched
from app.pipeline.write_back import Shown, show_plan
from app.services import Services
from app.store import (
    hints,
    inbox,
    mirror,
    models,
    plans,
    processes,
    runs,
    switches,
    touched,
    writer,
)
from app.store.tidy import LOT, clear_old

log = logging.getLogger(__name__)

LONGEST_STEP = timedelta(seconds=6)
"""A step that has more to do hands over after this: SIGTERM is obeyed and other work gets its turn."""

LOOK_FOR_HOT = 0.25
"""Seconds between two looks for hot leads while a large plan is made."""

NAMES = (
    "absorb", "reread", "rescore", "write_back", "read_texts", "sync", "decay", "watch", "report_memory",
    "tidy",
)  # fmt: skip
"""The steps this release knows."""

WATCH_EVERY = timedelta(days=1)


@dataclass(slots=True)
class Report:
    """What a run did, filled in as it goes. One that is `empty` in the end, having found nothing to do, is
    not kept: two workers may see the same work, and one of them comes too late for it.
    """

    result: dict[str, Any] = field(default_factory=dict)
    empty: bool = False


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
    except Exception as reason:
        error = type(reason).__name__  # its text may hold personal data
        raise
    finally:
        with services.database.begin() as conn:
            if report.empty and error is None:
                runs.drop(conn, run_id)
            else:
                runs.finish(conn, run_id, services.clock(), result=report.result, error=error)


def absorb(services: Services, now: datetime) -> list[str]:
    """Deliveries that wait become facts."""
    with recorded(services, "absorb", now) as (_, report):
        done = absorb_lot(services, now)
        report.result, report.empty = done.numbers(), not done.records
    return _after_facts(services, "absorb", done)


def reread(services: Services, now: datetime) -> list[str]:
    """Contacts that HubSpot named are read again. A step of its own: while HubSpot refuses it, what other
    vendors deliver goes on.
    """
    with recorded(services, "reread", now) as (_, report):
        done = reread_contacts(services, now)
        report.result, report.empty = done.numbers(), not done.records
    return _after_facts(services, "reread", done)


def _after_facts(services: Services, name: str, done: Absorbed) -> list[str]:
    more = [name] if done.more else []
    return [*more, "rescore", *_reading(services)] if done.touched else more


def rescore(services: Services, now: datetime) -> list[str]:
    """The leads whose facts changed get a new score."""
    with recorded(services, "rescore", now) as (_, report):
        done = rescore_touched(services, now)
        report.result = {"leads": done.leads, "changed": done.changed}
        report.empty = not done.leads
    return ["rescore", "write_back"] if done.more else ["write_back"]


def decay(services: Services, now: datetime) -> list[str]:
    """Leads of whose score time alone changed what is printed are scored again; then all are counted."""
    out_of_time = _out_of_time(services)
    leads, changed, moved, more = 0, 0, 0, True
    with recorded(services, "decay", now) as (_, report):
        while more and not out_of_time():
            done = rescore_due(services, now)
            leads, changed, more = leads + done.leads, changed + done.changed, done.more
        if not more:
            with services.database.begin() as conn:
                moved = renew_spread(services, conn, now)
        report.result = {"leads": leads, "changed": changed, "other bands": moved}
    following = ["decay"] if more or moved else ["watch"]
    return [*following, *(["write_back"] if changed else [])]


def watch(services: Services, now: datetime) -> list[str]:
    """Once a day the model that scores is looked at: drift, calibration, sales' answers."""
    with services.database.connect() as conn:
        stored = models.champion(conn)
    if stored is None or (stored.watched_at is not None and now - stored.watched_at < WATCH_EVERY):
        return []
    from app.pipeline.model_watch import (
        watch as watch_model,
    )  # where points score no numbers package is loaded

    with recorded(services, "watch", now) as (_, report):
        seen = watch_model(services, now)
        report.result = {"alarms": seen["alarms"] if seen else []}
    return []


def sync(services: Services, now: datetime) -> list[str]:
    """Every source is pulled, some seconds at a time. One that is away keeps no other from its turn."""
    complete = pull_round(services, now, _out_of_time(services))
    return [*([] if complete else ["sync"]), "rescore", *_reading(services)]


def _reading(services: Services) -> list[str]:
    return ["read_texts"] if services.texts is not None else []


def read_texts(services: Services, now: datetime) -> list[str]:
    """What leads wrote is read by the vendor, one call's worth; whose readings are new is scored again."""
    with recorded(services, "read_texts", now) as (_, report):
        done = read_new_texts(services, now)
        report.result = {"asked": done.asked, "known": done.known, "refused": done.refused}
    return [*(["rescore"] if done.touched else []), *(["read_texts"] if done.more else [])]


def report_memory(services: Services, now: datetime) -> list[str]:
    """The worker says what it needs in memory, for `check`."""
    with services.database.begin() as conn:
        processes.say(conn, "worker", now)
    return []


def tidy(services: Services, now: datetime) -> list[str]:
    """What is finished and old enough is cleared."""
    with recorded(services, "tidy", now) as (_, report), services.database.begin() as conn:
        report.result = clear_old(conn, services.settings.keep.model_dump(), now)
    return ["tidy"] if any(count >= LOT for count in report.result.values()) else []


def _out_of_time(services: Services) -> Callable[[], bool]:
    ends = services.clock() + LONGEST_STEP
    return lambda: services.clock() > ends


def write_back(services: Services, now: datetime) -> list[str]:
    """What webhooks brought is written first; then a plan that was interrupted, then what else waits.

    Raises UnsafePlan, once for each plan, when the current one waits for a person; an interrupted one, being
    released, does not. While writes are paused it does nothing.
    """
    if services.destination is None or _paused(services):
        return []
    try:
        return _write_turn(services, now)
    except UnsafePlan as waits:
        with services.database.begin() as conn:
            if not plans.alert_once(conn, waits.fingerprint, now):
                return []
        raise


def _write_turn(services: Services, now: datetime) -> list[str]:
    unattended = services.settings.write_back.unattended
    with writing(services) as fence, recorded(services, "write_back", now) as (run_id, report):
        turn = _Turn(services, fence, run_id, report)
        report.empty = True
        with services.database.begin() as conn:
            unfinished = plans.interrupted(conn)
            hot = mirror.any_hot(conn) and not plans.setup_left(conn)
        waits: UnsafePlan | None = None
        if hot and unattended:
            try:
                turn.write_current(now)
            except UnsafePlan as reason:
                waits = reason
            else:
                return ["write_back"]
        if unfinished:
            turn.carry_on(unfinished[0], give_way=hot and unattended and waits is None)
            return ["write_back"]
        if waits is not None:
            raise waits
        more = unattended and turn.write_rest(now)
    return ["write_back"] if more else []


def _paused(services: Services) -> bool:
    with services.database.connect() as conn:
        return switches.read(conn, "paused") is not None


@dataclass(frozen=True, slots=True)
class _Turn:
    """One turn of writing: under which fencing number, for which run."""

    services: Services
    fence: int
    run_id: int
    report: Report

    def write_current(self, now: datetime) -> None:
        """Make the plan for those whom webhooks spoke of, and carry it out."""
        self._begin(show_plan(self.services, now, hot_only=True, run_id=self.run_id), give_way=False)

    def write_rest(self, now: datetime) -> bool:
        """Make the plan for everybody who waits and begin it. Is there more to do?

        A plan for thousands takes seconds: who becomes hot meanwhile does not wait for it. What is written to
        them then has the newer score, so that the plan's own change of theirs is not sent or is the same.
        """
        with ThreadPoolExecutor(1) as planner:
            planning = planner.submit(show_plan, self.services, now, run_id=self.run_id)
            try:
                while not wait([planning], LOOK_FOR_HOT).done:
                    if self._any_hot():
                        self.write_current(self.services.clock())
            except UnsafePlan:
                pass  # it waits for a person, and is told of when the turn begins with it
        return self._begin(planning.result(), give_way=True)

    def _any_hot(self) -> bool:
        with self.services.database.connect() as conn:
            return mirror.any_hot(conn)

    def _begin(self, shown: Shown, *, give_way: bool) -> bool:
        plan = shown.plan
        self.report.empty = not (shown.leads or plan.changes)
        self.report.result |= {"leads": shown.leads, "plan": plan.fingerprint, "counts": dict(plan.counts)}
        if not plan.changes:
            return shown.more
        return not self._apply(plan.fingerprint, released=False, give_way=give_way) or shown.more

    def carry_on(self, fingerprint: str, *, give_way: bool) -> None:
        """Go on with a plan that was interrupted."""
        self.report.empty = False
        self._apply(fingerprint, released=True, give_way=give_way)

    def _apply(self, fingerprint: str, *, released: bool, give_way: bool) -> bool:
        """Was it finished? It stops between lots when the step has lasted long enough or hot leads wait."""
        services, ends = self.services, self.services.clock() + LONGEST_STEP

        def stop() -> bool:
            with services.database.begin() as conn:
                return (
                    services.clock() > ends
                    or switches.read(conn, "paused") is not None
                    or (give_way and mirror.any_hot(conn))
                )

        applied = apply_plan(
            services, fingerprint, self.fence, released=released, run_id=self.run_id, stop=stop
        )
        self.report.result |= {
            "done": dict(applied.done),
            "rejected": dict(applied.rejected),
            "superseded": dict(applied.superseded),
        }
        return applied.finished


def waiting(services: Services) -> list[str]:
    """The steps that the store shows to have work which nobody does: an enqueue that was lost loses nothing.

    What another worker holds just now wakes nobody.
    """
    can_reread = services.contacts is not None
    with services.database.begin() as conn:
        checks: dict[str, Callable[[], bool]] = {
            "absorb": lambda: inbox.can_take(conn),
            "reread": lambda: can_reread and hints.can_take(conn),
            "rescore": lambda: touched.can_take(conn),
            "write_back": lambda: (
                bool(plans.interrupted(conn))
                and switches.read(conn, "paused") is None
                and writer.can_be_taken(conn)
            ),
        }
        return [name for name, has_work in checks.items() if has_work()]
