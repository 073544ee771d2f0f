"""Which days of the property are worth reading: GA4's rows of a day grow for 48 hours, then are final."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

SETTLED = timedelta(hours=48)
"""After its end a day's rows may still grow for so long (Google: "data freshness")."""

REREAD = timedelta(hours=1)
"""How old a reading of a day that still grows may get. GA4 itself is hours behind."""

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one stream is read. Every day up to `final` was read when it no longer grew; `read` says when
    later days were read last.
    """

    final: date | None
    read: Mapping[date, datetime]

    @classmethod
    def from_cursor(cls, cursor: Mapping[str, Any] | None) -> Progress:
        """The progress a stored cursor tells of."""
        if not cursor:
            return cls(None, {})
        final = date.fromisoformat(cursor["final"]) if cursor["final"] else None
        times = {date.fromisoformat(day): datetime.fromisoformat(at) for day, at in cursor["read"].items()}
        return cls(final, times)

    def cursor(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "final": self.final.isoformat() if self.final else "",
            "read": {day.isoformat(): at.isoformat() for day, at in sorted(self.read.items())},
        }

    def after(self, day: date, now: datetime, zone: ZoneInfo) -> Progress:
        """The progress once `day` was read at `now`."""
        read = {**self.read, day: now}
        final = self.final
        following = final + DAY if final else min(read)
        while following in read and read[following] >= settled_at(following, zone):
            final = following
            following = final + DAY
        kept = {one: at for one, at in read.items() if final is None or one > final}
        return replace(self, final=final, read=kept)

    def due(self, now: datetime, zone: ZoneInfo, history: timedelta) -> Iterator[date]:
        """The days to read now, oldest first: never read, or read while they grew and not just now."""
        today = now.astimezone(zone).date()
        begun = min(self.read, default=today - history)
        day = self.final + DAY if self.final else begun
        while day <= today:
            if _is_due(self.read.get(day), settled_at(day, zone), now):
                yield day
            day += DAY


def settled_at(day: date, zone: ZoneInfo) -> datetime:
    """When the rows of `day`, a day of the property's zone, grow no more."""
    ends = datetime.combine(day + DAY, time(), zone).astimezone(UTC)
    return ends + SETTLED


def _is_due(read_at: datetime | None, settled: datetime, now: datetime) -> bool:
    if read_at is None:
        return True
    return read_at < settled and (now >= settled or now - read_at >= REREAD)
