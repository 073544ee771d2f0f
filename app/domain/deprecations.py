"""Ends that a vendor has published for what we call, and who is told of them when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from app.domain.changes import Problem

TOLD_BEFORE = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class PublishedEnd:
    """Something in use that ends on a day, and what to do before it."""

    vendor: str
    what: str
    ends_on: date
    advice: str


def end_problems(ends: Iterable[PublishedEnd], today: date) -> Iterator[Problem]:
    """A warning for each end that is 90 days away or nearer, and for each that has passed."""
    for end in ends:
        if today >= end.ends_on:
            message = f"{end.what} is unsupported since {end.ends_on}: {end.advice}"
            yield Problem("warning", end.vendor, message)
        elif end.ends_on - today <= TOLD_BEFORE:
            days = (end.ends_on - today).days
            yield Problem(
                "warning", end.vendor, f"{end.what} ends on {end.ends_on}, in {days} days: {end.advice}"
            )
