"""One turn of writing: who is hot first, then an interrupted plan, then everybody who waits, plan by plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.changes import Plan, SetProperties
from app.domain.errors import UnsafePlan
from app.pipeline.apply import apply_plan, writing
from app.pipeline.lots import people_of
from app.pipeline.run_record import Report, recorded
from app.pipeline.step_time import out_of_time
from app.pipeline.write_back import Shown, show_plan
from app.services import Services
from app.store import mirror, plans, switches


def is_paused(services: Services) -> bool:
    """Did a person stop the writing?"""
    with services.database.connect() as conn:
        return switches.read(conn, "paused") is not None


def write_turn(services: Services, now: datetime) -> list[str]:
    """The steps to run next. Raises UnsafePlan when the current plan waits for a person."""
    unattended = services.settings.write_back.unattended
    with writing(services) as fence, recorded(services, "write_back", now) as (run_id, report):
        turn = _Turn(services, fence, run_id, report, out_of_time(services))
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
            turn.carry_on(unfinished[0])
            return ["write_back"]
        if waits is not None:
            raise waits
        more = unattended and turn.write_rest(now)
    return ["write_back"] if more else []


def write_hot(services: Services, fence: int, now: datetime) -> None:
    """Write those whom webhooks spoke of, between two lots of a plan of whoever is `writing` with `fence`.
    Raises UnsafePlan when their plan waits for a person.
    """
    with recorded(services, "write_back", now) as (run_id, report):
        _Turn(services, fence, run_id, report, out_of_time(services)).write_current(now)


@dataclass(frozen=True, slots=True)
class _Turn:
    """One turn of writing: under which fencing number, for which run, until it has lasted long enough."""

    services: Services
    fence: int
    run_id: int
    report: Report
    too_long: Callable[[], bool]

    def write_current(self, now: datetime) -> None:
        """Make the plan for those whom webhooks spoke of, and carry it out."""
        shown = show_plan(self.services, now, hot_only=True, run_id=self.run_id)
        self._begin(shown, give_way=False, until=out_of_time(self.services))

    def carry_on(self, fingerprint: str) -> None:
        """Go on with a plan that was interrupted."""
        self.report.empty = False
        self._apply(fingerprint, released=True, give_way=False, until=out_of_time(self.services))

    def write_rest(self, now: datetime) -> bool:
        """Plan by plan for everybody who waits. Is there more to do?

        While a plan that only sets properties is carried out, the next one is made: no limit counts what such
        a plan does, and its leads are left out, so that neither changes what the other comes to.
        """
        shown, until = show_plan(self.services, now, run_id=self.run_id), out_of_time(self.services)
        while True:
            with self._next_plan(shown) as ahead:
                finished = self._begin(shown, give_way=True, until=until)
            if ahead is None or not finished or self.too_long():
                return shown.more or not finished
            shown, until = ahead.result(), self.too_long

    @contextmanager
    def _next_plan(self, shown: Shown) -> Iterator[Future[Shown] | None]:
        waits = bool(shown.plan.unsafe)  # a newer plan would hide it from the person it waits for
        if waits or not shown.more or self.too_long() or not _only_sets_properties(shown.plan):
            yield None
            return
        taken = set(people_of(shown.plan.changes))
        with ThreadPoolExecutor(1) as planner:
            now = self.services.clock()
            yield planner.submit(show_plan, self.services, now, run_id=self.run_id, but=taken)

    def _begin(self, shown: Shown, *, give_way: bool, until: Callable[[], bool]) -> bool:
        """Carry out a plan just made. Did it come to its end?"""
        plan, result = shown.plan, self.report.result
        self.report.empty = self.report.empty and not (shown.leads or plan.changes)
        result |= {"leads": result.get("leads", 0) + shown.leads, "plan": shown.waits or plan.fingerprint}
        _count_in(result, "counts", plan.counts)
        _count_in(result, "withheld", Counter(item.reason for item in plan.withheld))
        if shown.waits:
            raise UnsafePlan(shown.waits, plan.unsafe)
        if not plan.changes:
            return True
        return self._apply(plan.fingerprint, released=False, give_way=give_way, until=until)

    def _apply(self, fingerprint: str, *, released: bool, give_way: bool, until: Callable[[], bool]) -> bool:
        """Was it finished? It stops between lots when `until` says so, writes pause or hot leads wait."""
        services = self.services

        def stop() -> bool:
            with services.database.begin() as conn:
                return (
                    until()
                    or switches.read(conn, "paused") is not None
                    or (give_way and mirror.any_hot(conn))
                )

        applied = apply_plan(
            services, fingerprint, self.fence, released=released, run_id=self.run_id, stop=stop
        )
        for name in ("done", "rejected", "superseded"):
            _count_in(self.report.result, name, getattr(applied, name))
        return applied.finished


def _only_sets_properties(plan: Plan) -> bool:
    return all(isinstance(change, SetProperties) for change in plan.changes)


def _count_in(result: dict[str, Any], name: str, counts: Mapping[str, int]) -> None:
    result[name] = dict(Counter(result.get(name, {})) + Counter(counts))
