"""What tests of writing do: learn everything there is, show a plan, carry it out, look at the portal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from app.domain.changes import Change, Contact, Outcome, Plan
from app.pipeline.apply import Applied, apply_plan, writing
from app.pipeline.pull import pull_source
from app.pipeline.release import rules_of
from app.pipeline.understand import rescore_touched
from app.pipeline.write_back import Shown, show_plan
from app.services import Services
from app.store import switches
from tests.line import Town


def learn(services: Services) -> None:
    """Pull every source and score whom that touched; enrolments and tasks by the rules are released."""
    with services.database.begin() as conn:
        switches.turn(conn, "released_rules", rules_of(services, conn), services.clock())
    for source in services.sources:
        pull_source(services, source, services.clock())
    while rescore_touched(services, services.clock()).more:
        pass


def show(services: Services) -> Shown:
    """The plan for the leads that wait, with what the portal lacks."""
    return show_plan(services, services.clock(), with_setup=True)


def carry_out(services: Services, plan: Plan, *, released: bool = True) -> Applied:
    """Apply a plan as a person (or, without `released`, as the worker) does."""
    with writing(services) as fence:
        return apply_plan(services, plan.fingerprint, fence, released=released)


def written_first(services: Services) -> Plan:
    """Everything learnt and the first plan carried out; returns that plan."""
    learn(services)
    plan = show(services).plan
    applied = carry_out(services, plan)
    assert not applied.rejected
    return plan


def ledger_states(services: Services) -> Counter[str]:
    with services.database.connect() as conn:
        return Counter(conn.scalars(sa.text("SELECT state FROM ledger")))


def end_state(place: Town) -> dict[str, Any]:
    """The portal without what only says when: Savia's moments."""
    dump = place.portal.dump()
    for properties in dump["contacts"].values():
        for name in [name for name in properties if name.startswith("savia_") and name.endswith(TIMED)]:
            del properties[name]
    return dump


TIMED = ("_at", "_through")


class Stumbling:
    """A destination that stops at the change of place `at` in one apply, after HubSpot has made it: as a
    process that is killed between the call and the ledger. `tells`: the outcomes before it were written down.
    """

    name = "hubspot"

    def __init__(self, real: Any, at: int, *, tells: bool = False) -> None:
        self._real, self._at, self._tells = real, at, tells

    def check(self, wanted: Sequence[Any]) -> Any:
        return self._real.check(wanted)

    def lacks(self, properties: Sequence[str]) -> set[str]:
        return set(self._real.lacks(properties))

    def read(self, contact_ids: Sequence[str], properties: Sequence[str]) -> dict[str, Contact]:
        return dict(self._real.read(contact_ids, properties))

    def find_applied(self, changes: Sequence[Change]) -> set[str]:
        return set(self._real.find_applied(changes))

    def apply(self, changes: Iterable[Change]) -> Iterator[Outcome]:
        lot = list(changes)
        here, self._at = self._at, self._at - len(lot)
        if not 0 <= here < len(lot):
            yield from self._real.apply(lot)
            return
        outcomes = list(self._real.apply(lot[: here + 1]))
        if self._tells:
            yield from outcomes[:-1]
        raise KeyboardInterrupt
