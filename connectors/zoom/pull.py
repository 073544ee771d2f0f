"""Zoom as a source that is asked: webinars, registrants, and the three reports of a run.

The cursor of every stream is {"read": {key: time of the last reading}}, the key a run's uuid, for registrants
a webinar's id. Something read before its report was complete is read again; a key older than a year goes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from urllib.parse import quote

from app.domain.changes import Problem
from app.domain.errors import BadCredentials, TryLater
from app.domain.records import Page, Record
from connectors.zoom.client import NotReady, Row, TooOld, ZoomClient, rows_of, run_path
from connectors.zoom.runs import GIVE_UP, READINGS, YEAR, Run, is_due, list_runs, moment

ReadTimes = dict[str, datetime]
RowPages = Iterator[tuple[list[Row], bool]]
"""The rows of each page, and whether it is the last."""

COUNT = "participants.count"
"""What Zoom's own report counts, told beside its rows: what we hold is compared with it."""

FAILURES = 2
"""So many reports in a row that cannot be had mean that Zoom is away; one alone is left for the next pull."""


@dataclass(frozen=True, slots=True)
class Panel:
    """The panelists of a webinar by every name a participant row may show them under."""

    ids: frozenset[str]
    emails: frozenset[str]


class ZoomSource:
    """A PullSource for the webinars of `hosts` (user ids or e-mails; "me" is the app's owner).

    A run whose report is not ready is left for the next pull and holds up no other.
    """

    name = "zoom"
    streams: tuple[str, ...] = ("webinars", "registrants", "participants", "polls", "questions")

    def __init__(self, client: ZoomClient, hosts: Sequence[str] = ("me",)) -> None:
        self._client = client
        self._hosts = tuple(hosts)
        self._listed: tuple[datetime, list[Run]] | None = None
        self._reports: Mapping[str, Callable[[Run], RowPages]] = {
            "participants": self._participants,
            "polls": self._polls,
            "questions": self._questions,
        }

    def check(self) -> list[Problem]:
        """A listing of one webinar: address, credentials, host; then the scopes that came with the token."""
        path = f"/users/{quote(self._hosts[0])}/webinars"
        try:
            self._client.get(path, "Medium", {"page_size": "1"})
        except TryLater as failure:
            return [Problem("warning", "zoom", str(failure))]
        except BadCredentials as failure:
            return [Problem("error", "zoom", str(failure))]
        except NotReady:
            return [Problem("error", "zoom", "the first host is unknown; correct `hosts` under [zoom]")]
        return list(_scope_problems(self._client.scopes))

    def pull(self, stream: str, after: Mapping[str, Any] | None, now: datetime) -> Iterator[Page]:
        """Pages of `stream` (the streams are independent of one another). The last page may be empty: it
        carries the cursor.
        """
        read = _recent(after, now)
        runs = self._runs(now)
        if stream == "webinars":
            yield self._webinars(runs, read, now)
        elif stream == "registrants":
            began = (after or {}).get("began")
            yield from self._registrants(runs, read, now, datetime.fromisoformat(began) if began else None)
        else:
            yield from self._report(stream, runs, read, now)

    def _runs(self, now: datetime) -> list[Run]:
        """Listed once for all streams that are pulled at one moment."""
        if self._listed is None or self._listed[0] != now:
            self._listed = now, list_runs(self._client, self._hosts, now)
        return self._listed[1]

    def _webinars(self, runs: Sequence[Run], read: ReadTimes, now: datetime) -> Page:
        due = [
            run
            for run in runs
            # Without a readable start it is handed on all the same: the mapping says what is wrong with it.
            if not run.is_over(now)
            or run.planned_end is None
            or is_due(run.planned_end, over=True, read_at=read.get(run.uuid), now=now)
        ]
        records = tuple(Record(self.name, "webinars", _webinar_payload(run)) for run in due)
        return Page(records, _cursor(read | {run.uuid: now for run in due if run.is_over(now)}))

    def _registrants(
        self, runs: Sequence[Run], read: ReadTimes, now: datetime, began: datetime | None
    ) -> Iterator[Page]:
        """Whole listings, since an approval does not change a registrant's create_time. Until all have been
        read, the cursor says when that began: who goes on with it reads none of them twice.
        """
        goes_on, began = began is not None, began or now
        in_groups = sorted(runs, key=lambda run: run.webinar_id)
        for webinar_id, group in groupby(in_groups, key=lambda run: run.webinar_id):
            its_runs = list(group)
            read_at = read.get(webinar_id)
            read_already = goes_on and read_at is not None and read_at >= began
            if read_already or not _wants_registrants(its_runs, read_at, now):
                continue
            path = f"/webinars/{webinar_id}/registrants"
            try:
                for rows, last in self._client.pages(path, "registrants", "Medium", {"status": "approved"}):
                    records = (
                        Record(self.name, "registrants", row | _registered_for(row, its_runs)) for row in rows
                    )
                    read = read | ({webinar_id: now} if last else {})
                    yield Page(tuple(records), {**_cursor(read), "began": began.isoformat()})
            except NotReady:
                continue  # takes no registrations, or is gone
        yield Page((), _cursor(read))

    def _report(self, stream: str, runs: Sequence[Run], read: ReadTimes, now: datetime) -> Iterator[Page]:
        """One report that cannot be had keeps no other from being read; it is raised in the end."""
        problem: TryLater | None = None
        in_a_row = 0
        for run in runs:
            if not is_due(run.planned_end, run.is_over(now), read.get(run.uuid), now):
                continue
            try:
                for records, last in self._report_pages(stream, run, now):
                    in_a_row, read = 0, read | ({run.uuid: now} if last else {})
                    yield Page(records, _cursor(read))
            except NotReady:
                read = read | ({run.uuid: now} if _never_comes(run, now) else {})
            except TooOld:
                read = read | {run.uuid: now}
            except TryLater as reason:
                problem, in_a_row = problem or reason, in_a_row + 1
                if in_a_row == FAILURES:
                    break
        yield Page((), _cursor(read))
        if problem:
            raise problem

    def _report_pages(
        self, stream: str, run: Run, now: datetime
    ) -> Iterator[tuple[tuple[Record, ...], bool]]:
        attendees: set[str] = set()
        for rows, last in self._reports[stream](run):
            records = [Record(self.name, stream, row) for row in rows]
            if stream == "participants":
                attendees |= {_attendee(row) for row in rows if row["role"] == "attendee"}
                records += [Record(self.name, COUNT, _count(run, attendees, now))] if last else []
            yield tuple(records), last

    def _participants(self, run: Run) -> RowPages:
        """One row per connection, each with the role of who connected."""
        path = f"/report/webinars/{run_path(run.uuid)}/participants"
        panel: Panel | None = None
        for rows, last in self._client.pages(
            path, "participants", "Heavy", {"include_fields": "registrant_id"}
        ):
            panel = panel or self._panel(run)
            host_id = str(run.webinar.get("host_id") or "")
            yield (
                [row | _of(run) | {"host_id": host_id, "role": _role(row, host_id, panel)} for row in rows],
                last,
            )

    def _panel(self, run: Run) -> Panel:
        try:
            body = self._client.get(f"/webinars/{run.webinar_id}/panelists", "Medium")
        except NotReady:
            return Panel(frozenset(), frozenset())  # the webinar is gone, its report is not
        rows = rows_of(body, "panelists")
        ids = frozenset(str(row["id"]) for row in rows if row.get("id"))
        return Panel(ids, frozenset(str(row["email"]).lower() for row in rows if row.get("email")))

    def _polls(self, run: Run) -> RowPages:
        body = self._client.get(f"/report/webinars/{run_path(run.uuid)}/polls", "Heavy")
        yield list(_answers(rows_of(body, "questions"), run)), True

    def _questions(self, run: Run) -> RowPages:
        body = self._client.get(f"/report/webinars/{run_path(run.uuid)}/qa", "Heavy")
        yield [row | _of(run) for row in _flat(rows_of(body, "questions"))], True


def _recent(after: Mapping[str, Any] | None, now: datetime) -> ReadTimes:
    times = {key: datetime.fromisoformat(text) for key, text in (after or {}).get("read", {}).items()}
    return {key: read_at for key, read_at in times.items() if read_at >= now - YEAR}


def _cursor(read: ReadTimes) -> Mapping[str, Any]:
    return {"read": {key: read_at.isoformat() for key, read_at in read.items()}}


def _never_comes(run: Run, now: datetime) -> bool:
    return run.planned_end is not None and run.planned_end < now - GIVE_UP


def _of(run: Run) -> Row:
    return {"webinar_uuid": run.uuid, "webinar_id": run.webinar_id}


def _webinar_payload(run: Run) -> Row:
    """Zoom's webinar, told of this one run."""
    own = {"uuid": run.uuid, "start_time": run.start_text, "instance": run.instance}
    return run.webinar | own


def _wants_registrants(runs: Sequence[Run], read_at: datetime | None, now: datetime) -> bool:
    ends = [run.planned_end for run in runs if run.planned_end]
    still_open = not all(run.is_over(now) for run in runs)
    return still_open or is_due(max(ends, default=None), over=True, read_at=read_at, now=now)


def _registered_for(row: Row, runs: Sequence[Run]) -> Row:
    """The first run that was not over when the person registered; "" where that cannot be told."""
    registered = moment(row.get("create_time"))
    dated = sorted((run.planned_end, run.uuid, run) for run in runs if run.planned_end)
    open_then = [run for end, _, run in dated if registered is None or end >= registered]
    is_certain = open_then and (registered is not None or len(open_then) == 1)
    webinar = runs[0].webinar
    about = {"webinar_id": runs[0].webinar_id, "topic": webinar.get("topic", "")}
    if not is_certain:
        return about | {"webinar_uuid": "", "start_time": str(webinar.get("start_time") or "")}
    return about | {"webinar_uuid": open_then[0].uuid, "start_time": open_then[0].start_text}


def _role(row: Row, host_id: str, panel: Panel) -> str:
    ids = {str(row.get(key) or "") for key in ("id", "participant_user_id")} - {""}
    if host_id in ids:
        return "host"
    on_panel = ids & panel.ids or str(row.get("user_email") or "").lower() in panel.emails
    return "panelist" if on_panel else "attendee"


def _attendee(row: Row) -> str:
    """Whom Zoom means by a row: mapped in the same order of trust (mappings/sources/zoom.toml)."""
    names = (row.get(key) for key in ("registrant_id", "user_email", "name", "user_id"))
    return next((str(name) for name in names if name), "")


def _count(run: Run, attendees: Collection[str], now: datetime) -> Row:
    return _of(run) | {
        "attendees": len(attendees),
        "read_at": now.isoformat(),
        "is_final": run.planned_end is not None and now >= run.planned_end + READINGS[-1],
    }


def _flat(people: Sequence[Row]) -> Iterator[Row]:
    """One row per detail: the person's fields and the detail's."""
    for person in people:
        about = {key: value for key, value in person.items() if key != "question_details"}
        for detail in rows_of(person, "question_details"):
            yield about | detail


def _answers(people: Sequence[Row], run: Run) -> Iterator[Row]:
    """`index` tells apart equal answers of one name: everybody anonymous has the same one."""
    seen: Counter[tuple[str, ...]] = Counter()
    for row in _flat(people):
        key = tuple(str(row.get(part) or "") for part in ("email", "name", "polling_id", "question"))
        yield row | _of(run) | {"index": seen[key]}
        seen[key] += 1


def _scope_problems(scopes: str) -> Iterator[Problem]:
    """A token names its scopes: both the older wide ones and the newer narrow ones begin alike."""
    for family in ("webinar:read", "report:read") if scopes else ():
        if family not in scopes:
            message = f"the app has no {family} scope; add those listed in connectors/zoom/README.md"
            yield Problem("error", "zoom", message)
