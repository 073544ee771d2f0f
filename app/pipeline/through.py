"""Up to when each source's data are in: told in HubSpot, by `check` and `explain`, and with the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from app.domain.changes import Problem
from app.services import Services
from app.store import cursors
from app.store.cursors import Reach

BEHIND = timedelta(days=2)
"""A source further back than this is told of: a score that lacks two days of acts is another score."""


def data_through(conn: sa.Connection, services: Services) -> dict[str, datetime | None]:
    """By source, up to when everybody's acts are in; None while a first round over everybody is under way."""
    return {source: _last(reaches).everybody for source, reaches in _reaches(conn, services).items()}


def through_in_words(conn: sa.Connection, services: Services) -> dict[str, str]:
    """The same in words, with the most active people where they are ahead of the others."""
    return {source: _words(_last(reaches)) for source, reaches in _reaches(conn, services).items()}


def through_problems(conn: sa.Connection, services: Services, now: datetime) -> Iterator[Problem]:
    """Sources that are far behind, with the stream that keeps them."""
    for source, reaches in _reaches(conn, services).items():
        stream, reach = min(reaches.items(), key=lambda item: _moment(item[1]))
        if source in services.sources and reach.everybody and now - reach.everybody > BEHIND:
            message = (
                f"{stream} are in through {reach.everybody:%Y-%m-%d %H:%M} UTC only: scores lack what came"
                " since; python -m jobs sync says what keeps it"
            )
            yield Problem("warning", source, message)


def _reaches(conn: sa.Connection, services: Services) -> dict[str, dict[str, Reach]]:
    """Source -> the streams it is read by that carry acts of people -> how far each has come."""
    found: dict[str, dict[str, Reach]] = {}
    for (source, stream), reach in cursors.reached(conn).items():
        if _is_read(services, source, stream) and _carries_acts(services, source, stream):
            found.setdefault(source, {})[stream] = reach
    return found


def _is_read(services: Services, source: str, stream: str) -> bool:
    """Is it still? Of a source that is off, all that it was read by counts."""
    return source not in services.sources or stream in services.sources[source].streams


def _carries_acts(services: Services, source: str, stream: str) -> bool:
    """A stream may name its records more closely: activities.click."""
    meaning = services.mappings.streams.get(source)
    return meaning is not None and any(
        bool(makes.observation) and (name == stream or name.startswith(f"{stream}."))
        for name, makes in meaning.stream.items()
    )


def _last(reaches: Mapping[str, Reach]) -> Reach:
    """A source is as far as its stream that is furthest back."""
    return min(reaches.values(), key=_moment)


def _moment(reach: Reach) -> float:
    return reach.everybody.timestamp() if reach.everybody else 0.0


def _words(reach: Reach) -> str:
    ahead = reach.most_active and reach.most_active != reach.everybody
    active = f" (the most active: {reach.most_active:%Y-%m-%d %H:%M} UTC)" if ahead else ""
    if reach.everybody is None:
        return f"not everybody read yet{active}"
    return f"{reach.everybody:%Y-%m-%d %H:%M} UTC{active}"
