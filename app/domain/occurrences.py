"""Webinar runs and what follows from all of them together: which are one occurrence (a host who drops out
comes back under another run's uuid), how long it was, when it was announced.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.records import Occurrence

SAME_OCCURRENCE = timedelta(hours=3)
"""A webinar that begins again this soon is the same one. A series repeats daily at most, and a run may begin
before or after the start that was planned for it.
"""

CAME_BACK = timedelta(hours=1)
"""The same after the known end of a longer run."""


def first_runs(runs: Iterable[Occurrence]) -> dict[str, str]:
    """Run uuid -> the uuid of the first run of its occurrence."""
    first: dict[str, str] = {}
    by_webinar: dict[tuple[str, str], list[Occurrence]] = defaultdict(list)
    for run in runs:
        by_webinar[run.source, run.webinar_id].append(run)
    for series in by_webinar.values():
        before: Occurrence | None = None
        for run in sorted(series, key=lambda run: (run.starts_at, run.uuid)):
            goes_on = before is not None and run.starts_at <= _until(before)
            first[run.uuid] = first[before.uuid] if before and goes_on else run.uuid
            before = run
    return first


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs by uuid with what follows from them, worked out once for any number of leads: `first` is each
    run's first of its occurrence, `lengths` are by that one's uuid where its end is known, `announced` by
    webinar.
    """

    by_uuid: Mapping[str, Occurrence]
    first: Mapping[str, str]
    lengths: Mapping[str, timedelta]
    announced: Mapping[str, datetime]


def runs_of(by_uuid: Mapping[str, Occurrence]) -> Runs:
    """These runs, which should be all of their webinars'."""
    first = first_runs(by_uuid.values())
    parts: dict[str, list[Occurrence]] = defaultdict(list)
    for run in by_uuid.values():
        parts[first[run.uuid]].append(run)
    lengths = {uuid: length for uuid, runs in parts.items() if (length := _length(runs)) > timedelta()}
    return Runs(by_uuid, first, lengths, _announced(by_uuid.values()))


def _length(runs: Sequence[Occurrence]) -> timedelta:
    """Nothing while the end is unknown."""
    begins = min(run.starts_at for run in runs)
    return max((run.ends_at for run in runs if run.ends_at), default=begins) - begins


def _announced(runs: Iterable[Occurrence]) -> dict[str, datetime]:
    earliest: dict[str, datetime] = {}
    for run in runs:
        if run.created_at is not None:
            earliest[run.webinar_id] = min(run.created_at, earliest.get(run.webinar_id, run.created_at))
    return earliest


def _until(run: Occurrence) -> datetime:
    ends = (run.ends_at or run.starts_at) + CAME_BACK
    return max(run.starts_at + SAME_OCCURRENCE, ends)
