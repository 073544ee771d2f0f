"""The tokens of a GA4 property: per day (US-Pacific), hour and project hour, and calls at the same time."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.sandbox.ga4.errors import Ga4Error

PACIFIC = ZoneInfo("America/Los_Angeles")


@dataclass
class Quota:
    """A standard property's limits; each may be set lower. `refused` counts the 429s given."""

    tokens_per_day: int = 200_000
    tokens_per_hour: int = 40_000
    tokens_per_project_hour: int = 14_000
    concurrent: int = 10
    thresholded_per_hour: int = 120
    refused: int = 0
    running: int = 0
    _spent: dict[tuple[str, str], int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, now: datetime) -> None:
        """Begin a call. Raises the 429 of whatever is used up."""
        with self._lock:
            for name, (limit, spent) in self._tokens(now).items():
                if spent >= limit:
                    self._refuse(_EXHAUSTED[name])
            if self.running >= self.concurrent:
                self._refuse(
                    "Exhausted concurrent requests quota. Please return quota to send more requests."
                )
            self.running += 1

    def leave(self) -> None:
        """End a call."""
        with self._lock:
            self.running -= 1

    def charge(self, tokens: int, *, thresholded: bool, now: datetime) -> dict[str, Any]:
        """Take what a report cost; the answer is its `propertyQuota`."""
        with self._lock:
            for bucket in _buckets(now):
                self._spent[bucket] = self._spent.get(bucket, 0) + tokens
            hour = ("thresholded", _hour(now))
            self._spent[hour] = self._spent.get(hour, 0) + thresholded
            if self._spent[hour] > self.thresholded_per_hour:
                self._refuse("Exhausted potentially thresholded requests quota for an hour.")
            state = {
                name: {"consumed": tokens, "remaining": max(0, limit - spent)}
                for name, (limit, spent) in self._tokens(now).items()
            }
            left = self.thresholded_per_hour - self._spent[hour]
            return state | {
                "concurrentRequests": {"consumed": 0, "remaining": self.concurrent - self.running},
                "serverErrorsPerProjectPerHour": {"consumed": 0, "remaining": 10},
                "potentiallyThresholdedRequestsPerHour": {"consumed": int(thresholded), "remaining": left},
            }

    def _tokens(self, now: datetime) -> dict[str, tuple[int, int]]:
        day, hour = (self._spent.get(bucket, 0) for bucket in _buckets(now))
        return {
            "tokensPerDay": (self.tokens_per_day, day),
            "tokensPerHour": (self.tokens_per_hour, hour),
            "tokensPerProjectPerHour": (self.tokens_per_project_hour, hour),
        }

    def _refuse(self, message: str) -> None:
        self.refused += 1
        raise Ga4Error(429, message)


_EXHAUSTED = {
    "tokensPerDay": "Exhausted property tokens for a day. These quota tokens will return in under 24 hours.",
    "tokensPerHour": "Exhausted property tokens for an hour. These quota tokens will return in under one "
    "hour.",
    "tokensPerProjectPerHour": "Exhausted property tokens for a project per hour. These quota tokens will "
    "return in under one hour.",
}


def _buckets(now: datetime) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("day", now.astimezone(PACIFIC).date().isoformat()), ("hour", _hour(now))


def _hour(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H")
