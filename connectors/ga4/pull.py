"""GA4 as a source that is asked: what identified visitors did, day by day, each day read until it is final.

A page holds everything there is of one stream and one day, so that storing it can replace what an earlier
reading of that day brought. The cursor is {"final": day, "read": {later day: time of the last reading}}.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.changes import Problem
from app.domain.errors import BadCredentials, TryLater
from app.domain.records import Page, Record
from connectors.ga4.client import Ga4Client
from connectors.ga4.days import Progress, settled_at
from connectors.ga4.errors import until_midnight, until_next_hour
from connectors.ga4.report import PAGE_ROWS, Question, Report, Row, Tokens, all_of, exactly, none_of, without
from connectors.http import PageLoopGuard

DAYS = "days"
"""The stream of days themselves: how many rows each has and what GA4 says about their quality."""

KEY_EVENTS = "key_events"
"""The stream of every event the property marks as key event (a conversion) that is no stream of its own."""

EVENTS = ("session_start", "lead_identified", "file_download", "share")

NOT_SET = "(not set)"
NOBODY = (NOT_SET, "(other)")
"""Values of the id dimension that are no id: an unknown visitor, the row the rarest are rolled into."""

GRAINS = {"minute": "dateHourMinute", "hour": "dateHour"}
"""Finest first. Where a day has too many rows by the minute, GA4 rolls some into "(other)"; by the hour there
are fewer.
"""

KEPT_FREE = Tokens(day=40_000, hour=8_000, project_hour=2_800)
"""A fifth of a standard property's tokens is left to the customer's other reports."""

LISTINGS = 3
"""How often a day that changes while its pages are read is begun again."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One day of one stream as read. `scope` names both: observations of this scope that the records do not
    make are no longer true.
    """

    scope: str
    records: tuple[Record, ...]
    progress: Progress


class Ga4Source:
    """A PullSource for one property. `dimension` is the user-scoped custom dimension that holds the HubSpot
    contact id; `events` are GA4 event names, each a stream, and "key_events". A stream's first reading goes
    `history` back. `kept_free` are tokens that stay for others: when fewer are left, pulling raises TryLater.
    """

    name = "ga4"

    def __init__(
        self,
        client: Ga4Client,
        dimension: str = "customUser:hubspot_id",
        events: Sequence[str] = (*EVENTS, KEY_EVENTS),
        *,
        history: timedelta = timedelta(days=90),
        kept_free: Tokens = KEPT_FREE,
        page_rows: int = PAGE_ROWS,
    ) -> None:
        self.streams: tuple[str, ...] = (DAYS, *(event for event in events if event != DAYS))
        self._client = client
        self._dimension = dimension
        self._history = history
        self._kept_free = kept_free
        self._page_rows = page_rows
        self._zone: ZoneInfo | None = None
        self._resume_at: datetime | None = None

    def check(self) -> list[Problem]:
        """The property's list of dimensions: address, credentials, access, then whether ours are in it."""
        try:
            known = self._client.dimensions()
        except TryLater as failure:
            return [Problem("warning", "ga4", str(failure))]
        except BadCredentials as failure:
            return [Problem("error", "ga4", str(failure))]
        return [
            Problem(
                "error",
                "ga4",
                f"the property has no dimension {name}; register it, see connectors/ga4/README.md",
            )
            for name in (*self._dimensions("minute"), "isKeyEvent")
            if name not in known
        ]

    def pull(self, stream: str, after: Mapping[str, Any] | None, now: datetime) -> Iterator[Page]:
        """One page per day that is due, oldest first; a day without rows is an empty page. Raises TryLater
        too when the tokens that may be used are, with the wait until they return.
        """
        for reading in self.readings(stream, after, now):
            yield Page(reading.records, reading.progress.cursor(), replaces=reading.scope)

    def readings(self, stream: str, after: Mapping[str, Any] | None, now: datetime) -> Iterator[Reading]:
        """The days that are due, each with the scope its records replace. Raises like `pull`."""
        progress = Progress.from_cursor(after)
        zone = self._time_zone(now)
        for day in list(progress.due(now, zone, self._history)):
            grain, report = self._read(stream, day, now)
            progress = progress.after(day, now, zone)
            about = {
                "scope": f"{stream} {day.isoformat()}",
                "day": day.isoformat(),
                "time_zone": zone.key,
                "grain": grain,
                "flags": str(report.flags),
            }
            if stream == DAYS:
                told = [_day(report, about, is_final=now >= settled_at(day, zone))]
            else:
                told = [_act(row, self._dimension, GRAINS[grain], about) for row in report.rows]
            records = tuple(Record(self.name, stream, payload) for payload in told)
            yield Reading(about["scope"], records, progress)

    def _read(self, stream: str, day: date, now: datetime) -> tuple[str, Report]:
        """The day by the finest grain at which GA4 loses nothing, else by the coarsest."""
        for grain in GRAINS:
            question = Question(day, self._dimensions(grain), self._where(stream), self._page_rows)
            report = (
                self._ask(replace(question, limit=1), now) if stream == DAYS else self._whole(question, now)
            )
            if not report.flags.data_loss:
                break
        return grain, report

    def _whole(self, question: Question, now: datetime) -> Report:
        """All pages of a report as one. A report that changes meanwhile is read again from its beginning."""
        for _ in range(LISTINGS):
            guard = PageLoopGuard("ga4")
            first = report = self._ask(question, now)
            rows = list(report.rows)
            while report.rows and report.row_count == first.row_count and len(rows) < first.row_count:
                guard.check(str(report.rows[0]))
                report = self._ask(replace(question, offset=len(rows)), now)
                rows += report.rows
            if len(rows) == first.row_count == report.row_count:
                return replace(first, rows=tuple(rows))
        raise TryLater("ga4: a day changes while it is read; it is read again later")

    def _ask(self, question: Question, now: datetime) -> Report:
        if self._resume_at and now < self._resume_at:
            message = (
                "ga4: only the tokens kept free for other reports are left; reading goes on when they return"
            )
            raise TryLater(message, self._resume_at - now)
        report = self._client.report(question, now)
        self._resume_at = _resume_at(report.tokens, self._kept_free, now)
        return report

    def _time_zone(self, now: datetime) -> ZoneInfo:
        """The property's, asked for once: a GA4 day is a day there."""
        if self._zone is None:
            name = self._ask(Question(now.date(), ()), now).time_zone
            try:
                self._zone = ZoneInfo(name)
            except (ValueError, OSError, KeyError):  # what zoneinfo raises for names that are none
                raise TryLater("ga4: names no time zone; check `endpoint` under [ga4]") from None
        return self._zone

    def _dimensions(self, grain: str) -> tuple[str, ...]:
        return (GRAINS[grain], self._dimension, "eventName", "pagePath", "fileName", "deviceCategory")

    def _where(self, stream: str) -> dict[str, Any]:
        """Identified visitors only; an e-mail address is no id and must not come near us this way."""
        identified = (none_of(self._dimension, NOBODY), without(self._dimension, "@"))
        if stream == DAYS:
            return all_of(*identified)
        if stream != KEY_EVENTS:
            return all_of(exactly("eventName", stream), *identified)
        own = [event for event in self.streams if event not in (DAYS, KEY_EVENTS)]
        return all_of(
            exactly("isKeyEvent", "true"), *([none_of("eventName", own)] if own else []), *identified
        )


def _resume_at(left: Tokens | None, kept_free: Tokens, now: datetime) -> datetime | None:
    """When to go on, where fewer tokens are left than are kept free; None where there are enough."""
    if left is None:
        return None
    if left.day < kept_free.day:
        return now + until_midnight(now)
    if left.hour < kept_free.hour or left.project_hour < kept_free.project_hour:
        return now + until_next_hour(now)
    return None


def _day(report: Report, about: Mapping[str, str], *, is_final: bool) -> dict[str, Any]:
    """What is known of a day: its rows, the share of events they were read from, whether it is final."""
    return {**about, "rows": report.row_count, "sampled": report.flags.sampled, "is_final": is_final}


def _act(row: Row, dimension: str, time_dimension: str, about: Mapping[str, str]) -> dict[str, Any]:
    """One thing a visitor did in one minute (or hour), however often the tag fired. Values stay text."""
    return {
        **about,
        "at": _moment(row[time_dimension]),
        "hubspot_id": row[dimension],
        "event": row["eventName"],
        "page": _known(row["pagePath"]),
        "file": _known(row["fileName"]),
        "device": _known(row["deviceCategory"]),
        "event_count": row["eventCount"],
    }


def _moment(text: str) -> str:
    """GA4's 202611211005 or 2026112110 as ISO 8601, in the property's zone; anything else as it is."""
    if not text.isdigit() or len(text) not in (10, 12):
        return text
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:{text[10:] or '00'}"


def _known(value: str) -> str:
    return "" if value == NOT_SET else value
