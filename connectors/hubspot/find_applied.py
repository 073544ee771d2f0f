"""Which changes HubSpot already shows as done, found by reading: for calls that may have been applied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from app.domain.changes import (
    AddToList,
    Change,
    CreateContact,
    CreateTask,
    EnrolInWorkflow,
    EnsureList,
    EnsureProperty,
    RemoveFromList,
    SetProperties,
)
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.errors import NotFound
from connectors.hubspot.lists import Lists
from connectors.hubspot.records import read_by_email, read_rows, values_of
from connectors.hubspot.schema import Schema
from connectors.hubspot.values import shows
from connectors.hubspot.write_tasks import tasks_by_key

T = TypeVar("T")


def find_applied(client: HubSpotClient, lists: Lists, schema: Schema, changes: Sequence[Change]) -> set[str]:
    """The keys of the changes that need not be made again."""
    found = schema.present([c for c in changes if isinstance(c, EnsureProperty | EnsureList)])
    found.update(_contacts_created(client, _only(changes, CreateContact)))
    found.update(_values_set(client, changes))
    found.update(_memberships(lists, changes))
    found.update(_tasks_created(client, _only(changes, CreateTask)))
    return found


def _only(changes: Sequence[Change], kind: type[T]) -> list[T]:
    return [change for change in changes if isinstance(change, kind)]


def _contacts_created(client: HubSpotClient, changes: Sequence[CreateContact]) -> Iterator[str]:
    """A contact with the address and every value: an upsert of the rest may still be needed."""
    names = sorted({name for change in changes for name in change.properties})
    rows = read_by_email(client, [change.email for change in changes], names)
    for change in changes:
        row = rows.get(change.email.lower())
        if row and shows(values_of(row, change.properties), change.properties):
            yield change.key


def _values_set(client: HubSpotClient, changes: Sequence[Change]) -> Iterator[str]:
    """Properties by their values; an enrolment by its trigger property, which is written last."""
    wanted: dict[str, tuple[str, dict[str, str]]] = {}
    for change in changes:
        if isinstance(change, SetProperties):
            wanted[change.key] = (change.contact_id, dict(change.properties))
        elif isinstance(change, EnrolInWorkflow):
            wanted[change.key] = (change.contact_id, {change.trigger_property: str(change.triggered_at)})
    names = sorted({name for _, values in wanted.values() for name in values})
    rows = read_rows(client, "contacts", (contact_id for contact_id, _ in wanted.values()), names)
    by_id = {str(row["id"]): values_of(row, names) for row in rows}
    for key, (contact_id, values) in wanted.items():
        if contact_id in by_id and shows(by_id[contact_id], values):
            yield key


def _memberships(lists: Lists, changes: Sequence[Change]) -> Iterator[str]:
    asked = [change for change in changes if isinstance(change, AddToList | RemoveFromList)]
    joined = lists.memberships([change.contact_id for change in asked])
    ids = {name: _list_id(lists, name) for name in dict.fromkeys(change.list_name for change in asked)}
    for change in asked:
        if change.contact_id not in joined:
            continue
        is_member = ids[change.list_name] in joined[change.contact_id]
        if is_member == isinstance(change, AddToList):
            yield change.key


def _list_id(lists: Lists, name: str) -> str:
    """The list's id as of now, "" where it is gone: nobody is on it then."""
    try:
        return lists.id_of(name)
    except NotFound:
        return ""


def _tasks_created(client: HubSpotClient, changes: Sequence[CreateTask]) -> Iterator[str]:
    marked = tasks_by_key(client, [change.contact_id for change in changes])
    yield from (change.key for change in changes if change.key in marked)
