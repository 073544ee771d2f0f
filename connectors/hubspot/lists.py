"""The static lists of contacts: found by name, made, joined, left.

Source: HubSpot's lists API. Ids are ILS ids, never legacy ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from app.domain.errors import BadRecord
from connectors.hubspot.client import BATCH, HubSpotClient
from connectors.hubspot.errors import NotFound, checked
from connectors.hubspot.packing import chunks

CONTACT = "0-1"
WRITABLE = ("MANUAL", "SNAPSHOT")
LISTS_PAGE = 500


class Lists:
    """The portal's lists by name; ids are looked up once and kept until HubSpot says they are gone."""

    def __init__(self, client: HubSpotClient) -> None:
        self._client = client
        self._ids: dict[str, str] = {}

    def find(self, name: str) -> Mapping[str, Any] | None:
        """HubSpot's definition of the list of contacts with this name, None where there is none."""
        try:
            found: Mapping[str, Any] = self._client.call("GET", self._client.paths.list_by_name(name))["list"]
        except NotFound:
            self._ids.pop(name, None)
            return None
        self._ids[name] = str(found["listId"])
        return found

    def filters_of(self, list_id: str) -> Any:
        """The filters of an active list; None for a static one, and for one that is gone."""
        path = f"{self._client.paths.lists()}/{quote(list_id, safe='')}"
        try:
            return self._client.call("GET", path, params={"includeFilters": "true"})["list"].get(
                "filterBranch"
            )
        except NotFound:
            return None

    def id_of(self, name: str) -> str:
        """Raises NotFound for a list that is not there."""
        if name not in self._ids and self.find(name) is None:
            raise NotFound("list", f"there is no list {name!r}; run the set-up plan to make it again")
        return self._ids[name]

    def create(self, name: str) -> None:
        """Make the list, unless it is there. HubSpot refuses a taken name, in words that changed before."""
        body = {"name": name, "objectTypeId": CONTACT, "processingType": "MANUAL"}
        try:
            made = self._client.call("POST", self._client.paths.lists(), json=body)
        except BadRecord:
            if self.find(name) is None:
                raise
            return
        self._ids[name] = str(made["list"]["listId"])

    def change(self, name: str, verb: Literal["add", "remove"], contact_ids: Sequence[str]) -> set[str]:
        """Put contacts on the list or take them off; answers with the ids HubSpot does not know.

        Members who are there already (or gone) are no fault. Raises NotFound for a list that is not there.
        """
        try:
            answer = self._change(self.id_of(name), verb, contact_ids)
        except NotFound:
            if self.find(name) is None:  # the id we kept may be of a list that was made anew since
                raise
            answer = self._change(self.id_of(name), verb, contact_ids)
        return {str(missing) for missing in answer.get("recordIdsMissing") or ()}

    def named(self, prefix: str) -> dict[str, Mapping[str, Any]]:
        """The lists of contacts whose name starts with `prefix`, by name; active lists too."""
        found = {
            str(entry["name"]): entry
            for entry in self._search(prefix)
            if entry["name"].startswith(prefix) and entry["objectTypeId"] == CONTACT
        }
        self._ids |= {name: str(entry["listId"]) for name, entry in found.items()}
        return found

    def memberships(self, contact_ids: Sequence[str]) -> dict[str, set[str]]:
        """The ids of all lists each of these contacts is on."""
        found: dict[str, set[str]] = {}
        for chunk in chunks(dict.fromkeys(contact_ids), BATCH):
            inputs = [{"objectTypeId": CONTACT, "recordId": contact_id} for contact_id in chunk]
            answer = self._client.call("POST", self._client.paths.memberships(), json={"inputs": inputs})
            for row in checked(answer):
                joined = row.get("recordListMemberships") or ()
                found[str(row["recordId"])] = {str(membership["listId"]) for membership in joined}
        return found

    def _change(
        self, list_id: str, verb: Literal["add", "remove"], contact_ids: Sequence[str]
    ) -> Mapping[str, Any]:
        path = self._client.paths.members(list_id, verb)
        answer: Mapping[str, Any] = self._client.call("PUT", path, json=list(contact_ids))
        return answer

    def _search(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        offset = 0
        while True:
            query = {
                "query": prefix,
                "listIds": [],
                "processingTypes": [],
                "additionalProperties": [],
                "offset": offset,
                "count": LISTS_PAGE,
            }
            answer = self._client.call("POST", self._client.paths.lists_search(), json=query)
            yield from answer["lists"]
            if not answer["hasMore"] or not answer["lists"]:
                return
            offset += len(answer["lists"])
