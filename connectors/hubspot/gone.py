"""Which contacts HubSpot has no more, neither among its contacts nor in its recycle bin.

Only an id that HubSpot names as not found, in an answer without any other fault, counts: one that is merely
not in an answer was merged, and answers under the id that was kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.hubspot.client import BATCH, HubSpotClient
from connectors.hubspot.errors import checked
from connectors.hubspot.packing import chunks


def gone_for_good(client: HubSpotClient, contact_ids: Sequence[str]) -> set[str]:
    """Those of these ids that both readings say are not there. Raises TryLater."""
    found: set[str] = set()
    for chunk in chunks(dict.fromkeys(contact_ids), BATCH):
        missing = _not_found(client, chunk, archived="false")
        found |= _not_found(client, sorted(missing), archived="true") if missing else missing
    return found


def _not_found(client: HubSpotClient, asked: Sequence[str], *, archived: str) -> set[str]:
    body = {"inputs": [{"id": each} for each in asked], "properties": [], "propertiesWithHistory": []}
    path = client.paths.batch("contacts", "read")
    answer = client.call("POST", path, params={"archived": archived}, json=body)
    there = {str(row["id"]) for row in checked(answer)}
    named = {
        str(each)
        for error in answer.get("errors") or ()
        if error.get("category") == "OBJECT_NOT_FOUND"
        for each in (error.get("context") or {}).get("ids") or ()
    }
    return (named & set(asked)) - there
