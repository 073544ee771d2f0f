"""People nobody has met, with what they did: facts through the store's own way in, for other benches."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from app.domain.records import Fact, IdentityKey, Observation, Profile
from app.services import Services
from app.store import facts
from app.store.facts import Cause

LOT = 1_000
WEBINARS = 12


def fill(services: Services, leads: int, now: datetime, start: int = 0) -> int:
    """`leads` people known to HubSpot, each with what a lead does in a year: how many observations."""
    count = 0
    for first in range(start, start + leads, LOT):
        found = [
            fact for number in range(first, min(first + LOT, start + leads)) for fact in _facts(number, now)
        ]
        with services.database.begin() as conn:
            facts.store(conn, [(fact, Cause(run_id=1)) for fact in found], now)
        count += sum(isinstance(fact, Observation) for fact in found)
    return count


def _facts(number: int, now: datetime) -> Iterator[Fact]:
    email = IdentityKey("any", "email", f"persona.{number}@example.com")
    contact = IdentityKey("hubspot", "contact_id", str(1_000_000 + number))
    yield Profile("hubspot", (contact, email), _fields(number), now - timedelta(days=number % 300))
    for webinar in range(number % WEBINARS, WEBINARS, 5):
        yield from _evening(number, webinar, email, now - timedelta(days=25 * webinar + 3))


def _fields(number: int) -> dict[str, str]:
    return {
        "email": f"persona.{number}@example.com",
        "first_name": "Lucía",
        "last_name": f"García {number}",
        "job_title": ("Directora de Marketing", "Analista de Datos", "CEO")[number % 3],
        "company": f"Aurora Consultores {number % 900}",
        "company_size": str(5 * (number % 200)),
        "industry": "Consultoría",
        "country": "ES",
        "lifecycle_stage": "lead",
        "email_opens": str(number % 11),
        "email_clicks": str(number % 4),
        "visits": str(number % 7),
    }


def _evening(number: int, webinar: int, email: IdentityKey, at: datetime) -> Iterator[Observation]:
    """Registered, came by two connections, answered a poll; every third asked something."""
    run = f"run{webinar:02}AAAiAAAAAiAiAiiAii=="

    def seen(kind: str, key: str, minutes: float, quantity: float = 1.0, **more: str) -> Observation:
        moment = at + timedelta(minutes=minutes)
        scope = str(webinar) if kind == "registration" else run
        return Observation("zoom", kind, f"{key}|{run}|{number}", (email,), moment, quantity, scope, more)

    yield seen("registration", "registration", -4_000, topic="Cómo elegir una plataforma de formación")
    yield seen("webinar_segment", "segment1", 0, 1_500.0, session=f"s{number}")
    yield seen("webinar_segment", "segment2", 27, 1_200.0, session=f"t{number}")
    yield seen("poll_answer", "poll", 20, question="¿Cuándo lo necesita?", answer="En tres meses")
    if number % 3 == 0:
        yield seen("qa_question", "question", 40, text="¿Se integra con nuestro CRM actual?")
