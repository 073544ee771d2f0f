"""Which records hang together: associations read 1,000 at a time through hubspot-api-client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.http import PageLoopGuard
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.errors import checked
from connectors.hubspot.packing import chunks
from connectors.hubspot.walk import next_page

READ_AT_ONCE = 1000


def associated_ids(
    client: HubSpotClient, from_type: str, to_type: str, ids: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """The ids of `to_type` for each id of `from_type` that has any, each once."""
    found: dict[str, dict[str, None]] = {}
    for chunk in chunks(ids, READ_AT_ONCE):
        asked: list[dict[str, str]] = [{"id": record_id} for record_id in chunk]
        guard = PageLoopGuard("HubSpot")
        while asked:
            guard.check(repr(asked))
            rows = _read(client, from_type, to_type, asked)
            for row in rows:
                others = found.setdefault(str(row["from"]["id"]), {})
                others.update((str(other["toObjectId"]), None) for other in row.get("to") or ())
            asked = [
                {"id": str(row["from"]["id"]), "after": next_page(row)} for row in rows if next_page(row)
            ]
    return {record_id: tuple(others) for record_id, others in found.items()}


def _read(client: HubSpotClient, from_type: str, to_type: str, asked: Sequence[Any]) -> list[Any]:
    answer = client.package.associations.get_page(
        from_type, to_type, {"inputs": asked}, _preload_content=False
    )
    return checked(answer.body)
