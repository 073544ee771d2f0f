"""Zoom's attendee report as a person exports it (CSV): a run's facts, then sections of people.

The layouts differ in their sections, the names of columns and the way dates are written. Nothing in a file
names the run's uuid or a time zone: both are told by the caller.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

from app.domain.errors import BadConfig, Fault
from app.domain.records import Occurrence, Record
from connectors.zoom.report_dates import order_of_days, read_time

Row = Mapping[str, str]

COLUMNS = {
    "webinar id": "webinar_id",
    "meeting id": "webinar_id",
    "id": "webinar_id",
    "topic": "topic",
    "actual start time": "start",
    "start time": "start",
    "actual duration (minutes)": "minutes",
    "duration (minutes)": "minutes",
    "attended": "attended",
    "user name (original name)": "name",
    "name (original name)": "name",
    "user name": "name",
    "first name": "first_name",
    "last name": "last_name",
    "email": "email",
    "user email": "email",
    "phone": "phone",
    "organization": "org",
    "job title": "job_title",
    "registration time": "registered",
    "approval status": "status",
    "join time": "joined",
    "leave time": "left",
    "time in session (minutes)": "minutes_in",
    "country/region name": "country",
}
"""A column's name in small letters -> what it holds; every other column is the customer's own."""

_STAFF = {"host": "host", "panelist": "panelist"}
_NOT_REGISTERED = {"cancel": "cancelled", "denied": "denied", "pending": "pending"}


@dataclass(frozen=True, slots=True)
class Section:
    """Rows under one header; `title` is the line above it, in small letters."""

    title: str
    rows: tuple[Row, ...]


class AttendeeReport:
    """An AttendanceFile."""

    def run(self, text: str, zone: ZoneInfo) -> Occurrence:
        """The run the file is about, its uuid empty. Raises BadConfig for a file that is no such report."""
        order = order_of_days([text])
        for section in _sections(text):
            for row in section.rows:
                start = read_time(row.get("start", ""), order)
                if row.get("webinar_id") and start:
                    return _occurrence(row, start.replace(tzinfo=zone))
        message = "names no webinar and start: export the attendee report of one webinar as CSV, unchanged"
        raise BadConfig([Fault("import_attendance", "file", message)])

    def records(self, text: str, zone: ZoneInfo, run: Occurrence) -> Iterator[Record]:
        """Who registered and who was there when, as rows of the streams that Zoom's own reports fill."""
        order = order_of_days([text])
        registered: set[str] = set()
        about = {"webinar_uuid": run.uuid, "webinar_id": run.webinar_id, "timezone": zone.key}
        for section in _sections(text):
            role = next((role for word, role in _STAFF.items() if word in section.title), "attendee")
            for row in section.rows:
                if row.get("webinar_id"):
                    continue
                email = row.get("email", "").lower()
                if read_time(row.get("registered", ""), order) and "@" in email and email not in registered:
                    registered.add(email)  # who came twice stands there twice
                    yield Record("zoom", "attendee_report.registrants", about | _registrant(row, run, order))
                if read_time(row.get("joined", ""), order):
                    yield Record("zoom", "participants", about | _stay(row, role, order))


def _occurrence(row: Row, start: datetime) -> Occurrence:
    minutes = row.get("minutes", "")
    ends_at = start + timedelta(minutes=int(minutes)) if minutes.isdecimal() else None
    webinar_id = re.sub(r"\s", "", row["webinar_id"])
    return Occurrence("zoom", "", webinar_id, row.get("topic", ""), start, ends_at)


def _registrant(row: Row, run: Occurrence, order: str) -> dict[str, str]:
    status = row.get("status", "").lower()
    known = {name: row[name] for name in _PERSON if row.get(name)}
    return known | {
        "status": next((told for word, told in _NOT_REGISTERED.items() if word in status), "approved"),
        "create_time": _iso(row["registered"], order),
        "start_time": run.starts_at.isoformat(),
        "topic": run.topic,
    }


_PERSON = ("email", "first_name", "last_name", "phone", "org", "job_title", "country")


def _stay(row: Row, role: str, order: str) -> dict[str, str | int]:
    """One connection. Without an e-mail address the name alone tells it from the others."""
    minutes = row.get("minutes_in", "")
    left = row.get("left", "")
    stay: dict[str, str | int] = {
        "user_email": row.get("email", ""),
        "join_time": _iso(row["joined"], order),
        "duration": 60 * int(minutes) if minutes.isdecimal() else 0,
        "role": role,
    }
    if read_time(left, order):
        stay["leave_time"] = _iso(left, order)
    if "@" not in row.get("email", ""):
        stay["user_id"] = row.get("name", "") or "unnamed"
    return stay


def _iso(text: str, order: str) -> str:
    at = read_time(text, order)
    return at.isoformat() if at else text


def _sections(text: str) -> Iterator[Section]:
    """A header is a line with at least two columns we know; what stands below it, up to the next title or
    header, is its rows.
    """
    title = ""
    header: tuple[str, ...] = ()
    rows: list[Row] = []
    for cells in _lines(text):
        names = tuple(COLUMNS.get(cell.strip().lower(), "") for cell in cells)
        filled = sum(bool(cell.strip()) for cell in cells)
        if len({name for name in names if name}) >= 2:
            if header:
                yield Section(title, tuple(rows))
            header, rows = names, []
        elif filled == 1 and cells[0].strip():
            if header:
                yield Section(title, tuple(rows))
            title, header, rows = cells[0].strip().lower(), (), []
        elif header and filled:
            rows.append({name: cell.strip() for name, cell in zip(header, cells, strict=False) if name})
    if header:
        yield Section(title, tuple(rows))


def _lines(text: str) -> Iterator[Sequence[str]]:
    first = text.lstrip("\ufeff").partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    return csv.reader(StringIO(text.lstrip("\ufeff")), delimiter=delimiter)
