"""What people did around one webinar: who registered, when they were there, what they answered and wrote."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tests.sandbox.cast import (
    ChatMessage,
    Lead,
    PollAnswer,
    Question,
    Registration,
    Role,
    Segment,
    Staff,
    Webinar,
)
from tests.sandbox.population import HOST, ODD_COUNT, PANELIST_KEY, PANELISTS

TOPICS = ("Webinar IA 10x Impact", "IA para ventas: casos reales", "Automatiza tu marketing con IA")
ROLES = ("Decision Maker", "Evaluator/Recommender", "Influencer", "Not involved")
TIME_FRAMES = ("Within a month", "1-3 months", "4-6 months", "More than 6 months", "No timeframe")
HOPES = (
    "Casos prácticos de mi sector",
    "Cómo empezar con poco presupuesto",
    "Precios e integración con HubSpot",
)
POLLS = (
    ("poll-one", "¿Usáis ya IA en vuestra empresa?", ("Sí", "No", "Lo estamos valorando")),
    ("poll-two", "¿Qué os frena más?", ("Presupuesto", "Tiempo", "Conocimiento")),
    ("poll-two", "¿Para cuándo?", ("Este mes", "Este trimestre", "Sin fecha")),
)
"""(poll, question, choices). Two questions share a poll, as in real reports."""

QUESTIONS = ("¿Se integra con nuestro CRM?", "¿Cuánto cuesta empezar?", "¿Hay soporte en español?")
LINES = (
    "Buenas tardes desde Bogotá 👋",
    "Muy interesante, gracias",
    "¿Se compartirá la grabación?",
    "¡Genial! 🚀",
)


@dataclass(frozen=True, slots=True)
class Attended:
    """A registered lead who came, and the stretch they were there for."""

    lead: Lead
    registration: Registration
    session_id: str
    first: datetime
    last: datetime


class Ids:
    """Ids that look like Zoom's, the same for the same seed, never twice."""

    def __init__(self, chance: random.Random, position: int) -> None:
        self._chance, self._base, self._count = chance, 16_000_000 * (position + 1), 0

    def number(self) -> str:
        """A session's number as text."""
        self._count += 1
        return str(self._base + self._count)

    def code(self) -> str:
        """22 characters: random ones, with a counter that keeps them apart."""
        self._count += 1
        raw = self._chance.randbytes(10) + self._count.to_bytes(6, "big")
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def make_webinar(
    chance: random.Random, people: Sequence[Lead], position: int, total: int, now: datetime
) -> Webinar:
    """Webinar `position` of `total`. The last is live and ends at `now`; the one before it ended yesterday,
    earlier ones a week apart.
    """
    live = position == total - 1
    ends = now if live else now - timedelta(days=1 + 7 * (total - 2 - position))
    starts = ends - timedelta(minutes=75)
    ids = Ids(chance, position)
    registrations = make_registrations(chance, people, starts, ids, live=live)
    return hold(chance, people, registrations, position, (starts, ends), ids, live=live)


def hold(
    chance: random.Random,
    people: Sequence[Lead],
    registrations: tuple[Registration, ...],
    position: int,
    span: tuple[datetime, datetime],
    ids: Ids,
    *,
    live: bool = False,
) -> Webinar:
    """The webinar as it went: who came, answered, asked and wrote."""
    starts, ends = span
    by_key = {lead.key: lead for lead in people}
    segments: list[Segment] = _house_segments(starts, ends, ids)
    came: list[Attended] = []
    for registration in registrations:
        lead = by_key[registration.lead_key]
        if comes(chance, lead, registration):
            own = connections(chance, lead, registration, starts, ends, ids)
            segments.extend(own)
            came.append(Attended(lead, registration, own[0].user_id, own[0].joined_at, own[-1].left_at))
    heard = [one for one in came if one.lead.login_email == one.lead.zoom_email]
    return Webinar(
        webinar_id=97_871_060_000 + position,
        uuid=run_uuid(chance, position),
        topic=TOPICS[position % len(TOPICS)],
        created_at=starts - timedelta(days=30),
        starts_at=starts,
        ends_at=ends,
        planned_minutes=150 if live else 75,
        live=live,
        registrations=registrations,
        segments=tuple(segments),
        poll_answers=tuple(_poll_answers(chance, heard, starts)),
        questions=tuple(_questions(chance, heard, ids)),
        chat=tuple(_chat(chance, heard, starts, ids)),
    )


def drop_host(webinar: Webinar, chance: random.Random, ids: Ids) -> Webinar:
    """The host's line broke in the middle: everybody was thrown out and, minutes later, came back to a run of
    another uuid.
    """
    broke = webinar.starts_at + timedelta(minutes=40)
    again = broke + timedelta(seconds=chance.randint(60, 240))
    before = [
        replace(one, left_at=min(one.left_at, broke)) for one in webinar.segments if one.joined_at < broke
    ]
    after = [
        replace(one, user_id=ids.number(), participant_uuid=ids.code(), joined_at=max(one.joined_at, again))
        for one in webinar.segments
        if one.left_at > again
    ]
    return replace(
        webinar,
        segments=tuple(before + after),
        restarted_at=again,
        restart_uuid=run_uuid(chance, 1),
    )


def run_uuid(chance: random.Random, position: int) -> str:
    """The first run's uuid begins with "/" and holds "//" (it must be sent double-encoded); the next holds
    one "/" alone, which must work encoded once.
    """
    body = base64.b64encode(chance.randbytes(16)).decode().replace("/", "x")
    return f"/{body[1:9]}//{body[11:]}" if position % 2 == 0 else f"{body[:9]}/{body[10:]}"


def make_registrations(
    chance: random.Random,
    people: Sequence[Lead],
    starts: datetime,
    ids: Ids,
    *,
    live: bool,
    interest: float = 1.0,
) -> tuple[Registration, ...]:
    """Who registered for what begins at `starts`; `interest` below 1 makes it fewer."""
    found = []
    for number, lead in enumerate(people):
        odd = number < ODD_COUNT
        if lead.key == PANELIST_KEY or not lead.zoom_email or not (odd or registers(chance, lead, interest)):
            continue
        found.append(register(chance, lead, starts, ids, may_be_denied=not live and not odd))
    return tuple(found)


def register(
    chance: random.Random, lead: Lead, starts: datetime, ids: Ids, *, may_be_denied: bool
) -> Registration:
    """The form as the lead filled it in, between twenty days and an hour before."""
    denied = may_be_denied and chance.random() < 0.01
    created = starts - timedelta(seconds=chance.randint(3_600, 20 * 86_400))
    return Registration(
        lead_key=lead.key,
        registrant_id=ids.code(),
        created_at=created,
        role_in_purchase=ROLES[0] if lead.propensity > 0.6 else chance.choice(ROLES),
        time_frame=chance.choice(TIME_FRAMES),
        hope=chance.choice(HOPES),
        status="denied" if denied else "approved",
    )


def registers(chance: random.Random, lead: Lead, interest: float) -> bool:
    """Does the lead register? The likelier, the readier to buy."""
    return chance.random() < interest * (0.35 + 0.4 * lead.propensity if lead.in_hubspot else 0.7)


def comes(chance: random.Random, lead: Lead, registration: Registration) -> bool:
    """Is somebody who registered there on the evening?"""
    return registration.status == "approved" and chance.random() < 0.3 + 0.55 * lead.propensity


def connections(
    chance: random.Random, lead: Lead, registration: Registration, starts: datetime, ends: datetime, ids: Ids
) -> list[Segment]:
    """One stretch for most; some drop out and come back, some connect a second device that overlaps."""
    whole = int((ends - starts).total_seconds())
    begin = chance.randint(0, whole // 4)
    end = min(whole, begin + chance.randint(120, int(300 + (whole - 300) * max(0.1, lead.propensity))))
    stretches = [(begin, end)]
    draw = chance.random()
    if draw < 0.25 and end - begin > 600:
        middle = begin + (end - begin) // 2
        stretches = [(begin, middle), (middle + chance.randint(20, 200), end)]
    elif draw < 0.35:
        stretches.append((begin + (end - begin) // 3, end))
    return [
        Segment(
            user_id=ids.number(),
            participant_uuid=ids.code(),
            lead_key=lead.key,
            registrant_id=registration.registrant_id,
            name=lead.name,
            email=lead.login_email,
            joined_at=starts + timedelta(seconds=first),
            left_at=starts + timedelta(seconds=last),
        )
        for first, last in stretches
    ]


def _house_segments(starts: datetime, ends: datetime, ids: Ids) -> list[Segment]:
    def segment(person: Staff, role: Role) -> Segment:
        return Segment(
            user_id=ids.number(),
            participant_uuid=ids.code(),
            lead_key="",
            registrant_id="",
            name=person.name,
            email=person.email,
            joined_at=starts,
            left_at=ends,
            role=role,
            staff_id=person.user_id,
        )

    return [segment(HOST, "host"), *(segment(panelist, "panelist") for panelist in PANELISTS)]


def _poll_answers(chance: random.Random, came: Iterable[Attended], starts: datetime) -> Iterable[PollAnswer]:
    for one in came:
        willing = chance.random() < 0.2 + 0.6 * one.lead.propensity
        anonymous = chance.random() < 0.03
        for number, (poll, question, choices) in enumerate(POLLS):
            if willing and chance.random() < 0.8:
                key = "" if anonymous else one.lead.key
                moment = starts + timedelta(minutes=20 + 15 * number, seconds=chance.randint(0, 90))
                yield PollAnswer(key, poll, question, chance.choice(choices), moment)


def _questions(chance: random.Random, came: Iterable[Attended], ids: Ids) -> Iterable[Question]:
    for one in came:
        while chance.random() < 0.05 + 0.25 * one.lead.propensity:
            key = "" if chance.random() < 0.1 else one.lead.key
            yield Question(key, ids.code(), chance.choice(QUESTIONS), _moment(chance, one))


def _chat(
    chance: random.Random, came: Iterable[Attended], starts: datetime, ids: Ids
) -> Iterable[ChatMessage]:
    yield ChatMessage("", ids.code(), ids.number(), "Bienvenidos a todos", starts + timedelta(minutes=1))
    for one in came:
        while chance.random() < 0.1 + 0.5 * one.lead.propensity:
            text = chance.choice(LINES)
            yield ChatMessage(one.lead.key, ids.code(), one.session_id, text, _moment(chance, one))


def _moment(chance: random.Random, one: Attended) -> datetime:
    return one.first + timedelta(seconds=chance.randint(1, int((one.last - one.first).total_seconds())))
