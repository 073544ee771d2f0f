"""Years of up to a million leads, one after the other and none kept: `python -m tests.sandbox.years`.

Each lead's years depend on the seed and the lead's number alone, so any stretch can be made by itself.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.sandbox import mail_world, population, sessions, visit_world
from tests.sandbox.cast import Lead, Registration, Segment, WorldDeal
from tests.sandbox.mail_world import Campaign, Rough
from tests.sandbox.sessions import Ids
from tests.sandbox.visit_world import Hit

WEBINAR_EVERY = timedelta(days=28)
LONG = timedelta(minutes=75)
FIRST_CONTACT_ID = 90_071_992_547_409_931
"""Too long for a floating-point number, as HubSpot's are."""


@dataclass(frozen=True, slots=True)
class Evening:
    """A webinar the lead registered for; no `segments`: did not come. A rejoin or a second device is a
    segment of its own.
    """

    webinar: int
    registration: Registration
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Life:
    """Everything one lead ever did. `lead.propensity` is what no vendor shows and everything follows from;
    `mails` are acts as (lead key, when, act, campaign, link, machine, user agent), machines' among them.
    """

    lead: Lead
    evenings: tuple[Evening, ...]
    mails: tuple[Rough, ...]
    visits: tuple[Hit, ...]
    deals: tuple[WorldDeal, ...]

    @property
    def revenue(self) -> int:
        """What the lead's deals brought in."""
        return sum(deal.amount for deal in self.deals if deal.stage == "closedwon")


@dataclass(frozen=True, slots=True)
class Calendar:
    """What the company did meanwhile: a mail a week and a webinar every four."""

    begins: datetime
    ends: datetime
    campaigns: tuple[Campaign, ...]
    sent_at: tuple[datetime, ...]
    webinars: tuple[datetime, ...]


def make_calendar(seed: int, now: datetime, years: float) -> Calendar:
    """The `years` before `now`, which must be aware."""
    chance = random.Random(f"{seed}:calendar")
    ends = now.replace(microsecond=0)
    weeks = max(1, round(years * 52))
    campaigns = tuple(mail_world.campaign(number, weeks, ends, chance) for number in range(weeks))
    evenings = max(1, weeks // 4)
    webinars = tuple(ends - timedelta(days=1) - WEBINAR_EVERY * place for place in reversed(range(evenings)))
    begins = ends - timedelta(weeks=weeks)
    return Calendar(begins, ends, campaigns, tuple(mail.sent_at for mail in campaigns), webinars)


def lives(seed: int, leads: int, now: datetime, years: float = 3.0, first: int = 0) -> Iterator[Life]:
    """The leads number `first` to `first + leads - 1`. The same seed, `now` and `years` give the same life to
    the same number.
    """
    calendar = make_calendar(seed, now, years)
    for number in range(first, first + leads):
        yield _life(random.Random(f"{seed}:{number}"), number, calendar)


def _life(chance: random.Random, number: int, calendar: Calendar) -> Life:
    """Met some day of the years, of interest for a month or more, then silent."""
    lead = population.person(chance, number)
    met = calendar.begins + (calendar.ends - calendar.begins) * chance.random()
    until = min(calendar.ends, met + timedelta(days=30 + chance.expovariate(1 / 60)))
    mails = calendar.campaigns[bisect_left(calendar.sent_at, met) : bisect_left(calendar.sent_at, until)]
    days = (until - met).days - 1
    contact_id = str(FIRST_CONTACT_ID + 2 * number) if lead.in_hubspot else ""
    return Life(
        lead,
        tuple(_evenings(chance, lead, number, calendar, met, until)),
        tuple(mail_world.mailbox(lead, mails, calendar.ends, chance)),
        tuple(visit_world.visits_of(chance, lead.key, contact_id, lead.propensity, until, days))
        if contact_id and days > 0
        else (),
        tuple(_deals(chance, lead, met, calendar.ends)),
    )


def _evenings(
    chance: random.Random, lead: Lead, number: int, calendar: Calendar, met: datetime, until: datetime
) -> Iterator[Evening]:
    ids = Ids(chance, number)
    for place in range(bisect_left(calendar.webinars, met), bisect_left(calendar.webinars, until)):
        if not sessions.registers(chance, lead, 1.0):
            continue
        starts = calendar.webinars[place]
        form = sessions.register(chance, lead, starts, ids, may_be_denied=True)
        came = sessions.comes(chance, lead, form)
        stayed = sessions.connections(chance, lead, form, starts, starts + LONG, ids) if came else ()
        yield Evening(place, form, tuple(stayed))


def _deals(chance: random.Random, lead: Lead, met: datetime, now: datetime) -> Iterator[WorldDeal]:
    """The likelier the person, the likelier a deal and its winning; who bought once may buy again."""
    likely = 0.03 + 0.12 * lead.propensity if lead.in_hubspot else 0.0
    created = met
    while chance.random() < likely:
        created += timedelta(days=chance.randint(7, 120))
        closed = created + timedelta(days=chance.randint(5, 60))
        if created > now:
            return
        won = closed <= now and chance.random() < lead.propensity
        lost = closed <= now and not won and chance.random() < 0.7
        stage = "closedwon" if won else "closedlost" if lost else "qualifiedtobuy"
        amount = 500 * chance.randint(1, 40)
        yield WorldDeal(lead.key, f"Implantación IA · {lead.company}", amount, stage, created, closed)
        if not won:
            return
        likely = 0.35


def count(found: Iterable[Life]) -> Counter[str]:
    """How much of what there is, and the revenue."""
    counted: Counter[str] = Counter()
    for life in found:
        counted["leads"] += 1
        counted["registrations"] += len(life.evenings)
        counted["attendances"] += sum(bool(evening.segments) for evening in life.evenings)
        counted["segments"] += sum(len(evening.segments) for evening in life.evenings)
        counted["mail acts"] += len(life.mails)
        counted["mail acts of machines"] += sum(bool(act[5]) for act in life.mails)
        counted["hits"] += len(life.visits)
        counted["deals"] += len(life.deals)
        counted["revenue"] += life.revenue
    return counted


def main() -> None:
    """Make them, count them, and say how long that took and how much memory it needed at most."""
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox.years", description=__doc__)
    parser.add_argument("--leads", type=int, default=1_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--years", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    begin = time.process_time()
    told: dict[str, float] = dict(
        count(lives(asked.seed, asked.leads, datetime.now(UTC), asked.years, asked.first))
    )
    told["seconds of the processor"] = round(time.process_time() - begin, 1)
    told["MB at most"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
