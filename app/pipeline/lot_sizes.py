"""A plan is cut into lots, by the calls that they take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from app.domain.changes import (
    AddToList,
    Change,
    CreateContact,
    EnrolInWorkflow,
    EnsureList,
    EnsureProperty,
    RemoveFromList,
)

CALLS = 10
"""Calls in a lot. Two lots are under way at once: about a second at HubSpot's limit, and so long hot leads
wait.
"""

LOT = 10_000
"""Changes in a lot, however few calls they take."""

_A_CALL_EACH = 100
_COST: Mapping[type, int] = {EnsureProperty: 100, EnsureList: 100, AddToList: 0, RemoveFromList: 0}
"""Hundredths of a call that a change takes; 1 where a hundred share one, none where a whole list does."""

READING = 2
"""Hundredths of a call that it takes to read a contact again: its properties, and the lists it is on."""


def lots_of(changes: Sequence[Change], is_old: Callable[[], bool] = lambda: False) -> Iterator[list[Change]]:
    """Lots in canonical order. New contacts come in lots of their own: later changes need their ids. Where
    the plan `is_old` by the time a lot is begun, its contacts are read again, which takes calls, too.
    """
    lot: list[Change] = []
    cost, reads, contacts = 0, is_old(), set[str]()
    for change in changes:
        full = len(lot) == LOT or cost >= CALLS * _A_CALL_EACH
        if lot and (full or isinstance(lot[-1], CreateContact) != isinstance(change, CreateContact)):
            yield lot
            lot, cost, reads, contacts = [], 0, is_old(), set()
        lot.append(change)
        cost += _cost(change)
        contact_id = getattr(change, "contact_id", "")
        if reads and contact_id and contact_id not in contacts:
            contacts.add(contact_id)
            cost += READING
    if lot:
        yield lot


def _cost(change: Change) -> int:
    if isinstance(change, EnrolInWorkflow):
        return 2 * _A_CALL_EACH if change.v2_workflow_id else 2
    return _COST.get(type(change), 1)
