"""One turn of writing: who is hot first, then interrupted plans, then everybody who waits, plan by plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.domain.changes import Plan, SetProperties
from app.domain.errors import UnsafePlan
from app.pipeline.apply import begin_plan, carry_out, writing
from app.pipeline.lots import Applied, people_of
from app.pipeline.run_record import Report, recorded
from app.pipeline.step_time import out_of_time
from app.pipeline.under_way import UnderWay, lots_under_way
from app.pipeline.write_back import Shown, show_plan
from app.services import Services
from app.store import plans, switches, work_list

HANDS_OVER = timedelta(seconds=4.5)
"""A turn ends with the first plan that is sent after this: what is under way then, and the plan that is being
made, need their time, too.
"""


def is_paused(services: Services) -> bool:
    """Did a person stop the writing?"""
    with services.database.connect() as conn:
        return switches.read(conn, "paused") is not None


def write_turn(services: Services, now: datetime) -> list[str]:
    """The steps to run next. Raises UnsafePlan when the current plan waits for a person."""
    unattended = services.settings.write_back.unattended
    with writing(services) as fence, recorded(services, "write_back", now) as (run_id, report):
        report.empty = True
        with services.database.begin() as conn:
            unfinished = plans.interrupted(conn)
            hot_first = unattended and not plans.setup_left(conn)
        turn = _Turn(services, fence, run_id, report, hot_first)
        waits = turn.write_hot()
        if unfinished:
            turn.carry_on(unfinished)
            return ["write_back"]
        if waits is not None:
            raise waits
        more = unattended and turn.write_rest()
    return ["write_back"] if more else []


def write_hot(services: Services, fence: int, now: datetime) -> None:
    """Write those whom webhooks spoke of, between two lots of a plan of whoever is `writing` with `fence`.
    Raises UnsafePlan when their plan waits for a person.
    """
    with recorded(services, "write_back", now) as (run_id, report):
        report.empty = True
        if (waits := _Turn(services, fence, run_id, report, hot_first=True).write_hot()) is not None:
            raise waits


@dataclass(slots=True)
class _Turn:
    """One turn of writing: under which fencing number, for which run; whether leads that are hot are written
    between two lots of others, or their plan waits for a person; what came of plans not yet in the report.
    """

    services: Services
    fence: int
    run_id: int
    report: Report
    hot_first: bool
    hot_waits: bool = False
    applied: list[Applied] = field(default_factory=list)

    def write_hot(self) -> UnsafePlan | None:
        """Make the plan for those whom webhooks spoke of, and carry it out; or why it waits for a person."""
        with self._under_way() as under_way:
            return self._write_hot(under_way) if self._hot_is_next() else None

    def carry_on(self, unfinished: Sequence[str]) -> None:
        """Go on with plans that were interrupted, then plan by plan where nobody need be asked."""
        self.report.empty = False
        too_long = out_of_time(self.services)
        *earlier, last = unfinished
        for fingerprint in earlier:
            with self._under_way() as under_way:
                if not self._send(fingerprint, under_way, too_long):
                    return
        plan = begin_plan(self.services, last, self.fence).stored.plan
        self._plan_by_plan(plan, too_long, more=self.services.settings.write_back.unattended)

    def write_rest(self) -> bool:
        """Plan by plan for everybody who waits. Is there more to do?"""
        shown = self._told(show_plan(self.services, self.services.clock(), run_id=self.run_id))
        return self._plan_by_plan(shown.plan, out_of_time(self.services), more=shown.more)

    def _plan_by_plan(self, plan: Plan, too_long: Callable[[], bool], *, more: bool) -> bool:
        """While a plan that only sets properties is carried out, the next one is made: each is judged by the
        day's limits as it begins, and the leads of plans that are under way are left out, so that neither
        changes what the other comes to. The next turn begins with what this one made ahead.
        """
        hands_over = out_of_time(self.services, HANDS_OVER)
        with self._under_way() as under_way, ThreadPoolExecutor(1) as planner:
            while True:
                ahead = None
                if more and not too_long() and not self.hot_waits and _lets_plan_ahead(plan):
                    ahead = self._plan_ahead(planner, under_way.people() | set(people_of(plan.changes)))
                sent = not plan.changes or self._send(plan.fingerprint, under_way, too_long)
                if ahead is None:
                    return more or not sent
                shown = self._told(ahead.result())
                if not sent or hands_over():
                    self._keep(shown.plan)
                    return True
                plan, more = shown.plan, shown.more

    def _plan_ahead(self, planner: ThreadPoolExecutor, taken: set[int]) -> Future[Shown]:
        return planner.submit(show_plan, self.services, self.services.clock(), run_id=self.run_id, but=taken)

    def _keep(self, plan: Plan) -> None:
        """As one that is interrupted before its first lot; what waits for a person does so."""
        if plan.changes and not plan.unsafe:
            begin_plan(self.services, plan.fingerprint, self.fence, run_id=self.run_id)

    def _told(self, shown: Shown) -> Shown:
        """What was looked at and planned stands in the report. Raises UnsafePlan where it was not kept, since
        an earlier one waits for a person.
        """
        plan, result = shown.plan, self.report.result
        self.report.empty = self.report.empty and not (shown.leads or plan.changes)
        result |= {"leads": result.get("leads", 0) + shown.leads, "plan": shown.waits or plan.fingerprint}
        _count_in(result, "counts", plan.counts)
        _count_in(result, "withheld", Counter(item.reason for item in plan.withheld))
        if shown.waits:
            raise UnsafePlan(shown.waits, plan.unsafe)
        return shown

    def _send(self, fingerprint: str, under_way: UnderWay, too_long: Callable[[], bool]) -> bool:
        """Was all of it sent? Between its lots hot leads are written."""

        def stop() -> bool:
            if too_long() or is_paused(self.services):
                return True
            if self._hot_is_next():
                self._write_hot(under_way)
            return False

        return self._carry_out(fingerprint, under_way, stop)

    def _hot_is_next(self) -> bool:
        if not self.hot_first or self.hot_waits:
            return False
        with self.services.database.connect() as conn:
            return work_list.any_hot(conn)

    def _write_hot(self, under_way: UnderWay) -> UnsafePlan | None:
        """Nothing else is under way meanwhile: what it sets is compared with what this did."""
        under_way.end()
        services, too_long = self.services, out_of_time(self.services)
        try:
            shown = self._told(show_plan(services, services.clock(), hot_only=True, run_id=self.run_id))
            if shown.plan.changes:
                self._carry_out(shown.plan.fingerprint, under_way, lambda: too_long() or is_paused(services))
        except UnsafePlan as reason:
            self.hot_waits = True
            return reason
        under_way.end()
        return None

    def _carry_out(self, fingerprint: str, under_way: UnderWay, stop: Callable[[], bool]) -> bool:
        sending = begin_plan(self.services, fingerprint, self.fence, run_id=self.run_id)
        self.applied.append(sending.applied)
        return carry_out(sending, under_way, stop)

    @contextmanager
    def _under_way(self) -> Iterator[UnderWay]:
        """What came of it stands in the report when nothing is under way any more."""
        try:
            with lots_under_way() as under_way:
                yield under_way
        finally:
            for applied in self.applied:
                for name in ("done", "rejected", "superseded"):
                    _count_in(self.report.result, name, getattr(applied, name))
            self.applied.clear()


def _lets_plan_ahead(plan: Plan) -> bool:
    """A newer plan would hide one that waits for a person from them."""
    return not plan.unsafe and _only_sets_properties(plan)


def _only_sets_properties(plan: Plan) -> bool:
    return all(isinstance(change, SetProperties) for change in plan.changes)


def _count_in(result: dict[str, Any], name: str, counts: Mapping[str, int]) -> None:
    result[name] = dict(Counter(result.get(name, {})) + Counter(counts))
