"""A plan is carried out exactly as shown, lot by lot; a crash repeats nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial

import sqlalchemy as sa

from app.domain.brake import passed_today
from app.domain.errors import BadConfig, Fault, TryLater, UnsafePlan
from app.pipeline.experiment import deal
from app.pipeline.lot_sizes import lots_of
from app.pipeline.lots import WRITER_WAIT, Applied, Sending, people_of
from app.pipeline.reread import is_old
from app.pipeline.under_way import UnderWay, lots_under_way
from app.services import Services
from app.store import day_totals, ledger, plans, switches, work_list
from app.store.plans import PLAN_LIFE, StoredPlan
from app.store.work_list import Waiting

UNDO = "undo of run"
"""How the pause that an undo sets begins; the run's number follows."""


PATIENCE_BY_HAND = 25.0
"""Seconds that somebody who writes by hand waits for their turn: the worker hands over every few seconds, and
a writer that died is waited for until its lease has run out.
"""

LOOKS_AGAIN = 0.05
"""Seconds between two looks whether the turn has come: the worker's turns follow each other closely."""


@contextmanager
def writing(services: Services, patience: float = 0.0) -> Iterator[int]:
    """The fencing number, while nobody else writes to HubSpot. Raises TryLater when somebody still does after
    `patience` seconds.
    """
    ends = time.monotonic() + patience
    while True:
        with services.writer.lease() as fence:
            if fence is not None:
                yield fence
                return
        if time.monotonic() >= ends:
            raise TryLater("another process is writing to HubSpot: this one goes on later", WRITER_WAIT)
        time.sleep(LOOKS_AGAIN)


def apply_plan(
    services: Services,
    fingerprint: str,
    fence: int,
    *,
    released: bool,
    run_id: int | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Applied:
    """Carry out the plan shown under `fingerprint`, or go on with it where it was interrupted.

    Call it while `writing`, with the number that gave. `released` says that a person approved the plan by its
    fingerprint, and takes nothing of the day's limits; without that one which passes a limit by now raises
    UnsafePlan. `stop` is asked between lots: the plan then waits to be gone on with. Raises TryLater when
    HubSpot is away or another writer took over: what was done stands in the ledger.
    """
    sending = begin_plan(services, fingerprint, fence, released=released, run_id=run_id)
    with lots_under_way() as under_way:
        carry_out(sending, under_way, stop)
    return sending.applied


def begin_plan(
    services: Services, fingerprint: str, fence: int, *, released: bool = False, run_id: int | None = None
) -> Sending:
    """From now on the plan is gone on with until it has come to its end. Raises as `apply_plan` does."""
    now = services.clock()
    with services.database.begin() as conn:
        stored = _runnable(plans.load(conn, fingerprint), fingerprint, now, released=released)
        passed = () if released else _take_of_the_day(conn, stored, now)
        if not passed:
            _begin(services, conn, stored, now)
    if passed:
        raise UnsafePlan(fingerprint, passed)
    return Sending(services, stored, fence, run_id, Applied(fingerprint))


def _take_of_the_day(conn: sa.Connection, stored: StoredPlan, now: datetime) -> tuple[str, ...]:
    """What a plan that nobody looked at lets through is counted as it begins. The limits that it passes
    now: it may have been made while the one before it was carried out.
    """
    if stored.state != "shown":
        return ()
    uses = stored.plan.uses
    passed = tuple(passed_today(uses, day_totals.used(conn, now)))
    if passed:
        plans.hold_back(conn, stored.plan.fingerprint, passed)
    else:
        day_totals.add(conn, {name: use.amount for name, use in uses.items()}, now)
    return passed


def _begin(services: Services, conn: sa.Connection, stored: StoredPlan, now: datetime) -> None:
    fingerprint = stored.plan.fingerprint
    if stored.dealt is not None and stored.state == "shown":
        deal(services, conn, stored.dealt, fingerprint, now)
    plans.mark(conn, fingerprint, "applying", now)
    if stored.undoes is not None:  # else the next turn would write it all again
        switches.turn(conn, "paused", f"{UNDO} {stored.undoes}", now)
        plans.stop(conn, stored.undoes, but=fingerprint)
    if stored.releases is not None:
        switches.turn(conn, "released_rules", stored.releases, now)


def carry_out(sending: Sending, under_way: UnderWay, stop: Callable[[], bool]) -> bool:
    """Send what is left of a plan: while some lots are sent, the intents of the next are written down, then
    the outcomes of those before. Its last lots may still be `under_way` afterwards; the plan comes to its end
    with them. False when `stop` ended it before the last lot.
    """
    services, stored = sending.services, sending.stored
    with services.database.connect() as conn:
        settled = ledger.settled_keys(conn, stored.plan.fingerprint)
    left = [item for item in stored.plan.changes if item.key not in settled]
    if not left:
        _close(sending)
    for part in lots_of(left, lambda: is_old(stored, services.clock())):
        if stop():
            return False
        if under_way.makes_contacts():  # what follows needs their ids
            under_way.end()
        is_last = part[-1] is left[-1]
        under_way.send(sending, sending.begin(part), partial(_close, sending) if is_last else None)
    return True


def _close(sending: Sending) -> None:
    services, stored = sending.services, sending.stored
    with services.database.begin() as conn:
        plans.mark(conn, stored.plan.fingerprint, "applied", services.clock())
        _consider_no_more(conn, stored)
    sending.applied.finished = True


def _consider_no_more(conn: sa.Connection, stored: StoredPlan) -> None:
    """What was written needs no look; what was taken back needs another one, once writes go on."""
    changed = set(people_of(stored.plan.changes)) - {0}
    if stored.undoes is None:
        work_list.drop(conn, [Waiting(person_id, stored.made_at) for person_id in sorted(changed)])
    else:
        work_list.add(conn, changed, stored.made_at)


def _runnable(stored: StoredPlan | None, fingerprint: str, now: datetime, *, released: bool) -> StoredPlan:
    if stored is None:
        raise BadConfig(
            [Fault("--apply", fingerprint, "no such plan: run write_back to see the current one")]
        )
    if stored.state == "applied":
        raise BadConfig(
            [Fault("--apply", fingerprint, "already applied: run write_back to see what is left")]
        )
    if stored.state == "stopped":
        raise BadConfig(
            [Fault("--apply", fingerprint, "stopped by an undo: run write_back to see the current one")]
        )
    if stored.state == "shown" and now - stored.made_at > PLAN_LIFE:
        raise BadConfig(
            [Fault("--apply", fingerprint, "older than a day: run write_back to see the current one")]
        )
    if stored.plan.unsafe and stored.state == "shown" and not released:
        raise UnsafePlan(fingerprint, stored.plan.unsafe)
    return stored
