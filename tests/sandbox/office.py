"""What people do in HubSpot over a month: deals move, contacts are edited, merged and deleted."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from tests.sandbox.cast import Lead
from tests.sandbox.hubspot import HubSpotPortal
from tests.sandbox.population import ODD_COUNT, PANELIST_KEY
from tests.sandbox.world import World

Errand = tuple[datetime, Callable[[HubSpotPortal], None]]
"""When somebody does something in the portal, and what."""

STAGES = ("qualifiedtobuy", "presentationscheduled", "decisionmakerboughtin")
ENDS = ("closedwon", "closedwon", "closedlost")


class Office:
    """The month's errands, and who became one contact or none on the way (lead keys)."""

    def __init__(self, world: World, contacts: Mapping[str, str], days: int) -> None:
        self._chance = random.Random(f"{world.seed}:office")
        self._begins, self._days, self._contacts = world.now, days, contacts
        self.merged: dict[str, str] = {}
        self.deleted: set[str] = set()
        plain = [lead for lead in world.leads[ODD_COUNT:] if lead.in_hubspot and lead.key != PANELIST_KEY]
        self._chance.shuffle(plain)
        few = max(2, len(plain) // 200)
        self._leave = [plain.pop() for _ in range(few)]
        self._pairs = [(plain.pop(), plain.pop()) for _ in range(few)]
        self._others = plain
        self.errands = sorted(
            (*self._deals(), *self._edits(), *self._merges(), *self._deletions()), key=lambda one: one[0]
        )

    def _moment(self) -> datetime:
        """Some time of the month after its first day."""
        return self._begins + timedelta(seconds=self._chance.randint(86_400, self._days * 86_400))

    def _deals(self) -> Iterator[Errand]:
        """Two in a hundred get a deal, which moves and, mostly, ends."""
        for lead in self._others[: len(self._others) // 50]:
            made = self._moment()
            known: list[str] = []
            yield made, self._new_deal(lead, known)
            for hours, stage in ((30, self._chance.choice(STAGES)), (90, self._chance.choice(ENDS))):
                yield made + timedelta(hours=hours), self._move(known, stage)

    def _new_deal(self, lead: Lead, known: list[str]) -> Callable[[HubSpotPortal], None]:
        amount = str(500 * self._chance.randint(1, 40))

        def errand(portal: HubSpotPortal) -> None:
            values = {
                "dealname": f"IA · {lead.company}",
                "amount": amount,
                "dealstage": "appointmentscheduled",
            }
            known.append(portal.add_deal(values, [self._contacts[lead.key]]))

        return errand

    def _move(self, known: list[str], stage: str) -> Callable[[HubSpotPortal], None]:
        amount = str(500 * self._chance.randint(1, 40))
        return lambda portal: portal.edit_deal(known[0], {"dealstage": stage, "amount": amount})

    def _edits(self) -> Iterator[Errand]:
        for lead in self._others[: len(self._others) // 20]:
            title = {"jobtitle": f"Responsable de Producto {self._chance.randint(1, 999)}"}
            contact = self._contacts[lead.key]
            yield self._moment(), _edit(contact, title)

    def _merges(self) -> Iterator[Errand]:
        for kept, other in self._pairs:
            self.merged[other.key] = kept.key
            yield self._moment(), _merge(self._contacts[kept.key], self._contacts[other.key])

    def _deletions(self) -> Iterator[Errand]:
        for lead in self._leave:
            self.deleted.add(lead.key)
            yield self._moment(), _delete(self._contacts[lead.key])


def _edit(contact: str, values: dict[str, str]) -> Callable[[HubSpotPortal], None]:
    return lambda portal: portal.edit_as_person(contact, values)


def _merge(kept: str, other: str) -> Callable[[HubSpotPortal], None]:
    return lambda portal: portal.merge(kept, other)


def _delete(contact: str) -> Callable[[HubSpotPortal], None]:
    return lambda portal: portal.delete(contact)
