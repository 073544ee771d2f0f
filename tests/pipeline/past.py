"""A made-up past in the store: leads that act, some keenly, and deals that keen leads win more often."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import sqlalchemy as sa

from app.domain.records import Deal, Fact, Observation, Profile
from app.pipeline.understand import rescore_touched
from app.services import Services
from app.store import facts
from app.store.facts import Cause
from tests.store.people_of import contact, email

RUN = Cause(run_id=1)
DAY = timedelta(days=1)


def deal(number: int, at: datetime, *, won: bool = True, created: datetime | None = None) -> Deal:
    return Deal(
        source="hubspot",
        deal_id=str(number),
        contact_ids=(str(number),),
        pipeline="default",
        stage="closedwon" if won else "open",
        amount=100.0,
        is_closed=won,
        is_won=won,
        created_at=created or at - 5 * DAY,
        closed_at=at if won else None,
        modified_at=at,
    )


def profile(number: int, created: datetime, now: datetime, **fields: str) -> Profile:
    who = (contact(number), email(f"lead{number}"))
    told = {"contact_id": str(number), "created_at": created.isoformat(), **fields}
    return Profile("hubspot", who, told, now - DAY)


def act(number: int, place: int, at: datetime, kind: str = "email_click") -> Observation:
    return Observation("activecampaign", kind, f"{number}-{place}", (contact(number),), at)


def lead(number: int, chance: random.Random, now: datetime) -> list[Fact]:
    """One lead of the last 500 days: acts, and perhaps a deal won, after which HubSpot's counters jump."""
    keen = chance.random() < 0.3
    created = now - chance.uniform(20, 500) * DAY
    bought = created + chance.expovariate(1 / (150 if keen else 3000)) * DAY
    found: list[Fact] = []
    at, place = created, 0
    while (at := at + chance.expovariate(1 / (8 if keen else 60)) * DAY) < min(now, bought):
        found.append(act(number, place, at))
        place += 1
    customer = bought < now
    if customer:
        found.append(deal(number, bought))
    title = chance.choice(["Directora", "CEO"] if keen else ["Analista", "Estudiante", "Técnico"])
    visits = "80" if customer else "2"
    return [profile(number, created, now, job_title=title, visits=visits), *found]


def keep(services: Services, *found: Fact) -> None:
    """Keep these facts now."""
    with services.database.begin() as conn:
        facts.store(conn, [(fact, RUN) for fact in found], services.clock())


def score_all(services: Services) -> None:
    """Score whoever was touched."""
    while rescore_touched(services, services.clock()).more:
        pass


def quiet(_: str) -> None:
    """Progress that nobody watches."""


def live(database: sa.Engine, now: datetime, leads: int, seed: int = 3, first: int = 1) -> None:
    """Keep the facts of so many leads."""
    chance = random.Random(seed)
    found = [fact for number in range(first, first + leads) for fact in lead(number, chance, now)]
    with database.begin() as conn:
        facts.store(conn, [(fact, RUN) for fact in found], now)
