"""Many changes in few calls, and each one's own verdict out of a batch's answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from app.domain.changes import Change, Outcome
from app.domain.errors import BadRecord, NotForUs
from connectors.hubspot.errors import reason_of
from connectors.hubspot.times import from_iso

T = TypeVar("T")
C = TypeVar("C", bound=Change)

NOT_TOLD: tuple[str, datetime | None] = ("", None)
"""What an answer says of a record it does not name."""


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in order, `size` at a time."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def batches(run: Iterable[C], size: int, subject: Callable[[C], str]) -> Iterator[list[C]]:
    """The changes in order, at most `size` a batch and no subject twice in one, which HubSpot refuses."""
    batch: list[C] = []
    subjects: set[str] = set()
    for change in run:
        if len(batch) == size or subject(change) in subjects:
            yield batch
            batch, subjects = [], set()
        batch.append(change)
        subjects.add(subject(change))
    if batch:
        yield batch


def trace(position: int) -> str:
    """The objectWriteTraceId of the input at this position: HubSpot names it in that input's error."""
    return f"savia-{position}"


def write_batch(
    batch: Sequence[C], send: Callable[[Sequence[C]], Any], subject: Callable[[C], str]
) -> Iterator[tuple[C, Outcome]]:
    """Send one batch and judge each change. A batch refused whole is halved until the bad item is alone."""
    try:
        answer = send(batch)
    except BadRecord as fault:
        if len(batch) == 1:
            yield batch[0], rejected(batch[0], fault)
            return
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            yield from write_batch(half, send, subject)
        return
    yield from judged(batch, answer or {}, subject)


def rejected(change: Change, fault: BadRecord | NotForUs) -> Outcome:
    return Outcome(change.key, "rejected", fault.reason if isinstance(fault, BadRecord) else str(fault))


def judged(
    batch: Sequence[C], answer: Mapping[str, Any], subject: Callable[[C], str]
) -> Iterator[tuple[C, Outcome]]:
    """Each change with its outcome. `subject` is what HubSpot may call it by: its id or e-mail.

    An error that names no input falls on those the results do not confirm: better written twice than lost.
    """
    faults, nameless = _faults(answer)
    results = _results(answer)
    for position, change in enumerate(batch):
        names = (trace(position), subject(change).lower())
        reason = next((faults[name] for name in names if name in faults), "")
        contact_id, modified_at = next((results[name] for name in names if name in results), NOT_TOLD)
        reason = reason or ("" if contact_id else nameless)
        if reason:
            yield change, Outcome(change.key, "rejected", reason)
        else:
            yield change, Outcome(change.key, "done", contact_id=contact_id, modified_at=modified_at)


def _faults(answer: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    """The reason per input named in `errors`, and the reason of errors that name none."""
    faults: dict[str, str] = {}
    nameless = ""
    for error in answer.get("errors") or ():
        context = error.get("context") or {}
        # The trace id first: the ids beside it may be of another record, the one in the way.
        named = _texts(context.get("objectWriteTraceId")) or _texts(context.get("ids"))
        faults.update((name.lower(), reason_of(error)) for name in named)
        nameless = nameless or ("" if named else reason_of(error))
    return faults, nameless


def _results(answer: Mapping[str, Any]) -> dict[str, tuple[str, datetime | None]]:
    """The record's id and when it was modified, by every name the results give it."""
    found: dict[str, tuple[str, datetime | None]] = {}
    for result in answer.get("results") or ():
        record_id, modified_at = str(result["id"]), result.get("updatedAt")
        told = record_id, from_iso(modified_at) if modified_at else None
        email = (result.get("properties") or {}).get("email")
        for name in (result.get("objectWriteTraceId"), email, record_id):
            if name:
                found[str(name).lower()] = told
    return found


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]
