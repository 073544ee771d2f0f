"""Which runs of a webinar are one occurrence: a host who drops out comes back under another run's uuid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
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


def _until(run: Occurrence) -> datetime:
    ends = (run.ends_at or run.starts_at) + CAME_BACK
    return max(run.starts_at + SAME_OCCURRENCE, ends)
