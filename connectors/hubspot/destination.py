"""HubSpot as the destination: compares, reads and writes, each change judged on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from app.domain.changes import (
    AddToList,
    Change,
    Contact,
    CreateContact,
    CreateTask,
    EnrolInWorkflow,
    EnsureList,
    EnsureProperty,
    Outcome,
    Problem,
    RemoveFromList,
    SetProperties,
    Unenrol,
    WithdrawTask,
)
from app.domain.errors import BadCredentials
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.find_applied import find_applied
from connectors.hubspot.lists import Lists
from connectors.hubspot.records import read_rows, values_of
from connectors.hubspot.schema import Schema
from connectors.hubspot.times import from_iso
from connectors.hubspot.write_contacts import create_contacts, set_properties
from connectors.hubspot.write_enrolments import enrol, unenrol
from connectors.hubspot.write_lists import write_memberships
from connectors.hubspot.write_tasks import create_tasks, withdraw_tasks

Writer = Callable[[Iterator[Any]], Iterator[Outcome]]


class HubSpotDestination:
    """The Destination port on one portal. `list_prefix` is how the names of our lists begin; membership of
    the list named `pilot` is told as well, whoever made it.
    """

    name = "hubspot"

    def __init__(self, client: HubSpotClient, list_prefix: str = "Savia", pilot: str = "") -> None:
        self._client = client
        self._list_prefix = list_prefix
        self._pilot = pilot
        self._lists = Lists(client)
        self._schema = Schema(client, self._lists)
        self._writers: dict[type, Writer] = {
            EnsureProperty: self._schema.ensure,
            EnsureList: self._schema.ensure,
            Unenrol: lambda run: unenrol(client, run),
            WithdrawTask: lambda run: withdraw_tasks(client, run),
            CreateContact: lambda run: create_contacts(client, run),
            SetProperties: lambda run: set_properties(client, run),
            RemoveFromList: lambda run: write_memberships(self._lists, run, "remove"),
            AddToList: lambda run: write_memberships(self._lists, run, "add"),
            EnrolInWorkflow: lambda run: enrol(client, self._lists, run),
            CreateTask: lambda run: create_tasks(client, run),
        }

    def check(
        self, wanted: Sequence[EnsureProperty | EnsureList]
    ) -> tuple[list[Problem], list[EnsureProperty | EnsureList]]:
        """Problems and missing set-up; a token without rights is a problem. Raises TryLater."""
        try:
            return self._schema.check(wanted)
        except BadCredentials as refusal:
            return [Problem("error", "hubspot", str(refusal))], []

    def lacks(self, properties: Sequence[str]) -> set[str]:
        return self._schema.lacks(properties)

    def read(self, contact_ids: Sequence[str], properties: Sequence[str]) -> dict[str, Contact]:
        """The contacts by id, with the names of those of our lists they are on."""
        rows = list(read_rows(self._client, "contacts", contact_ids, ["email", *properties]))
        found = [str(row["id"]) for row in rows]
        ours = self._told_lists() if rows else {}
        names = {str(entry["listId"]): name for name, entry in ours.items()}
        joined = self._lists.memberships(found) if names else {}
        contacts = {}
        for contact_id, row in zip(found, rows, strict=True):
            lists = frozenset(names[each] for each in joined.get(contact_id, ()) if each in names)
            email = row["properties"].get("email") or ""
            values, modified_at = values_of(row, properties), from_iso(row["updatedAt"])
            contacts[contact_id] = Contact(contact_id, email, values, lists, modified_at)
        return contacts

    def _told_lists(self) -> dict[str, Mapping[str, Any]]:
        found = self._lists.named(self._list_prefix)
        if self._pilot and self._pilot not in found and (pilot := self._lists.find(self._pilot)) is not None:
            found[self._pilot] = pilot
        return found

    def find_applied(self, changes: Sequence[Change]) -> set[str]:
        return find_applied(self._client, self._lists, self._schema, changes)

    def apply(self, changes: Iterable[Change]) -> Iterator[Outcome]:
        """Runs of one kind go out together; an error that stops the rest leaves the outcomes given so far."""
        for kind, run in groupby(changes, key=type):
            yield from self._writers[kind](run)
