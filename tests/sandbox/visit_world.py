"""What the invented people did on the company's site, seeded, and what of it is true per lead and day."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from tests.sandbox.world import World

Act = Literal["visits", "downloads", "shares", "key_events"]
Truth = dict[tuple[str, date], Counter[Act]]
"""(lead key, day in the property's zone) -> how often the lead truly did what."""

PAGES = ("/", "/webinars/ia-para-pymes", "/precios", "/blog/automatizar", "/casos/logística", "/demo")
FILES = ("/guias/ia-para-pymes.pdf", "/guias/automatizar.pdf", "/guias/precios.xlsx")
DEVICES = ("desktop", "desktop", "mobile", "tablet")
KEY_EVENTS = ("generate_lead", "book_demo")
ACT_OF: Mapping[str, Act] = {
    "session_start": "visits",
    "lead_identified": "visits",
    "file_download": "downloads",
    "share": "shares",
    "generate_lead": "key_events",
    "book_demo": "key_events",
}

LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Hit:
    """One event as a browser sent it. `user_id` is the value of the user property when it was sent, "" while
    the visitor was unknown. GA4 shows it from `shown_from` on; a hit with `gone_from` is taken for a
    robot's then and vanishes. `doubled` marks the second firing of the same tag.
    """

    at: datetime
    name: str
    lead_key: str
    user_id: str
    page: str
    file: str = ""
    device: str = "desktop"
    shown_from: datetime = LONG_AGO
    gone_from: datetime | None = None
    doubled: bool = False


@dataclass(frozen=True, slots=True)
class VisitWorld:
    """Every hit in order of time, and the ids leads are known by on the site."""

    hits: tuple[Hit, ...]
    ids: Mapping[str, str]

    def truth(self, time_zone: str) -> Truth:
        """What each identified lead truly did, once everything late has come and robots are gone."""
        zone = ZoneInfo(time_zone)
        found: Truth = defaultdict(Counter)
        for hit in self.hits:
            act = ACT_OF.get(hit.name)
            if act and hit.user_id and not hit.doubled and hit.gone_from is None:
                found[hit.lead_key, hit.at.astimezone(zone).date()][act] += 1
        return dict(found)


def contact_ids(world: World) -> dict[str, str]:
    """Ids for a world without a portal: digits too long for a floating-point number, some oddly shaped."""
    odd = ("007", "1e5", "1026454.4271112504", "0x1F")
    known = [lead.key for lead in world.leads if lead.in_hubspot]
    return {
        key: odd[number] if number < len(odd) else str(90_071_992_547_409_931 + 2 * number)
        for number, key in enumerate(known)
    }


def make_visits(world: World, ids: Mapping[str, str], days: int = 14) -> VisitWorld:
    """The visits of the `days` before the world's `now`; `ids` are contact ids by lead key. The same
    arguments give the same visits. About two visits in three are by people nobody ever identifies.
    """
    chance = random.Random(f"{world.seed}:visits")
    hits: list[Hit] = []
    for lead in world.leads:
        if lead.key in ids and not lead.shared_mailbox:
            hits += visits_of(chance, lead.key, ids[lead.key], lead.propensity, world.now, days)
    for number in range(2 * len(hits) // 6):
        hits += _session(chance, f"unknown-{number}", "", _moment(chance, world.now, days))
    troubled = [late for hit in hits for late in _troubled(chance, hit)]
    return VisitWorld(tuple(sorted(troubled, key=lambda hit: (hit.at, hit.lead_key, hit.name))), dict(ids))


def visits_of(
    chance: random.Random, key: str, user_id: str, propensity: float, now: datetime, days: int
) -> Iterator[Hit]:
    """A lead's visits, one a day at most. In the first they are unknown until they fill in a form."""
    wanted = min(days, round(propensity * chance.random() * 8))
    offsets = sorted(chance.sample(range(days), wanted), reverse=True)
    for place, offset in enumerate(offsets):
        begins = now - timedelta(days=offset, minutes=chance.randint(90, 1_200))
        if place > 0:
            yield from _session(chance, key, user_id, begins)
            continue
        unknown = _session(chance, key, "", begins)
        yield from unknown
        known_from = max(hit.at for hit in unknown) + timedelta(minutes=2)
        yield Hit(known_from, "lead_identified", key, user_id, "/demo")
        yield Hit(known_from + timedelta(minutes=1), "generate_lead", key, user_id, "/demo")


def _moment(chance: random.Random, now: datetime, days: int) -> datetime:
    return now - timedelta(minutes=chance.randint(60, days * 24 * 60))


def _session(chance: random.Random, key: str, user_id: str, begins: datetime) -> list[Hit]:
    """One visit. Acts are minutes apart, so that no two of a kind share a minute unless a tag fired twice."""
    at = begins.replace(microsecond=0)
    page, device = chance.choice(PAGES), chance.choice(DEVICES)
    hits = [Hit(at, name, key, user_id, page, device=device) for name in ("session_start", "page_view")]
    for name, file, likely in _acts(chance):
        if chance.random() < likely:
            at += timedelta(minutes=chance.randint(2, 5))
            page = chance.choice(PAGES) if name == "page_view" else page
            hits.append(Hit(at, name, key, user_id, page, file, device))
    return hits


def _acts(chance: random.Random) -> Sequence[tuple[str, str, float]]:
    return (
        ("page_view", "", 0.7),
        ("page_view", "", 0.5),
        ("file_download", chance.choice(FILES), 0.3),
        ("file_download", chance.choice(FILES), 0.1),
        ("share", "", 0.15),
        ("book_demo", "", 0.08),
    )


def _troubled(chance: random.Random, hit: Hit) -> Iterator[Hit]:
    """The hit as GA4 comes to know it: a few hours late, sometimes a day and a half, now and then a robot's,
    now and then fired twice.
    """
    draw = chance.random()
    late = timedelta(hours=chance.uniform(24, 40) if draw < 0.1 else chance.uniform(0.1, 6))
    shown = replace(hit, shown_from=hit.at + late)
    if 0.1 <= draw < 0.13:
        shown = replace(shown, gone_from=hit.at + timedelta(hours=chance.uniform(12, 40)))
    yield shown
    if chance.random() < 0.08 and shown.gone_from is None:
        yield replace(shown, doubled=True)
