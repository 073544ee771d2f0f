"""Contacts written: properties by batch update, new ones by batch upsert on their e-mail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.domain.changes import CreateContact, EnrolInWorkflow, Outcome, SetProperties
from connectors.hubspot.client import BATCH, HubSpotClient
from connectors.hubspot.in_flight import write_together
from connectors.hubspot.packing import batches, trace, write_batch
from connectors.hubspot.records import read_by_email, values_of


def set_properties(client: HubSpotClient, run: Iterable[SetProperties]) -> Iterator[Outcome]:
    def send(batch: Sequence[SetProperties]) -> Any:
        return _update(client, [(change.contact_id, change.properties) for change in batch])

    def write(batch: Sequence[SetProperties]) -> Iterator[tuple[SetProperties, Outcome]]:
        return write_batch(batch, send, _contact_id, client.pause)

    for _, outcome in write_together(batches(run, BATCH, _contact_id), write, _contact_id):
        yield replace(outcome, contact_id="")


def set_triggers(
    client: HubSpotClient, batch: Sequence[EnrolInWorkflow]
) -> Iterator[tuple[EnrolInWorkflow, Outcome]]:
    """Write each enrolment's trigger property: the last step of an enrolment and the mark that it is done."""

    def send(part: Sequence[EnrolInWorkflow]) -> Any:
        return _update(client, [(c.contact_id, {c.trigger_property: str(c.triggered_at)}) for c in part])

    for change, outcome in write_batch(batch, send, _contact_id, client.pause):
        yield change, replace(outcome, contact_id="")


def create_contacts(client: HubSpotClient, run: Iterable[CreateContact]) -> Iterator[Outcome]:
    """Upsert by e-mail. HubSpot may refuse a whole batch for one bad item, which is then found by halving.

    A contact that somebody made since the plan was shown keeps what it holds: only what it lacks is set.
    """

    def send(batch: Sequence[CreateContact]) -> Any:
        return client.batch("contacts", "upsert", {"inputs": [_upsert(*item) for item in enumerate(batch)]})

    def write(batch: Sequence[CreateContact]) -> Iterator[tuple[CreateContact, Outcome]]:
        names = sorted({name for change in batch for name in change.properties})
        there = read_by_email(client, [change.email for change in batch], names)
        lacking = [_lacking(change, there.get(_email(change))) for change in batch]
        wanted = [change for change in lacking if change.properties]
        judged = list(write_batch(wanted, send, _email, client.pause)) if wanted else []
        judged += [(change, Outcome(change.key, "done")) for change in lacking if not change.properties]
        return _with_contact_ids(client, judged)

    for _, outcome in write_together(batches(run, BATCH, _email), write, _email):
        yield outcome


def _lacking(change: CreateContact, held: Mapping[str, Any] | None) -> CreateContact:
    """The change without the values its contact has already."""
    if held is None:
        return change
    values = values_of(held, change.properties)
    return replace(change, properties={k: v for k, v in change.properties.items() if not values[k]})


def _with_contact_ids(
    client: HubSpotClient, judged: Sequence[tuple[CreateContact, Outcome]]
) -> Iterator[tuple[CreateContact, Outcome]]:
    """An answer that names neither our trace id nor the address leaves the id to be read."""
    unknown = [
        change.email for change, outcome in judged if outcome.status == "done" and not outcome.contact_id
    ]
    rows = read_by_email(client, unknown, []) if unknown else {}
    for change, outcome in judged:
        row = rows.get(change.email.lower())
        yield change, replace(outcome, contact_id=str(row["id"])) if row else outcome


def _update(client: HubSpotClient, wanted: Sequence[tuple[str, Any]]) -> Any:
    inputs = [
        {"id": contact_id, "properties": dict(properties), "objectWriteTraceId": trace(position)}
        for position, (contact_id, properties) in enumerate(wanted)
    ]
    return client.batch("contacts", "update", {"inputs": inputs})


def _upsert(position: int, change: CreateContact) -> dict[str, Any]:
    return {
        "id": change.email,
        "idProperty": "email",
        "properties": dict(change.properties),
        "objectWriteTraceId": trace(position),
    }


def _contact_id(change: SetProperties | EnrolInWorkflow) -> str:
    return change.contact_id


def _email(change: CreateContact) -> str:
    return change.email.lower()
