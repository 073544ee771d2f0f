"""The line as jobs: each step does one lot and names the steps to run next. Called by the engine alone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from app.domain.errors import UnsafePlan
from app.pipeline.absorb import absorb as absorb_lot
from app.pipeline.absorb import reread_contacts
from app.pipeline.absorbed import Absorbed
from app.pipeline.bands import renew_spread
from app.pipeline.points_watch import watch_points
from app.pipeline.pull import pull_round
from app.pipeline.rules import notice_new_rules
from app.pipeline.run_record import recorded
from app.pipeline.step_time import out_of_time
from app.pipeline.texts import read_new_texts
from app.pipeline.turn import is_paused, write_turn
from app.pipeline.understand import rescore_due, rescore_touched
from app.services import Services
from app.store import (
    hints,
    inbox,
    ledger,
    models,
    plans,
    processes,
    runs,
    switches,
    touched,
    work_list,
    writer,
)
from app.store.tidy import LOT, clear_old

log = logging.getLogger(__name__)

NAMES = (
    "absorb", "reread", "rescore", "write_back", "read_texts", "sync", "decay", "watch", "report_memory",
    "tidy",
)  # fmt: skip
"""The steps this release knows."""

WATCH_EVERY = timedelta(days=1)
RECENT = timedelta(days=1)
"""Refusals of the moment that are looked for; a lead that is tried again and refused again has a new one."""


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
    too_long = out_of_time(services)
    leads, changed, moved, more = 0, 0, 0, True
    with recorded(services, "decay", now) as (_, report):
        with services.database.begin() as conn:
            new_rules = notice_new_rules(services, conn, now)
        while more and not too_long():
            done = rescore_due(services, now)
            leads, changed, more = leads + done.leads, changed + done.changed, done.more
        if not more:
            with services.database.begin() as conn:
                moved = renew_spread(services, conn, now)
        again = _consider_anew(services, now)
        report.result = {"leads": leads, "changed": changed, "other bands": moved, "new rules": new_rules}
    following = ["decay"] if more or moved else ["watch"]
    return [*following, *(["write_back"] if changed or again else [])]


def _consider_anew(services: Services, now: datetime) -> int:
    """Leads of whom HubSpot could not take a write at the moment: how many."""
    with services.database.begin() as conn:
        refused = ledger.refused_for_the_moment(conn, now - RECENT)
        work_list.add(conn, refused, now)
    return len(refused)


def watch(services: Services, now: datetime) -> list[str]:
    """Once a day what scores is looked at: drift, calibration, sales' answers; points by known outcomes."""
    with services.database.connect() as conn:
        stored = models.champion(conn)
        seen_at = runs.last_told(conn, "watch", "points") if stored is None else stored.watched_at
    if seen_at is not None and now - seen_at < WATCH_EVERY:
        return []
    if stored is None:
        with recorded(services, "watch", now) as (_, report):
            told = watch_points(services, now)
            report.result, report.empty = {"points": told}, not told["leads"]
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
    complete = pull_round(services, now, out_of_time(services))
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


def write_back(services: Services, now: datetime) -> list[str]:
    """What webhooks brought is written first; then a plan that was interrupted, then what else waits.

    Raises UnsafePlan, once for each plan, when the current one waits for a person; an interrupted one, being
    released, does not. While writes are paused it does nothing.
    """
    if services.destination is None or is_paused(services):
        return []
    try:
        return write_turn(services, now)
    except UnsafePlan as waits:
        with services.database.begin() as conn:
            if not plans.alert_once(conn, waits.fingerprint, now):
                return []
        raise


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
