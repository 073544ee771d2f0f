"""Tasks for sales, 100 a call. HubSpot has no key of ours for a task, so its body's last line is our mark."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from app.domain.changes import CreateTask, Outcome, WithdrawTask
from connectors.hubspot.associations import associated_ids
from connectors.hubspot.client import BATCH, HubSpotClient
from connectors.hubspot.in_flight import write_together
from connectors.hubspot.packing import chunks, trace, write_batch
from connectors.hubspot.records import read_rows
from connectors.hubspot.times import to_iso

TASK_TO_CONTACT = 204
OPEN = "NOT_STARTED"
_MARK = re.compile(r"savia:([^\n<]+)")


def create_tasks(client: HubSpotClient, run: Iterable[CreateTask]) -> Iterator[Outcome]:
    """Not repeated blindly: a create that may have been applied raises TryLater(maybe_applied=True)."""

    def send(batch: Sequence[CreateTask]) -> Any:
        inputs = [_input(position, change) for position, change in enumerate(batch)]
        return client.batch("tasks", "create", {"inputs": inputs}, repeatable=False)

    def write(batch: Sequence[CreateTask]) -> Iterator[tuple[CreateTask, Outcome]]:
        return write_batch(batch, send, _key, client.pause)

    for change, outcome in write_together(chunks(run, BATCH), write, _key):
        yield Outcome(change.key, outcome.status, outcome.reason)


def _key(change: CreateTask) -> str:
    return change.key


def withdraw_tasks(client: HubSpotClient, run: Iterable[WithdrawTask]) -> Iterator[Outcome]:
    """Archive the tasks that stand as we made them; one that is gone is done. May be repeated."""
    for batch in chunks(run, BATCH):
        held = tasks_by_key(client, [change.contact_id for change in batch])
        ours = [(change, task) for change in batch for task in held.get(change.task_key, ())]
        kept = {change.key for change, task in ours if not _as_made(change, task["properties"])}
        gone = [{"id": str(task["id"])} for change, task in ours if change.key not in kept]
        for part in chunks(gone, BATCH):
            client.batch("tasks", "archive", {"inputs": part})
        for change in batch:
            if change.key in kept:
                yield Outcome(change.key, "superseded", "somebody has begun or reworded the task")
            else:
                yield Outcome(change.key, "done")


def _as_made(change: WithdrawTask, held: Mapping[str, Any]) -> bool:
    return held.get("hs_task_status") == OPEN and held.get("hs_task_subject") == change.subject


def tasks_by_key(client: HubSpotClient, contact_ids: Iterable[str]) -> dict[str, list[Mapping[str, Any]]]:
    """The tasks of these contacts that bear a mark of ours, by the key in it."""
    asked = list(dict.fromkeys(contact_ids))
    task_ids = [
        task for tasks in associated_ids(client, "contacts", "tasks", asked).values() for task in tasks
    ]
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in read_rows(client, "tasks", task_ids, ["hs_task_body", "hs_task_status", "hs_task_subject"]):
        for key in marks_in(row["properties"].get("hs_task_body") or ""):
            found.setdefault(key, []).append(row)
    return found


def mark(key: str) -> str:
    """The line that ends a task's body."""
    return f"savia:{key}"


def marks_in(body: str) -> set[str]:
    """The keys a task's body is marked with; HubSpot may have wrapped its lines in HTML."""
    return {found.strip() for found in _MARK.findall(body)}


def _input(position: int, change: CreateTask) -> dict[str, Any]:
    properties = {
        "hs_timestamp": to_iso(change.due_at),
        "hs_task_subject": change.subject,
        "hs_task_body": f"{change.body}\n{mark(change.key)}",
        "hs_task_status": OPEN,
        "hs_task_priority": change.priority,
        "hs_task_type": change.task_type,
    }
    if change.owner_id:
        properties["hubspot_owner_id"] = change.owner_id
    kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": TASK_TO_CONTACT}
    return {
        "properties": properties,
        "associations": [{"to": {"id": change.contact_id}, "types": [kind]}],
        "objectWriteTraceId": trace(position),
    }
