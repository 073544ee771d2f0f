"""Which webinar runs there are, and when each is worth reading again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from app.domain.errors import BadCredentials, PartlyRead, SaviaError
from connectors.zoom.client import NotReady, Refused, Row, ZoomClient, rows_of

YEAR = timedelta(days=365)
READINGS = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=24))
"""After the end of a run its reports still grow; with the last of these readings they are complete."""

SURVEY_READINGS = (*READINGS, timedelta(days=3))
"""Who is asked by mail answers a survey days later."""

GIVE_UP = timedelta(days=30)
"""A report that is not there this long after the end never comes: nobody joined, or the plan keeps none."""

SHOWN = 3
"""How many of the calls that Zoom refuses are named in one message."""

_EARLY = timedelta(hours=1)
"""How much before its planned start a host may open a run."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one webinar, held or planned. `instance` is Zoom's word that it was held and is over."""

    webinar: Row
    uuid: str
    start: datetime | None
    instance: Row | None = None

    @property
    def webinar_id(self) -> str:
        return str(self.webinar.get("id", ""))

    @property
    def is_recurring(self) -> bool:
        return self.webinar.get("type") in {6, 9}

    @property
    def planned_end(self) -> datetime | None:
        """An instance does not say when it ended, so this is the end that was planned."""
        minutes = self.webinar.get("duration")
        lasts = timedelta(minutes=minutes) if isinstance(minutes, int | float) else timedelta(hours=1)
        return self.start + lasts if self.start else None

    @property
    def start_text(self) -> str:
        """The start in Zoom's own writing."""
        return str((self.instance or self.webinar).get("start_time") or "")

    def is_over(self, now: datetime) -> bool:
        return self.instance is not None or (self.planned_end is not None and self.planned_end <= now)


@dataclass(slots=True)
class LeftOut:
    """What Zoom refuses while the rest can be read: what it is, and why, in Zoom's own order."""

    told: list[str] = field(default_factory=list)

    def add(self, what: str, reason: SaviaError) -> None:
        self.told.append(f"{what}: {str(reason).removeprefix('zoom: ')}")

    def tell(self) -> None:
        """Raises PartlyRead where anything was left out."""
        if self.told:
            more = f"; and {len(self.told) - SHOWN} more" if len(self.told) > SHOWN else ""
            raise PartlyRead(f"zoom: left out {'; '.join(self.told[:SHOWN])}{more}")


def list_webinars(client: ZoomClient, hosts: Sequence[str], left_out: LeftOut) -> list[Row]:
    """The webinars of all hosts, each once. Zoom lists those to come and those of about the last month. A
    host that cannot be read is left out; raises BadCredentials where that is every one.
    """
    found: dict[tuple[str, str], Row] = {}
    for place, host in enumerate(hosts, start=1):
        try:
            for rows, _ in client.pages(f"/users/{quote(host)}/webinars", "webinars", "Medium"):
                found |= {(str(row.get("id")), str(row.get("start_time"))): row for row in rows}
        except (NotReady, Refused) as failure:
            left_out.told.append(host_problem(place, failure))
            if len(left_out.told) == len(hosts):
                raise BadCredentials(f"zoom: {left_out.told[0]}") from None
    return list(found.values())


def host_problem(place: int, failure: SaviaError) -> str:
    """What an operator should do about a host whose webinars cannot be listed. Hosts are told by their place:
    their names may be addresses.
    """
    if isinstance(failure, NotReady):
        return f"host {place} is unknown; correct `hosts` under [zoom]"
    return f"host {place}: {str(failure).removeprefix('zoom: ')}"


def list_runs(client: ZoomClient, hosts: Sequence[str], now: datetime, left_out: LeftOut) -> list[Run]:
    """Every run of the last year that can be known, and the planned ones, in order of time."""
    webinars = list_webinars(client, hosts, left_out)
    held: dict[str, list[Run]] = {}
    for webinar in webinars:
        planned = _planned(webinar)
        webinar_id = planned.webinar_id
        if webinar_id not in held and _may_have_run(planned, now):
            held[webinar_id] = list(_instances(client, webinar, left_out))
    runs = {run.uuid: run for webinar in webinars for run in [_planned(webinar)] if _is_still_open(run, held)}
    runs |= {run.uuid: run for found in held.values() for run in found}
    recent = (run for run in runs.values() if run.uuid and not (run.start and run.start < now - YEAR))
    return sorted(recent, key=lambda run: (run.start or now, run.uuid))


def _planned(webinar: Row) -> Run:
    return Run(webinar, str(webinar.get("uuid") or ""), moment(webinar.get("start_time")))


def _instances(client: ZoomClient, webinar: Row, left_out: LeftOut) -> Iterator[Run]:
    try:
        body = client.get(f"/past_webinars/{webinar.get('id')}/instances", "Light")
    except NotReady:
        return  # never held
    except Refused as reason:
        left_out.add(f"the runs of webinar {webinar.get('id')}", reason)
        return
    for instance in rows_of(body, "webinars"):
        yield Run(webinar, str(instance.get("uuid") or ""), moment(instance.get("start_time")), instance)


def _may_have_run(planned: Run, now: datetime) -> bool:
    return planned.is_recurring or planned.start is None or planned.start - _EARLY <= now


def _is_still_open(planned: Run, held: Mapping[str, Iterable[Run]]) -> bool:
    """A planned run that was held is known by its instance, whose uuid is another one."""
    if not planned.webinar.get("start_time"):
        return False
    starts = [run.start for run in held.get(planned.webinar_id, ()) if run.start]
    return planned.start is None or not any(start >= planned.start - _EARLY for start in starts)


def is_due(
    end: datetime | None,
    over: bool,
    read_at: datetime | None,
    now: datetime,
    waits: Sequence[timedelta] = READINGS,
) -> bool:
    """Is something that ended at `end` worth reading, last read at `read_at`?

    At once when it is over, then after each of `waits`, then never again.
    """
    if not over or end is None:
        return False
    if read_at is None:
        return True
    return any(read_at < end + wait <= now for wait in waits)


def asks_again(end: datetime | None, asked_at: datetime | None, now: datetime) -> bool:
    """Is a report that was not ready at `asked_at` worth asking for?

    When a quarter more time has passed since `end`. Most webinars have no survey, and Zoom does not say
    which.
    """
    return end is None or asked_at is None or now - asked_at >= (asked_at - end) / 4


def moment(text: Any) -> datetime | None:
    """A Zoom time, in any of its forms, as UTC; None where it is missing or unreadable."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
