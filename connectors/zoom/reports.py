"""The reports of one run as rows: who was there when, poll answers, questions, survey answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.zoom.client import NotReady, Row, ZoomClient, rows_of, run_path
from connectors.zoom.runs import READINGS, Run

RowPages = Iterator[tuple[list[Row], bool]]
"""The rows of each page, and whether it is the last."""

LONGEST_WHOLE = 10_000
"""Rows of a listing that are held at once. One that is longer cannot say what is no longer on it."""


@dataclass(frozen=True, slots=True)
class Lot:
    """Rows of a listing. `is_whole`: they are all there is; `is_last`: the listing ends with them."""

    rows: list[Row]
    is_whole: bool
    is_last: bool


def in_lots(pages: RowPages) -> Iterator[Lot]:
    """A listing as one lot, a very long one as several. An empty one is no whole: an answer that lacks
    everything must not take everything away.
    """
    rows: list[Row] = []
    is_first = True
    for page, is_last in pages:
        rows += page
        if is_last or len(rows) >= LONGEST_WHOLE:
            yield Lot(rows, is_whole=is_first and is_last and bool(rows), is_last=is_last)
            rows, is_first = [], False


@dataclass(frozen=True, slots=True)
class Panel:
    """The panelists of a webinar by every name a participant row may show them under."""

    ids: frozenset[str]
    emails: frozenset[str]


def participants(client: ZoomClient, run: Run) -> RowPages:
    """One row per connection, each with the role of who connected."""
    path = f"/report/webinars/{run_path(run.uuid)}/participants"
    panel: Panel | None = None
    host_id = str(run.webinar.get("host_id") or "")
    for rows, last in client.pages(path, "participants", "Heavy", {"include_fields": "registrant_id"}):
        panel = panel or _panel(client, run)
        yield [row | of(run) | {"host_id": host_id, "role": _role(row, host_id, panel)} for row in rows], last


def polls(client: ZoomClient, run: Run) -> RowPages:
    """One row per answer."""
    body = client.get(f"/report/webinars/{run_path(run.uuid)}/polls", "Heavy")
    yield list(_told_apart(_flat(rows_of(body, "questions"), "question_details"), run)), True


def questions(client: ZoomClient, run: Run) -> RowPages:
    """One row per question asked."""
    body = client.get(f"/report/webinars/{run_path(run.uuid)}/qa", "Heavy")
    yield [row | of(run) for row in _flat(rows_of(body, "questions"), "question_details")], True


def surveys(client: ZoomClient, run: Run) -> RowPages:
    """One row per answer to the survey that follows the run."""
    body = client.get(f"/report/webinars/{run_path(run.uuid)}/survey", "Heavy")
    start = {"start_time": body.get("start_time")}
    answers = _flat(rows_of(body, "survey_answers"), "answer_details")
    yield [row | start for row in _told_apart(answers, run)], True


REPORTS: Mapping[str, Callable[[ZoomClient, Run], RowPages]] = {
    "participants": participants,
    "polls": polls,
    "questions": questions,
    "surveys": surveys,
}
"""Stream -> the report it is read from."""


def of(run: Run) -> Row:
    """Which run a row is about."""
    return {"webinar_uuid": run.uuid, "webinar_id": run.webinar_id}


def attendee(row: Row) -> str:
    """Whom Zoom means by a row: mapped in the same order of trust (mappings/sources/zoom.toml)."""
    names = (row.get(key) for key in ("registrant_id", "user_email", "name", "user_id"))
    return next((str(name) for name in names if name), "")


def count_of(run: Run, attendees: Collection[str], now: datetime) -> Row:
    """What the report of a run counts, to be told beside its rows."""
    return of(run) | {
        "attendees": len(attendees),
        "read_at": now.isoformat(),
        "is_final": run.planned_end is not None and now >= run.planned_end + READINGS[-1],
    }


def _panel(client: ZoomClient, run: Run) -> Panel:
    try:
        body = client.get(f"/webinars/{run.webinar_id}/panelists", "Medium")
    except NotReady:
        return Panel(frozenset(), frozenset())  # the webinar is gone, its report is not
    rows = rows_of(body, "panelists")
    ids = frozenset(str(row["id"]) for row in rows if row.get("id"))
    return Panel(ids, frozenset(str(row["email"]).lower() for row in rows if row.get("email")))


def _role(row: Row, host_id: str, panel: Panel) -> str:
    ids = {str(row.get(key) or "") for key in ("id", "participant_user_id")} - {""}
    if host_id in ids:
        return "host"
    on_panel = ids & panel.ids or str(row.get("user_email") or "").lower() in panel.emails
    return "panelist" if on_panel else "attendee"


def _flat(people: Sequence[Row], details: str) -> Iterator[Row]:
    """One row per detail: the person's fields and the detail's."""
    for person in people:
        about = {key: value for key, value in person.items() if key != details}
        for detail in rows_of(person, details):
            yield about | detail


def _told_apart(answers: Iterator[Row], run: Run) -> Iterator[Row]:
    """`index` tells apart equal answers of one name: everybody anonymous has the same one."""
    seen: Counter[tuple[Any, ...]] = Counter()
    for row in answers:
        key = tuple(str(row.get(part) or "") for part in ("email", "name", "polling_id", "question"))
        yield row | of(run) | {"index": seen[key]}
        seen[key] += 1
