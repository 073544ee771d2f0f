"""List memberships written: one call per list, whatever the number of contacts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, TypeVar

from app.domain.changes import AddToList, EnrolInWorkflow, Outcome, RemoveFromList
from app.domain.errors import BadRecord
from connectors.hubspot.lists import Lists
from connectors.hubspot.packing import chunks, rejected

MEMBERS_PER_CALL = 100_000

M = TypeVar("M", bound=AddToList | RemoveFromList | EnrolInWorkflow)
Verb = Literal["add", "remove"]


def write_memberships(
    lists: Lists, run: Iterable[AddToList | RemoveFromList], verb: Verb
) -> Iterator[Outcome]:
    for _, outcome in change_members(lists, list(run), verb):
        yield outcome


def change_members(lists: Lists, changes: Sequence[M], verb: Verb) -> Iterator[tuple[M, Outcome]]:
    """Each change with its outcome, list by list. A fault of the list is every member's fault: no halving."""
    by_list: dict[str, list[M]] = {}
    for change in changes:
        by_list.setdefault(change.list_name, []).append(change)
    for name, members in by_list.items():
        for batch in chunks(members, MEMBERS_PER_CALL):
            try:
                missing = lists.change(name, verb, [change.contact_id for change in batch])
            except BadRecord as fault:
                yield from ((change, rejected(change, fault)) for change in batch)
                continue
            yield from ((change, _outcome(change.key, change.contact_id in missing)) for change in batch)


def _outcome(key: str, missing: bool) -> Outcome:
    if missing:
        return Outcome(key, "rejected", "OBJECT_NOT_FOUND: the contact is no longer in HubSpot")
    return Outcome(key, "done")
