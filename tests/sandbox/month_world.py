"""A month of the invented company: single webinars, a weekly series, a host who drops out, guests unknown."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from tests.sandbox import population, sessions
from tests.sandbox.cast import Lead, PollAnswer, Registration, Segment, Webinar
from tests.sandbox.sessions import Ids, drop_host, hold, make_registrations, run_uuid
from tests.sandbox.world import World, make_deals

DAYS = 30
HOUR = 16
LONG = timedelta(minutes=75)
WORDS = ("Muy claro, gracias", "Me gustaría una demo", "El sonido se cortaba")
GUESTS = ("iPhone de Leo", "Sala de juntas")
"""They came by a forwarded link: Zoom shows neither a registration nor an e-mail."""

LATE = timedelta(hours=26)
"""How much later than the others some reports come."""


def make_month(seed: int, leads: int, webinars: int, begins: datetime) -> World:
    """Webinars spread over thirty days from `begins` (midnight, UTC), the first that very day. Every third is
    an occurrence of one series, every fourth loses its host, every fifth has a late report. Registrants of
    single webinars cancel.
    """
    chance = random.Random(f"{seed}:month")
    people = population.make_leads(chance, leads)
    starts = [
        begins + timedelta(days=place * (DAYS - 1) // webinars, hours=HOUR) for place in range(webinars)
    ]
    interest = min(0.6, 3_000 / leads)
    series = [place for place in range(webinars) if place % 3 == 2]
    members = ()
    if series:
        first = Ids(chance, webinars + 1)
        members = make_registrations(chance, people, starts[series[0]], first, live=False, interest=interest)
    series_uuid = run_uuid(chance, 1)
    held = [
        _webinar(
            chance,
            people,
            place,
            at,
            interest,
            (series[0], members, series_uuid) if place in series else None,
            (seed, begins),
        )
        for place, at in enumerate(starts)
    ]
    return World(
        seed=seed,
        now=begins,
        leads=people,
        webinars=tuple(held),
        host=population.HOST,
        panelists=population.PANELISTS,
        owners=population.OWNERS,
        deals=make_deals(chance, people, begins),
    )


Series = tuple[int, tuple[Registration, ...], str]
"""The place of a series' first occurrence, who is registered for it, and what Zoom lists it under."""


def _webinar(
    chance: random.Random,
    people: Sequence[Lead],
    place: int,
    starts: datetime,
    interest: float,
    series: Series | None,
    month: tuple[int, datetime],
) -> Webinar:
    seed, begins = month
    ids = Ids(chance, place)
    if series is None:
        registered = make_registrations(chance, people, starts, ids, live=False, interest=interest)
        webinar = hold(chance, people, registered, place, (starts, starts + LONG), ids)
    else:
        first, registered, uuid = series
        webinar = replace(
            hold(chance, people, registered, place, (starts, starts + LONG), ids),
            webinar_id=97_871_060_000 + first,
            topic=sessions.TOPICS[first % len(sessions.TOPICS)],
            occurrence_id=f"{int(starts.timestamp())}000",
            series_uuid=uuid,
        )
    guests = tuple(_guest(name, starts, ids) for name in GUESTS)
    if series is None:
        webinar = replace(webinar, registrations=_with_cancellations(seed, begins, webinar))
    webinar = replace(
        webinar,
        created_at=starts - timedelta(days=45),
        segments=(*webinar.segments, *guests),
        survey=tuple(_survey(seed, webinar)),
        report_delay=LATE if place % 5 == 3 else timedelta(0),
    )
    return drop_host(webinar, chance, ids) if place % 4 == 1 else webinar


def _with_cancellations(seed: int, begins: datetime, webinar: Webinar) -> tuple[Registration, ...]:
    """Half of those who stay away say so, some time before it begins."""
    chance = random.Random(f"{seed}:cancelled:{webinar.webinar_id}")
    came = {one.lead_key for one in webinar.segments}
    return tuple(
        replace(one, cancelled_at=webinar.starts_at - chance.random() * (webinar.starts_at - since))
        if one.stands and one.lead_key not in came and chance.random() < 0.5
        else one
        for one in webinar.registrations
        for since in [max(one.created_at, begins)]
    )


def _survey(seed: int, webinar: Webinar) -> Iterator[PollAnswer]:
    """One in three who came answers, within two days."""
    chance = random.Random(f"{seed}:survey:{webinar.uuid}")
    for key in sorted({one.lead_key for one in webinar.segments} - {""}):
        if chance.random() < 1 / 3:
            at = webinar.ends_at + timedelta(seconds=chance.randint(30, 48 * 3_600))
            yield PollAnswer(key, "797fGJEWrB", "¿Qué te ha parecido?", chance.choice(WORDS), at)


def _guest(name: str, starts: datetime, ids: Ids) -> Segment:
    joined = starts + timedelta(minutes=5)
    return Segment(ids.number(), ids.code(), "", "", name, "", joined, joined + timedelta(minutes=50))
