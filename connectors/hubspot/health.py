"""What one answer of HubSpot tells beside its body: is our clock off, what does the plan allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from app.domain.changes import Problem

LARGEST_SKEW = timedelta(seconds=60)
"""Signed deliveries are taken five minutes either way: well before that somebody should know."""

LEAST_LEFT = 0.3
"""Of the day's calls, which every app of the portal shares: below this pulls wait (day_budget.py)."""


def problems_told(headers: Mapping[str, str], now: datetime, calls_per_10_seconds: int) -> Iterator[Problem]:
    """Warnings drawn from the headers; one that is absent tells nothing. Source: API usage guidelines."""
    yield from _clock(headers, now)
    most = _number(headers, "X-HubSpot-RateLimit-Max")
    if most and calls_per_10_seconds > most:
        message = f"this plan allows {most} calls per 10 s: set [hubspot] calls_per_10_seconds = {most}"
        yield Problem("warning", "hubspot", message)
    daily = _number(headers, "X-HubSpot-RateLimit-Daily")
    left = _number(headers, "X-HubSpot-RateLimit-Daily-Remaining")
    if daily and left is not None and left < LEAST_LEFT * daily:
        message = (
            f"{left} of the day's {daily} calls are left: look for another app that uses them up, or wait"
        )
        yield Problem("warning", "hubspot", message)


def _clock(headers: Mapping[str, str], now: datetime) -> Iterator[Problem]:
    try:
        theirs = parsedate_to_datetime(headers.get("Date", ""))
    except ValueError:
        return
    skew = now - (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC))
    if abs(skew) > LARGEST_SKEW:
        way = "ahead of" if skew > timedelta() else "behind"
        seconds = abs(skew).total_seconds()
        message = f"our clock is {seconds:.0f} s {way} HubSpot's: mend it, or signed deliveries are refused"
        yield Problem("warning", "clock", message)


def _number(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(name, "")
    return int(value) if value.isdecimal() else None
