"""Static lists ("segments" in HubSpot's pages): names, members, membership writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.sandbox.hubspot.answers import Json, Refusal, invalid, iso, missing

WRITABLE = ("MANUAL", "SNAPSHOT")
PROCESSING_TYPES = (*WRITABLE, "DYNAMIC")
MAX_MEMBERS_PER_CALL = 100_000


@dataclass(slots=True)
class HubSpotList:
    """One list of contacts. `members` is contact id -> since when, in seconds since 1970."""

    list_id: str
    name: str
    processing_type: str
    created_at: float
    updated_at: float
    members: dict[str, float] = field(default_factory=dict)
    where: tuple[str, str] | None = None

    def filter_branch(self) -> Json:
        """The filters of an active list, as asked for with `includeFilters`."""
        filters = []
        if self.where is not None:
            name, value = self.where
            operation = {
                "operationType": "BOOL",
                "operator": "IS_EQUAL_TO",
                "includeObjectsWithNoValueSet": False,
                "value": value == "true",
            }
            filters = [{"filterType": "PROPERTY", "property": name, "operation": operation}]
        inner = {
            "filterBranchType": "AND",
            "filterBranchOperator": "AND",
            "filterBranches": [],
            "filters": filters,
        }
        return {
            "filterBranchType": "OR",
            "filterBranchOperator": "OR",
            "filterBranches": [inner],
            "filters": [],
        }

    def shown(self) -> Json:
        """The list as create and fetch show it."""
        return {
            "listId": self.list_id,
            "listVersion": 1,
            "name": self.name,
            "objectTypeId": "0-1",
            "processingType": self.processing_type,
            "processingStatus": "COMPLETE",
            "createdAt": iso(self.created_at),
            "updatedAt": iso(self.updated_at),
            "size": len(self.members),
        }


class ListBook:
    """All lists of a portal, by id and (whatever the case) by name."""

    def __init__(self) -> None:
        self.by_id: dict[str, HubSpotList] = {}

    def create(self, name: str, processing_type: str, now: float) -> HubSpotList:
        """A new list; a name that is taken is refused."""
        if self.named(name):
            raise invalid(
                f"List names must be unique. The following names are in use: [{name}]",
                subCategory="ILS.DUPLICATE_LIST_NAMES",
                context={"duplicateListNames": [name]},
            )
        made = HubSpotList(str(len(self.by_id) + 1), name, processing_type, now, now)
        self.by_id[made.list_id] = made
        return made

    def named(self, name: str) -> HubSpotList | None:
        """The list of this name, whatever the case."""
        return next((each for each in self.by_id.values() if each.name.lower() == name.lower()), None)

    def get(self, list_id: str) -> HubSpotList:
        """The list of this id, or 404."""
        if list_id not in self.by_id:
            raise missing(f"List does not exist with ID {list_id}.", subCategory="ILS.LIST_NOT_FOUND")
        return self.by_id[list_id]

    def writable(self, list_id: str) -> HubSpotList:
        """The list of this id when members may be written to it."""
        found = self.get(list_id)
        if found.processing_type not in WRITABLE:
            raise invalid(
                f"List {list_id} has processing type {found.processing_type}: its members cannot be edited.",
                subCategory="ILS.INVALID_LIST_PROCESSING_TYPE",
            )
        return found

    def of_contact(self, contact_id: str) -> list[HubSpotList]:
        """The lists this contact is on."""
        return [each for each in self.by_id.values() if contact_id in each.members]

    def forget(self, contact_id: str) -> None:
        """Take a contact that is gone off every list."""
        for each in self.by_id.values():
            each.members.pop(contact_id, None)


def change_members(
    target: HubSpotList,
    add: Iterable[str],
    remove: Iterable[str],
    resolve: Callable[[str], str | None],
    now: float,
) -> Json:
    """Add and remove; what is there already (or not) is ignored, unknown ids are told back. `resolve` gives
    the id a record goes by today, None when there is no such record.
    """
    added, removed, absent = [], [], []
    for asked in dict.fromkeys(add):
        record_id = resolve(asked)
        if record_id is None:
            absent.append(asked)
        elif record_id not in target.members:
            target.members[record_id] = now
            added.append(record_id)
    for asked in dict.fromkeys(remove):
        record_id = resolve(asked)
        if record_id is None:
            absent.append(asked)
        elif target.members.pop(record_id, None) is not None:
            removed.append(record_id)
    if added or removed:
        target.updated_at = now
    return {"recordsIdsAdded": added, "recordIdsRemoved": removed, "recordIdsMissing": absent}


def member_ids(body: object) -> list[str]:
    """A bare array of record ids as texts, or a 400."""
    if not isinstance(body, list) or not all(isinstance(each, str) for each in body):
        raise not_an_id_array()
    if len(body) > MAX_MEMBERS_PER_CALL:
        raise invalid(f"No more than {MAX_MEMBERS_PER_CALL} records can be changed in one call.")
    return body


def not_an_id_array() -> Refusal:
    """What a body that is no array of texts gets."""
    return invalid("Invalid input JSON on line 1, column 1: expected an array of record ids as strings.")
