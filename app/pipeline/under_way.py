"""The lots whose calls are being made, from one plan into the next: HubSpot waits neither for the ledger nor
for the end of a plan.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from app.domain.changes import SetProperties
from app.pipeline.lots import Lot, Sending, people_of

AT_ONCE = 2
"""Lots whose calls are made at the same time: while one's last calls come back, the next one's go out."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A lot whose calls are being made; `then` is to be done when its outcomes are written down."""

    sending: Sending
    lot: Lot
    calls: Future[None]
    then: Callable[[], None] | None


class UnderWay:
    """Lots that are being sent, oldest first; their outcomes are written down in that order."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._lots: deque[_Sent] = deque()
        self._failed = False

    def people(self) -> set[int]:
        """Whom the plans of these lots are about: until they are closed, no other plan is made for them."""
        plans = {sent.sending.stored.plan.fingerprint: sent.sending.stored.plan for sent in self._lots}
        return {person for plan in plans.values() for person in people_of(plan.changes)}

    def makes_contacts(self) -> bool:
        """What follows needs the ids of contacts that are only being made."""
        return any(sent.lot.makes_contacts for sent in self._lots)

    def send(self, sending: Sending, lot: Lot, then: Callable[[], None] | None = None) -> None:
        """Make the calls of a lot whose intents are written down, as soon as that may be; then write down
        what came of the lots before, but for the last one. Raises what ended a lot before: this one is not
        sent.
        """
        may_overlap = bool(self._lots) and _may_overlap(self._lots[-1].lot, lot)
        for sent in list(self._lots)[: 1 - AT_ONCE] if may_overlap else self._lots:
            sent.calls.result()
        self._lots.append(_Sent(sending, lot, self._pool.submit(sending.send, lot), then))
        while len(self._lots) > AT_ONCE:
            self._settle_first()

    def end(self) -> None:
        """Wait for all calls; what came of them is written down even where they failed."""
        try:
            if self._lots:
                self._settle_first()
        finally:
            if self._lots:
                self.end()

    def _settle_first(self) -> None:
        sent = self._lots.popleft()
        self._failed = self._failed or sent.calls.exception() is not None
        sent.sending.settle(sent.lot)
        sent.calls.result()
        if sent.then is not None and not self._failed:  # a lot of the same plan may be the one that failed
            sent.then()


@contextmanager
def lots_under_way() -> Iterator[UnderWay]:
    """When the block is left, nothing is under way any more."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        under_way = UnderWay(pool)
        try:
            yield under_way
        finally:
            under_way.end()


def _may_overlap(before: Lot, lot: Lot) -> bool:
    """Properties of different contacts need no order; a list, an enrolment or a task comes after them."""
    contacts = [
        {change.contact_id for change in each.changes if isinstance(change, SetProperties)}
        for each in (before, lot)
    ]
    only_properties = len(contacts[0]) + len(contacts[1]) == len(before.changes) + len(lot.changes)
    return only_properties and contacts[0].isdisjoint(contacts[1])
