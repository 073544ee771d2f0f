"""Records read 100 at a time, by id or by e-mail, as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from connectors.hubspot.client import BATCH, HubSpotClient
from connectors.hubspot.errors import checked
from connectors.hubspot.packing import chunks
from connectors.hubspot.paths import ObjectType


def read_rows(
    client: HubSpotClient, object_type: ObjectType, ids: Iterable[str], properties: Sequence[str]
) -> Iterator[Mapping[str, Any]]:
    """HubSpot's objects for those ids that exist, each asked for once."""
    yield from _read(client, object_type, ids, properties, {})


def read_by_email(
    client: HubSpotClient, emails: Iterable[str], properties: Sequence[str]
) -> dict[str, Mapping[str, Any]]:
    """The contacts that go by these addresses, under each address a contact has, in lower case."""
    asked = ["email", "hs_additional_emails", *properties]
    found: dict[str, Mapping[str, Any]] = {}
    for row in _read(client, "contacts", (email.lower() for email in emails), asked, {"idProperty": "email"}):
        values = values_of(row, ("email", "hs_additional_emails"))
        addresses = [values["email"], *values["hs_additional_emails"].split(";")]
        found.update((address.lower(), row) for address in addresses if address)
    return found


def values_of(row: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """The values of those properties; HubSpot's null is an empty property."""
    return {name: row["properties"].get(name) or "" for name in names}


def _read(
    client: HubSpotClient,
    object_type: ObjectType,
    ids: Iterable[str],
    properties: Sequence[str],
    further: Mapping[str, str],
) -> Iterator[Mapping[str, Any]]:
    for chunk in chunks(dict.fromkeys(ids), BATCH):
        body = {
            "inputs": [{"id": record_id} for record_id in chunk],
            "properties": list(dict.fromkeys(properties)),
            "propertiesWithHistory": [],
            **further,
        }
        yield from checked(client.batch(object_type, "read", body))
