"""observations -> activities of one person: what was seen becomes what counts.

Pure in its observations as a set: neither their order nor repeats of them change the answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from types import MappingProxyType
from typing import Protocol

from app.domain.occurrences import Runs
from app.domain.records import Activity, Occurrence
from app.domain.texts import TEXT_ATTRIBUTE

_MINUTE = timedelta(minutes=1)
_ATTENDANCE = ("webinar_join", "webinar_leave", "webinar_segment")
_REGISTRATION = ("registration", "registration_cancelled")
_STAFF = ("host", "panelist")

ACTIVITY_OF: Mapping[str, str] = {
    "registration": "webinar_registration",
    "registration_cancelled": "webinar_registration",
    "webinar_join": "webinar_attendance",
    "webinar_leave": "webinar_attendance",
    "webinar_segment": "webinar_attendance",
    "poll_answer": "poll_participation",
    "qa_question": "qa_participation",
    "chat_message": "chat_participation",
}
"""Observation kind -> activity kind. Every other kind is an activity by its own name."""

NOBODY_ELSE: Mapping[int, str] = MappingProxyType({})
"""No machine was seen: what is observed, people did."""

Interval = tuple[datetime, datetime]


class StoredObservation(Protocol):
    """An observation as the store gives it back, with the id of its row."""

    @property
    def id(self) -> int: ...
    @property
    def source(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def occurred_at(self) -> datetime: ...
    @property
    def quantity(self) -> float: ...
    @property
    def scope(self) -> str: ...
    @property
    def attributes(self) -> Mapping[str, str | float | bool | None]: ...


def derive_activities(
    observations: Sequence[StoredObservation],
    runs: Runs,
    now: datetime,
    machine: Mapping[int, str] = NOBODY_ELSE,
) -> list[Activity]:
    """The activities of the one person all `observations` belong to, in order of time. `machine` says of
    which observations a machine made them, and why: such an activity is kept and counts for nothing.

    `runs` are those of the webinars, with all of the same webinars; a run that is not among them
    still counts. What a person does in an occurrence they were host or panelist of never counts.
    """
    once = {(seen.source, seen.key): seen for seen in sorted(observations, key=_order)}.values()
    first = runs.first
    staffed = {first.get(seen.scope, seen.scope) for seen in once if _is_staff(seen)}
    counted = [seen for seen in once if not (seen.scope and first.get(seen.scope, seen.scope) in staffed)]
    activities = chain(
        _attendances(counted, runs, now),
        _registrations(counted, runs.announced),
        (
            _as_activity(seen, machine.get(seen.id, ""))
            for seen in counted
            if seen.kind not in (*_ATTENDANCE, *_REGISTRATION)
        ),
    )
    return sorted(activities, key=lambda item: (item.occurred_at, item.kind, item.fact_key))


def _order(seen: StoredObservation) -> tuple[datetime, float, int]:
    return seen.occurred_at, seen.quantity, seen.id


def _is_staff(seen: StoredObservation) -> bool:
    return seen.kind == "webinar_segment" and seen.attributes.get("role") in _STAFF


def _as_activity(seen: StoredObservation, machine: str) -> Activity:
    added: dict[str, str | float | bool | None] = {"scope": seen.scope} if seen.scope else {}
    if machine:
        added |= {"machine": True, "evidence": machine}
    return Activity(
        kind=ACTIVITY_OF.get(seen.kind, seen.kind),
        fact_key=seen.key,
        occurred_at=seen.occurred_at,
        quantity=1.0 if seen.kind in ACTIVITY_OF else seen.quantity,
        observation_ids=(seen.id,),
        attributes={**_without_text(seen.attributes), **added},
    )


# --- attendance ------------------------------------------------------------------------------------------


def _attendances(counted: Sequence[StoredObservation], runs: Runs, now: datetime) -> Iterator[Activity]:
    """One per occurrence: the time the person was there, on any device and in any of its runs."""
    for uuid, seen_there in _by_scope(counted, runs.first).items():
        basis: list[StoredObservation] = []
        intervals: list[Interval] = []
        for scope, seen_in_run in _by_scope(seen_there, {}).items():
            stays, when = _stays(seen_in_run, runs.by_uuid.get(scope))
            basis += stays
            intervals += when
        if not basis:
            continue
        present = _length((start, max(start, min(end, now))) for start, end in intervals)
        yield Activity(
            kind="webinar_attendance",
            fact_key=uuid,
            occurred_at=min(seen.occurred_at for seen in basis),
            quantity=present / _MINUTE,  # exact: minutes are rounded once, where they are shown
            observation_ids=_ids(basis),
            attributes=_run_attributes(basis, runs.by_uuid.get(uuid))
            | _share(present, runs.lengths.get(uuid)),
        )


def _stays(
    seen_in_run: Sequence[StoredObservation], run: Occurrence | None
) -> tuple[Sequence[StoredObservation], list[Interval]]:
    """What counts of one run, and when the person was there by it. The report is final: it outranks the
    run's webhooks entirely.
    """
    stays = [seen for seen in seen_in_run if seen.kind in _ATTENDANCE]
    report = [seen for seen in stays if seen.kind == "webinar_segment"]
    if report:
        return report, _segments(report)
    return stays, _pairs(stays, _open_until(seen_in_run, run))


def _share(present: timedelta, whole: timedelta | None) -> dict[str, str | float | bool | None]:
    """The share of the occurrence that was watched; nothing while its end is unknown."""
    return {} if whole is None else {"share": round(min(1.0, present / whole), 4)}


def _segments(report: Iterable[StoredObservation]) -> list[Interval]:
    return [(seen.occurred_at, seen.occurred_at + timedelta(seconds=seen.quantity)) for seen in report]


def _pairs(stays: Sequence[StoredObservation], open_until: datetime) -> list[Interval]:
    """Each join with the next leave of its session (device); one without is open."""
    leaves = [seen for seen in stays if seen.kind == "webinar_leave"]
    return [
        (join.occurred_at, _next_leave(join, leaves, open_until))
        for join in stays
        if join.kind == "webinar_join"
    ]


def _next_leave(
    join: StoredObservation, leaves: Iterable[StoredObservation], open_until: datetime
) -> datetime:
    session = join.attributes.get("session")
    after = [
        leave.occurred_at
        for leave in leaves
        if leave.attributes.get("session") == session and leave.occurred_at >= join.occurred_at
    ]
    # Left and back within the same second: the leave of that second ended the stay before.
    later = [moment for moment in after if moment > join.occurred_at]
    return min(later or after or [open_until])


def _open_until(seen_there: Iterable[StoredObservation], run: Occurrence | None) -> datetime:
    """The end of the run where it is known, else the last thing the person was seen doing in it."""
    if run is not None and run.ends_at is not None:
        return run.ends_at
    return max(seen.occurred_at for seen in seen_there)


def _length(intervals: Iterable[Interval]) -> timedelta:
    """The length of the union: time on two devices at once counts once."""
    total = timedelta()
    reached: datetime | None = None
    for start, end in sorted(intervals):
        begins = start if reached is None else max(start, reached)
        total += max(end - begins, timedelta())
        reached = end if reached is None else max(end, reached)
    return total


def _run_attributes(
    basis: Iterable[StoredObservation], run: Occurrence | None
) -> dict[str, str | float | bool | None]:
    if run is not None:
        return {"webinar_id": run.webinar_id, "topic": run.topic}
    named = {str(seen.attributes["webinar_id"]) for seen in basis if seen.attributes.get("webinar_id")}
    return {"webinar_id": min(named)} if named else {}


# --- registrations ---------------------------------------------------------------------------------------


def _registrations(
    counted: Sequence[StoredObservation], announced: Mapping[str, datetime]
) -> Iterator[Activity]:
    """One per webinar, unless it was cancelled or denied since."""
    for webinar_id, seen_there in _by_scope(counted, {}).items():
        ended = [seen.occurred_at for seen in seen_there if seen.kind == "registration_cancelled"]
        valid = [
            seen
            for seen in seen_there
            if seen.kind == "registration" and (not ended or seen.occurred_at > max(ended))
        ]
        if not valid:
            continue
        created_at = announced.get(webinar_id)
        yield Activity(
            kind="webinar_registration",
            fact_key=webinar_id,
            occurred_at=min(seen.occurred_at for seen in valid),
            quantity=1.0,
            observation_ids=_ids(valid),
            attributes=_registration_attributes(valid, created_at),
        )


def _registration_attributes(
    valid: Sequence[StoredObservation], announced_at: datetime | None
) -> dict[str, str | float | bool | None]:
    """What every valid registration said, the latest word first, and when the webinar was announced."""
    said: dict[str, str | float | bool | None] = {}
    for seen in valid:
        known = _without_text(seen.attributes).items()
        said |= {name: value for name, value in known if value is not None}
    if announced_at:
        said["webinar_created_at"] = announced_at.isoformat()
    return said


# --- both ------------------------------------------------------------------------------------------------


def _by_scope(
    counted: Iterable[StoredObservation], names: Mapping[str, str]
) -> dict[str, list[StoredObservation]]:
    """By scope, or by the name that `names` has for it."""
    groups: dict[str, list[StoredObservation]] = defaultdict(list)
    for seen in counted:
        groups[names.get(seen.scope, seen.scope)].append(seen)
    return groups


def _without_text(
    attributes: Mapping[str, str | float | bool | None],
) -> dict[str, str | float | bool | None]:
    return {name: value for name, value in attributes.items() if name != TEXT_ATTRIBUTE}


def _ids(seen: Iterable[StoredObservation]) -> tuple[int, ...]:
    return tuple(sorted(item.id for item in seen))
