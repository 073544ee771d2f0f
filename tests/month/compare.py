"""Savia's store against the truth, fact by fact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from tests.month.people import People, kept, people_of
from tests.month.stage import Vendors
from tests.month.truth import Facts, Key, Truth
from tests.sandbox.cast import Webinar

ACTIVITIES = sa.text("""
    SELECT person_id, kind, fact_key, occurred_at, quantity, attributes FROM activity
""")
DEALS = sa.text("SELECT deal_id, stage, is_won, amount, contact_ids FROM deal")
COUNTED = {
    "poll_participation": "poll answer",
    "qa_participation": "question",
    "chat_participation": "chat line",
    "survey_answer": "survey answer",
}
MAILED = {
    "email_open": "open",
    "email_click": "click",
    "email_bounce": "bounce",
    "email_unsubscribe": "unsubscribe",
}
VISITED = {
    "website_visit": "visits",
    "content_download": "downloads",
    "social_share": "shares",
    "conversion_event": "key_events",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """One kind of fact. `wrong` are facts of the wrong size, as minutes may be; `unreadable` are truly there
    and could not be read by anybody. Equal means that nothing is missing, too much or wrong.
    """

    kind: str
    true: int
    missing: tuple[Key, ...]
    extra: tuple[Key, ...]
    wrong: tuple[Key, ...]
    unreadable: int
    why: str

    @property
    def is_equal(self) -> bool:
        return not (self.missing or self.extra or self.wrong)

    def __str__(self) -> str:
        differing = f"{len(self.missing)} missing, {len(self.extra)} too many, {len(self.wrong)} wrong"
        named = f"; {self.unreadable} beyond reach: {self.why}" if self.unreadable else ""
        return f"{self.kind:14} {self.true:8} true: {differing}{named}"


def compare(conn: sa.Connection, vendors: Vendors, truth: Truth) -> tuple[list[Compared], People]:
    """Every kind of fact, and who is who."""
    people = people_of(conn, vendors)
    held = held_facts(conn, vendors, people, truth)
    found = [_compared(kind, truth, held.get(kind, Counter())) for kind in truth.facts]
    return found, people


def _compared(kind: str, truth: Truth, held: Facts) -> Compared:
    """What is beyond reach is taken out of the truth first, so that it must not be held either."""
    wanted = truth.facts[kind].copy()
    beyond = truth.unreadable.get(kind, Counter())
    wanted.subtract(beyond)
    places = {place for place, size in wanted.items() if size}
    return Compared(
        kind=kind,
        true=len(truth.facts[kind]),
        missing=tuple(sorted(places - held.keys(), key=str)),
        extra=tuple(sorted(held.keys() - places, key=str)),
        wrong=tuple(sorted((one for one in places & held.keys() if wanted[one] != held[one]), key=str)),
        unreadable=sum(beyond.values()),
        why=truth.why.get(kind, ""),
    )


def held_facts(conn: sa.Connection, vendors: Vendors, people: People, truth: Truth) -> dict[str, Facts]:
    """The store's facts in the truth's words."""
    found: dict[str, Facts] = {kind: Counter() for kind in truth.facts}
    begins = beginnings(vendors.world.webinars)
    zone = vendors.ga4.zone
    for row in conn.execute(ACTIVITIES):
        lead = people.lead_of.get(row.person_id, f"nobody {row.person_id}")
        kind, place, size = _told(row, lead, begins, zone)
        if kind in found:
            found[kind][place] += size
    for place, amount in _held_deals(conn, vendors):
        found["deal"][place] += amount
    return found


def beginnings(webinars: Iterable[Webinar]) -> dict[str, datetime]:
    """When what goes by a name began. All of a series are announced by one name: it needs the day as well."""
    own = {uuid: webinar.starts_at for webinar in webinars for uuid, _ in webinar.runs}
    return own | {
        f"{webinar.series_uuid} {webinar.starts_at:%Y-%m-%d}": webinar.starts_at
        for webinar in webinars
        if webinar.series_uuid
    }


def _told(row: Any, lead: str, begins: Mapping[str, Any], zone: ZoneInfo) -> tuple[str, Key, int]:
    if row.kind == "webinar_attendance":
        day = f"{row.fact_key} {row.occurred_at:%Y-%m-%d}"
        began = begins.get(row.fact_key) or begins.get(day) or row.fact_key
        return "attendance", (lead, began), round(row.quantity * 60)
    if row.kind == "webinar_registration":
        return "registration", (lead, row.fact_key), 1
    if row.kind in COUNTED:
        return COUNTED[row.kind], (lead,), 1
    if row.kind in MAILED:
        about = row.attributes
        campaign = str(about.get("scope") or about.get("campaign") or "")
        minute = row.occurred_at.replace(second=0, microsecond=0)
        return MAILED[row.kind], (lead, campaign, str(about.get("link") or 0), minute), 1
    if row.kind in VISITED:
        return "visit", (lead, row.occurred_at.astimezone(zone).date(), VISITED[row.kind]), 1
    return "", (), 0


def _held_deals(conn: sa.Connection, vendors: Vendors) -> Iterator[tuple[Key, int]]:
    leads = {contact: kept(vendors, key) for key, contact in vendors.contacts.items()}
    gone = {vendors.contacts[key] for key in vendors.office.deleted}
    for row in conn.execute(DEALS):
        own = ",".join(sorted({leads[one] for one in row.contact_ids if one not in gone}))
        yield (row.deal_id, row.stage, row.is_won, own), round(row.amount or 0)
