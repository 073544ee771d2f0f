"""Many changes in few calls, and each one's own verdict out of a batch's answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from app.domain.changes import FOR_THE_MOMENT, Change, CreateContact, EnrolInWorkflow, Outcome, SetProperties
from app.domain.errors import BadRecord, NotForUs
from connectors.hubspot.errors import absent_properties, is_passing, reason_of
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
    batch: Sequence[C],
    send: Callable[[Sequence[C]], Any],
    subject: Callable[[C], str],
    pause: Callable[[], None],
) -> Iterator[tuple[C, Outcome]]:
    """Send one batch and judge each change. What HubSpot could not take at the moment is sent once more after
    a `pause`; what it cannot take then either is refused for the moment.
    """
    try:
        answer = send(batch)
    except BadRecord as fault:
        yield from _in_parts(batch, fault, send, subject, pause)
        return
    again = []
    for change, outcome in judged(batch, answer or {}, subject):
        if outcome.status == "rejected" and is_passing(outcome.reason):
            again.append(change)
        else:
            yield change, outcome
    if again:
        pause()
        for change, outcome in judged(again, send(again) or {}, subject):
            yield change, _for_the_moment(outcome) if is_passing(outcome.reason) else outcome


def _for_the_moment(outcome: Outcome) -> Outcome:
    return replace(outcome, reason=f"{FOR_THE_MOMENT}: {outcome.reason}")


def _in_parts(
    batch: Sequence[C],
    fault: BadRecord,
    send: Callable[[Sequence[C]], Any],
    subject: Callable[[C], str],
    pause: Callable[[], None],
) -> Iterator[tuple[C, Outcome]]:
    """A batch refused whole: again without those who set a property that the portal lacks; where there are
    none, halved until the bad item is alone.
    """
    absent = absent_properties(fault)
    hopeless = batch if len(batch) == 1 else [change for change in batch if absent & _sets(change)]
    yield from ((change, rejected(change, fault)) for change in hopeless)
    gone = {change.key for change in hopeless}
    rest = [change for change in batch if change.key not in gone]
    middle = len(rest) if hopeless else len(rest) // 2
    for part in (rest[:middle], rest[middle:]):
        if part:
            yield from write_batch(part, send, subject, pause)


def _sets(change: Change) -> Set[str]:
    """The names of the properties that a change sets."""
    match change:
        case SetProperties() | CreateContact():
            return change.properties.keys()
        case EnrolInWorkflow():
            return {change.trigger_property}
        case _:
            return set()


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
