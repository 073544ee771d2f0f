"""Zoom as a source that is asked: webinars, registrants, and the four reports of a run.

The cursor of every stream is {"read": {key: time of the last reading}}, the key a run's uuid, for registrants
a webinar's id. Something read before its report was complete is read again; a key older than a year goes. Of
reports it says as well when one that was not ready was asked for: {"asked": {key: that time}}.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from urllib.parse import quote

from app.domain.changes import Problem
from app.domain.errors import BadCredentials, PartlyRead, TryLater
from app.domain.records import Page, Record
from connectors.zoom.client import NotReady, Refused, Row, TooOld, ZoomClient
from connectors.zoom.reports import REPORTS, Lot, attendee, count_of, in_lots
from connectors.zoom.runs import (
    GIVE_UP,
    READINGS,
    SURVEY_READINGS,
    YEAR,
    LeftOut,
    Run,
    asks_again,
    host_problem,
    is_due,
    list_runs,
    moment,
)
from connectors.zoom.scopes import lacking, may_read_surveys

ReadTimes = dict[str, datetime]
COUNT = "participants.count"
"""What Zoom's own report counts, told beside its rows: what we hold is compared with it."""

FAILURES = 2
"""So many reports in a row that cannot be had mean that Zoom is away; one alone is left for the next pull."""


class ZoomSource:
    """A PullSource for the webinars of `hosts` (user ids or e-mails; "me" is the app's owner).

    A run whose report is not ready is left for the next pull and holds up no other.
    """

    name = "zoom"
    streams: tuple[str, ...] = ("webinars", "registrants", *REPORTS)

    def __init__(self, client: ZoomClient, hosts: Sequence[str] = ("me",)) -> None:
        self._client = client
        self._hosts = tuple(hosts)
        self._listed: tuple[datetime, list[Run], LeftOut] | None = None
        self._unready: set[str] = set()

    def check(self) -> list[Problem]:
        """A listing of one webinar of each host: address, credentials, hosts; then the token's scopes."""
        found: list[Problem] = []
        for place, host in enumerate(self._hosts, start=1):
            try:
                self._client.get(f"/users/{quote(host)}/webinars", "Medium", {"page_size": "1"})
            except TryLater as failure:
                return [Problem("warning", "zoom", str(failure))]
            except BadCredentials as failure:
                return [Problem("error", "zoom", str(failure))]
            except (NotReady, Refused) as failure:
                found.append(Problem("error", "zoom", host_problem(place, failure)))
        return [*found, *_scope_problems(self._client.scopes)]

    def pull(self, stream: str, after: Mapping[str, Any] | None, now: datetime) -> Iterator[Page]:
        """Pages of `stream` (the streams are independent of one another). The last page may be empty: it
        carries the cursor. Raises PartlyRead behind them where Zoom refuses some of it.
        """
        read = _recent(after, now)
        runs, left_out = self._runs(now)
        if stream == "webinars":
            yield self._webinars(runs, read, now)
            left_out.tell()
        elif stream == "registrants":
            began = (after or {}).get("began")
            yield from self._registrants(runs, read, now, datetime.fromisoformat(began) if began else None)
        elif stream != "surveys" or may_read_surveys(self._client.scopes):
            yield from self._report(stream, runs, read, _recent(after, now, "asked"), now)

    def _runs(self, now: datetime) -> tuple[list[Run], LeftOut]:
        """Listed once for all streams that are pulled at one moment, and what could not be."""
        if self._listed is None or self._listed[0] != now:
            left_out = LeftOut()
            self._listed = now, list_runs(self._client, self._hosts, now, left_out), left_out
            self._unready.clear()
        return self._listed[1], self._listed[2]

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
        """Whole listings, since an approval does not change a registrant's create_time: who is no longer on
        one is registered no more. Until all have been read, the cursor says when that began: who goes on with
        it reads none of them twice.
        """
        goes_on, began, left_out = began is not None, began or now, LeftOut()
        in_groups = sorted(runs, key=lambda run: run.webinar_id)
        for webinar_id, group in groupby(in_groups, key=lambda run: run.webinar_id):
            its_runs = list(group)
            read_at = read.get(webinar_id)
            read_already = goes_on and read_at is not None and read_at >= began
            if read_already or not _wants_registrants(its_runs, read_at, now):
                continue
            pages = self._client.pages(
                f"/webinars/{webinar_id}/registrants", "registrants", "Medium", {"status": "approved"}
            )
            try:
                for lot in in_lots(pages):
                    read = read | ({webinar_id: now} if lot.is_last else {})
                    records = (
                        _record("registrants", row | _registered_for(row, its_runs)) for row in lot.rows
                    )
                    # Of a series Zoom may list one occurrence's registrants only: others stay registered.
                    whole = webinar_id if lot.is_whole and not its_runs[0].is_recurring else ""
                    yield Page(tuple(records), {**_cursor(read), "began": began.isoformat()}, whole, now)
            except NotReady:
                continue  # takes no registrations, or is gone
            except Refused as reason:
                left_out.add(f"the registrants of webinar {webinar_id}", reason)
        yield Page((), _cursor(read))
        left_out.tell()

    def _report(
        self, stream: str, runs: Sequence[Run], read: ReadTimes, asked: ReadTimes, now: datetime
    ) -> Iterator[Page]:
        """One report that cannot be had keeps no other from being read; it is raised in the end."""
        problem: TryLater | None = None
        in_a_row, left_out = 0, LeftOut()
        waits = SURVEY_READINGS if stream == "surveys" else READINGS
        for run in runs:
            is_wanted = is_due(run.planned_end, run.is_over(now), read.get(run.uuid), now, waits)
            if not is_wanted or not self._may_be_ready(stream, run, asked.get(run.uuid), now):
                continue
            try:
                for records, lot in self._report_lots(stream, run, now):
                    in_a_row, read = 0, read | ({run.uuid: now} if lot.is_last else {})
                    yield Page(records, _cursor(read, asked), run.uuid if lot.is_whole else "", now)
            except NotReady:
                self._unready |= {run.uuid} if stream == "participants" else set()
                asked = asked | {run.uuid: now}
                read = read | ({run.uuid: now} if _never_comes(stream, run, now) else {})
            except TooOld:
                read = read | {run.uuid: now}
            except Refused as reason:
                left_out.add(f"the {stream} of webinar {run.webinar_id}", reason)
            except TryLater as reason:
                problem, in_a_row = problem or reason, in_a_row + 1
                if in_a_row == FAILURES:
                    break
        yield Page((), _cursor(read, asked))
        if problem:
            alone = in_a_row < FAILURES
            raise PartlyRead(str(problem), problem.after) if alone else problem
        left_out.tell()

    def _may_be_ready(self, stream: str, run: Run, asked_at: datetime | None, now: datetime) -> bool:
        """Not while it was asked for in vain lately; nor at a moment when the run's participants, which are
        the first to be known of it, are not.
        """
        if not asks_again(run.planned_end, asked_at, now):
            self._unready |= {run.uuid} if stream == "participants" else set()
            return False
        return run.uuid not in self._unready

    def _report_lots(self, stream: str, run: Run, now: datetime) -> Iterator[tuple[tuple[Record, ...], Lot]]:
        attendees: set[str] = set()
        for lot in in_lots(REPORTS[stream](self._client, run)):
            records = [_record(stream, row) for row in lot.rows]
            if stream == "participants":
                attendees |= {attendee(row) for row in lot.rows if row["role"] == "attendee"}
                records += [_record(COUNT, count_of(run, attendees, now))] if lot.is_last else []
            yield tuple(records), lot


def _recent(after: Mapping[str, Any] | None, now: datetime, kind: str = "read") -> ReadTimes:
    times = {key: datetime.fromisoformat(text) for key, text in (after or {}).get(kind, {}).items()}
    return {key: read_at for key, read_at in times.items() if read_at >= now - YEAR}


def _cursor(read: ReadTimes, asked: ReadTimes | None = None) -> Mapping[str, Any]:
    in_vain = {key: at.isoformat() for key, at in (asked or {}).items() if key not in read}
    told = {"read": {key: read_at.isoformat() for key, read_at in read.items()}}
    return told | ({"asked": in_vain} if in_vain else {})


def _never_comes(stream: str, run: Run, now: datetime) -> bool:
    """Most webinars have no survey, and Zoom does not say which."""
    wait = SURVEY_READINGS[-1] if stream == "surveys" else GIVE_UP
    return run.planned_end is not None and run.planned_end < now - wait


def _record(stream: str, row: Row) -> Record:
    return Record(ZoomSource.name, stream, row)


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


def _scope_problems(token: str) -> Iterator[Problem]:
    """A token names its scopes: a call without its own would be refused at the first report only."""
    if missing := lacking(token):
        message = f"the app lacks scopes: add {', '.join(missing)} to it, see connectors/zoom/README.md"
        yield Problem("error", "zoom", message)
    elif not may_read_surveys(token):
        message = "no scope of the reports covers surveys: their answers are not read until one is added"
        yield Problem("warning", "zoom", message)
