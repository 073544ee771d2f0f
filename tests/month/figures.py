"""What a month came to: facts compared, calls of each day, scopes used, every webinar's reconciliation."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

from app.domain.reconciliation import Reconciled
from app.pipeline.reconcile import reconciled
from connectors.ga4.client import SCOPE
from tests.conftest import ROOT
from tests.month.compare import Compared, compare
from tests.month.people import People
from tests.month.stage import Vendors
from tests.month.story import Month
from tests.month.truth import truth_of

PROJECT = ROOT / "connectors" / "hubspot" / "project" / "src" / "app" / "app-hsmeta.json"
ZOOM_SCOPES = {
    "webinar:read:admin": ("/users", "/webinars", "/past_webinars"),
    "report:read:admin": ("/report",),
}
"""What connectors/zoom/README.md asks for, and which calls need it."""


@dataclass(frozen=True)
class Day:
    """The calls of one day of the story by the sandbox's count; those to a vendor that was down apart."""

    number: int
    calls: int
    successful: int
    limited: int
    down: int

    @property
    def success(self) -> float:
        return self.successful / self.calls if self.calls else 1.0

    @property
    def limit_errors(self) -> float:
        return self.limited / self.calls if self.calls else 0.0


@dataclass(frozen=True)
class Ending:
    """How a month ended."""

    compared: tuple[Compared, ...]
    people: People
    days: tuple[Day, ...]
    unused_scopes: tuple[str, ...]
    undefined: tuple[str, ...]
    webinars: tuple[Reconciled, ...]
    attendees: tuple[int, ...]
    """By the sandbox: how many came to each occurrence, in order of time."""

    @property
    def differences(self) -> int:
        return sum(len(one.missing) + len(one.extra) + len(one.wrong) for one in self.compared)


def ending_of(story: Month) -> Ending:
    """Everything about a month that is over."""
    vendors = story.vendors
    truth = truth_of(vendors, story.post)
    with story.services.database.connect() as conn:
        found, people = compare(conn, vendors, truth)
        webinars = tuple(reconciled(conn))
    return Ending(
        compared=tuple(found),
        people=people,
        days=tuple(_day(number, calls) for number, calls in enumerate(story.days, start=1)),
        unused_scopes=tuple(sorted(wanted_scopes() - used_scopes(vendors))),
        undefined=tuple(vendors.traffic.undefined),
        webinars=webinars,
        attendees=tuple(_attendees(vendors)),
    )


def _day(number: int, calls: Counter[tuple[str, str]]) -> Day:
    by_outcome: Counter[str] = Counter()
    for (_, outcome), count in calls.items():
        by_outcome[outcome] += count
    down = by_outcome.pop("down", 0)
    return Day(number, by_outcome.total(), by_outcome["2xx"], by_outcome["429"], down)


def _attendees(vendors: Vendors) -> list[int]:
    """Guests are known by the name Zoom shows."""
    return [
        len({one.lead_key or one.name for one in webinar.segments if one.role == "attendee"})
        for webinar in vendors.world.webinars
    ]


def wanted_scopes() -> set[str]:
    """Every scope the project asks an operator for."""
    asked = json.loads(PROJECT.read_text())["config"]["auth"]["requiredScopes"]
    return {*asked, *ZOOM_SCOPES, SCOPE}


def used_scopes(vendors: Vendors) -> set[str]:
    """Those without which some call would have been refused."""
    paths = [route.partition(" ")[2] for route in vendors.zoom.request_counts]
    zoom = {
        scope
        for scope, prefixes in ZOOM_SCOPES.items()
        if any(path.startswith(prefix) for path in paths for prefix in prefixes)
    }
    ga4 = {SCOPE} if vendors.ga4.requests["runReport"] else set()
    return vendors.portal.scopes_used | zoom | ga4
