"""One GA4 property: the hits it shows by now, told as rows of dimensions."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from tests.sandbox.ga4.quota import Quota
from tests.sandbox.hubspot.faults import Faults
from tests.sandbox.visit_world import KEY_EVENTS, Hit, VisitWorld

STANDARD = (
    "date",
    "dateHour",
    "dateHourMinute",
    "eventName",
    "pagePath",
    "fileName",
    "isKeyEvent",
    "deviceCategory",
)
METRICS = ("eventCount", "keyEvents")
OTHER = "(other)"
NOT_SET = "(not set)"

Row = tuple[str, ...]


@dataclass
class Ga4Property:
    """`clock` says what is shown by now. `most_rows` is how many rows a day's table holds before the rest
    becomes "(other)"; `withhold_below` hides users with fewer events than that (thresholding), on the days of
    `withhold_on` or, where that is empty, on every day; `sampling` is
    (samples read, of how many). `requests` counts calls by route.
    """

    visits: VisitWorld
    property_id: str = "123456789"
    time_zone: str = "Europe/Madrid"
    dimension: str = "customUser:hubspot_id"
    key_events: tuple[str, ...] = KEY_EVENTS
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    quota: Quota = field(default_factory=Quota)
    most_rows: int = 50_000
    withhold_below: int = 0
    withhold_on: frozenset[date] = frozenset()
    sampling: tuple[int, int] | None = None
    tokens_per_report: int = 5
    requests: Counter[str] = field(default_factory=Counter)
    faults: Faults = field(default_factory=Faults)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Sort the hits into the days of the property's zone, once."""
        self.zone = ZoneInfo(self.time_zone)
        self._days: dict[date, list[Hit]] = defaultdict(list)
        for hit in self.visits.hits:
            self._days[hit.at.astimezone(self.zone).date()].append(hit)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Every dimension a report may name."""
        return (*STANDARD, self.dimension)

    def shown(self, first: date, last: date) -> Iterator[Hit]:
        """The hits of these days that GA4 shows by now."""
        now = self.clock()
        for day, hits in self._days.items():
            if first <= day <= last:
                yield from (hit for hit in hits if _is_shown(hit, now))

    def withholds(self, first: date) -> bool:
        """Are users with few events hidden in a report that begins on this day?"""
        return self.withhold_below > 0 and (not self.withhold_on or first in self.withhold_on)

    def row(self, hit: Hit, names: Sequence[str]) -> Row:
        """The hit's values of the named dimensions, all of them text."""
        local = hit.at.astimezone(self.zone)
        values = {
            "date": local.strftime("%Y%m%d"),
            "dateHour": local.strftime("%Y%m%d%H"),
            "dateHourMinute": local.strftime("%Y%m%d%H%M"),
            "eventName": hit.name,
            "pagePath": hit.page,
            "fileName": hit.file,
            "deviceCategory": hit.device,
            "isKeyEvent": "true" if hit.name in self.key_events else "false",
            self.dimension: hit.user_id or NOT_SET,
        }
        return tuple(values[name] for name in names)


def _is_shown(hit: Hit, now: datetime) -> bool:
    return hit.shown_from <= now and (hit.gone_from is None or now < hit.gone_from)
