"""The portal's side of our properties, groups and lists: what is there, missing, or in the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from os.path import commonprefix
from typing import Any

from app.domain.changes import EnsureList, EnsureProperty, Outcome, Problem
from app.domain.errors import BadRecord
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.errors import AlreadyExists
from connectors.hubspot.lists import WRITABLE, Lists
from connectors.hubspot.packing import rejected

OBJECT = "contacts"

Wanted = EnsureProperty | EnsureList
Definition = Mapping[str, Any]


class Schema:
    """Compares and makes. A definition with `{"group": true}` means the property group of that name."""

    def __init__(self, client: HubSpotClient, lists: Lists) -> None:
        self._client = client
        self._lists = lists

    def check(self, wanted: Sequence[Wanted]) -> tuple[list[Problem], list[Wanted]]:
        """What stands in the way, and what is still missing: groups, then properties, then lists."""
        held = self._held(wanted)
        problems: list[Problem] = []
        missing: list[Wanted] = []
        for change in sorted(wanted, key=_rank):
            found = held.get(change.key)
            if found is None:
                missing.append(change)
            else:
                problems += _conflicts(change, found)
        archived = self._archived(missing)
        problems += [_is_archived(name) for name in sorted(archived)]
        return problems, [change for change in missing if change.name not in archived]

    def _archived(self, missing: Sequence[Wanted]) -> set[str]:
        """The properties among `missing` that lie in HubSpot's archive: their names are taken there."""
        wanted = (change for change in missing if isinstance(change, EnsureProperty))
        names = {change.name for change in wanted if not _is_group(change)}
        if not names:
            return set()
        answer = self._client.package.properties.get_all(OBJECT, archived=True, _preload_content=False)
        return names & {definition["name"] for definition in answer.body["results"]}

    def lacks(self, names: Sequence[str]) -> set[str]:
        """Those of these properties of contacts that nobody has defined here."""
        return set(names) - set(self._properties())

    def present(self, wanted: Sequence[Wanted]) -> set[str]:
        """The keys of those that are there already."""
        return set(self._held(wanted)) if wanted else set()

    def ensure(self, run: Iterator[Wanted]) -> Iterator[Outcome]:
        """Make each thing; one that is there already is done."""
        for change in run:
            try:
                self._create(change)
            except AlreadyExists:
                yield Outcome(change.key, "done")
            except BadRecord as fault:
                yield rejected(change, fault)
            else:
                yield Outcome(change.key, "done")

    def _create(self, change: Wanted) -> None:
        if isinstance(change, EnsureList):
            self._lists.create(change.name)
            return
        definition = {name: value for name, value in change.definition.items() if name != "group"}
        package = self._client.package
        api = package.groups if _is_group(change) else package.properties
        api.create(OBJECT, definition, _preload_content=False)

    def _held(self, wanted: Sequence[Wanted]) -> dict[str, Definition]:
        """What the portal holds of `wanted`, by key of the change: three calls, however much is wanted."""
        groups, properties = self._groups(), self._properties()
        names = [change.name for change in wanted if isinstance(change, EnsureList)]
        lists = self._lists.named(commonprefix(names)) if names else {}  # noqa: RUF071 - text, not paths
        found: dict[str, Definition] = {}
        for change in wanted:
            table = lists if isinstance(change, EnsureList) else groups if _is_group(change) else properties
            if change.name in table:
                found[change.key] = table[change.name]
        return found

    def _groups(self) -> dict[str, Definition]:
        answer = self._client.package.groups.get_all(OBJECT, _preload_content=False)
        return {group["name"]: group for group in answer.body["results"]}

    def _properties(self) -> dict[str, Definition]:
        answer = self._client.package.properties.get_all(OBJECT, archived=False, _preload_content=False)
        return {definition["name"]: definition for definition in answer.body["results"]}


def _is_archived(name: str) -> Problem:
    message = "is archived in HubSpot: restore it under Settings > Properties > Archived properties"
    return Problem("error", f"property {name}", message)


def _conflicts(change: Wanted, found: Definition) -> Iterator[Problem]:
    if isinstance(change, EnsureList):
        if found.get("processingType") not in WRITABLE:
            message = "is an active list; rename it in HubSpot so that Savia can make its static list"
            yield Problem("error", f"list {change.name}", message)
    elif not _is_group(change):
        yield from _property_conflicts(change, found)


def _property_conflicts(change: EnsureProperty, found: Definition) -> Iterator[Problem]:
    subject, wanted = f"property {change.name}", change.definition
    if found.get("hubspotDefined") or found.get("groupName") != wanted.get("groupName"):
        message = f"belongs to the group {found.get('groupName')}, not to Savia; rename it or move it"
        yield Problem("error", subject, message)
    for name in ("type", "fieldType"):
        if found.get(name) != wanted.get(name):
            message = f"has {name} {found.get(name)} in HubSpot, Savia needs {wanted.get(name)}; archive it"
            yield Problem("error", subject, message)
    if (found.get("modificationMetadata") or {}).get("readOnlyValue"):
        yield Problem("error", subject, "is read only in HubSpot; choose another name in mappings")
    absent = _option_values(wanted) - _option_values(found)
    if absent:
        yield Problem("error", subject, f"lacks the options {', '.join(sorted(absent))}; add them in HubSpot")


def _option_values(definition: Definition) -> set[str]:
    return {str(option["value"]) for option in definition.get("options") or ()}


def _is_group(change: EnsureProperty) -> bool:
    return bool(change.definition.get("group"))


def _rank(change: Wanted) -> int:
    if isinstance(change, EnsureList):
        return 2
    return 0 if _is_group(change) else 1
