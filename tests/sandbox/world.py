"""The invented company everything is tested against, made from a seed, and how far its story has gone."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tests.sandbox import population, sessions
from tests.sandbox.cast import Lead, Staff, Webinar, WorldDeal

Step = Literal["before", "live", "ended"]
"""How far the story has gone: the last webinar not begun, its webhooks sent, its reports out."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything that is true. `leads` are in order of their keys; `now` is when the story begins (UTC)."""

    seed: int
    now: datetime
    leads: tuple[Lead, ...]
    webinars: tuple[Webinar, ...]
    host: Staff
    panelists: tuple[Staff, ...]
    owners: tuple[Staff, ...]
    deals: tuple[WorldDeal, ...]

    def seen(self, step: Step) -> tuple[Webinar, ...]:
        """The webinars anybody outside Zoom can know of at `step`, oldest first."""
        return tuple(webinar for webinar in self.webinars if step != "before" or not webinar.live)

    @property
    def last(self) -> Webinar:
        """The webinar of the story."""
        return self.webinars[-1]


class Story:
    """How far the sandbox has gone. Only ever moves forward; `ended_at` is when the live webinar ended."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.step: Step = "before"
        self.ended_at: datetime | None = None

    def go_live(self) -> None:
        """Webhooks of the last webinar begin to go out."""
        if self.step == "before":
            self.step = "live"

    def end(self, now: datetime) -> None:
        """The last webinar is over: its reports appear (after the account's delay)."""
        if self.step != "ended":
            self.step, self.ended_at = "ended", now

    def report_from(self, webinar: Webinar) -> datetime | None:
        """When the run's reports begin to exist, before any delay; None while it has not ended."""
        return self.ended_at if webinar.live else webinar.ends_at


def make_world(seed: int, leads: int, webinars: int, now: datetime, deal_days: int = 200) -> World:
    """The world of this seed: the same arguments give the same world. `now` must be aware; deals reach so
    many days back. Years of a million leads are streamed by years.py.
    """
    if leads < 20 or webinars < 1 or now.tzinfo is None:
        raise ValueError("a world needs 20 leads, one webinar and an aware time")
    chance = random.Random(seed)
    start = now.replace(microsecond=0)
    people = population.make_leads(chance, leads)
    runs = tuple(
        sessions.make_webinar(chance, people, position, webinars, start) for position in range(webinars)
    )
    return World(
        seed=seed,
        now=start,
        leads=people,
        webinars=runs,
        host=population.HOST,
        panelists=population.PANELISTS,
        owners=population.OWNERS,
        deals=make_deals(chance, people, start, deal_days),
    )


_STAGES = ("appointmentscheduled", "qualifiedtobuy", "closedwon", "closedlost")


def make_deals(
    chance: random.Random, people: tuple[Lead, ...], now: datetime, days: int = 200
) -> tuple[WorldDeal, ...]:
    """About one contact in fifteen has a deal; the likelier the person, the likelier it was won."""
    deals = []
    for lead in people:
        if not lead.in_hubspot or chance.random() > 0.03 + 0.08 * lead.propensity:
            continue
        created = now - timedelta(days=chance.randint(20, days))
        closed = created + timedelta(days=chance.randint(5, 19))
        won = chance.random() < lead.propensity
        stage = "closedwon" if won else chance.choice(_STAGES)
        amount = 500 * chance.randint(1, 40)
        deals.append(WorldDeal(lead.key, f"Implantación IA · {lead.company}", amount, stage, created, closed))
    return tuple(deals)
