"""What truly became of the mails sent to the leads: human acts, and the machines that imitate them."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tests.sandbox.cast import Lead
from tests.sandbox.world import World

Act = Literal["sent", "open", "click", "bounce", "unsubscribe"]
Machine = Literal["", "scans_all", "scans_one", "named_scanner", "apple"]
"""Who did it: "" a person; a gateway that follows every link at once, one that follows a single link before
any open, one that gives its name, Apple's proxy that loads pictures on arrival."""

BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0 Safari/537.36"
APPLE_PROXY = "Mozilla/5.0"
SCANNER = "BarracudaCentral/1.0 (link protection)"
SUBJECTS = ("Tu plaza en el webinar", "Guía de IA para ventas", "Cómo lo hizo Cierzo", "Última llamada")


@dataclass(frozen=True, slots=True)
class MailLink:
    """A tracked link of one campaign."""

    link_id: int
    url: str


@dataclass(frozen=True, slots=True)
class Campaign:
    """One mail to everybody; `sent_at` is when the sending began (UTC)."""

    campaign_id: int
    message_id: int
    name: str
    sent_at: datetime
    links: tuple[MailLink, ...]


@dataclass(frozen=True, slots=True)
class MailAct:
    """One thing that happened to one mail of one lead. `link_id` is 0 unless it is a click."""

    act_id: int
    act: Act
    lead_key: str
    campaign_id: int
    at: datetime
    link_id: int = 0
    machine: Machine = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class MailTruth:
    """What one lead did as a person: opens per campaign, clicks per (campaign, link)."""

    opens: Counter[int]
    clicks: Counter[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class MailWorld:
    """`acts` are in order of time."""

    campaigns: tuple[Campaign, ...]
    leads: tuple[Lead, ...]
    acts: tuple[MailAct, ...]

    def truth(self, lead_key: str) -> MailTruth:
        """The human acts of one lead."""
        own = [act for act in self.acts if act.lead_key == lead_key and not act.machine]
        return MailTruth(
            Counter(act.campaign_id for act in own if act.act == "open"),
            Counter((act.campaign_id, act.link_id) for act in own if act.act == "click"),
        )


def make_mail_world(world: World, campaigns: int = 6, seed: int = 7) -> MailWorld:
    """One mail a week until the day before `world.now`, to every lead with an address. Same arguments, same
    mails.
    """
    chance = random.Random(f"mail-{seed}")
    sent = tuple(campaign(number, campaigns, world.now, chance) for number in range(campaigns))
    leads = tuple({lead.email.lower(): lead for lead in world.leads if lead.email}.values())
    acts = [act for lead in leads for act in mailbox(lead, sent, world.now, chance)]
    acts.sort(key=lambda act: (act[1], act[0]))
    return MailWorld(sent, leads, tuple(_numbered(place, *act) for place, act in enumerate(acts)))


Rough = tuple[str, datetime, Act, int, int, Machine, str]
"""(lead key, when, act, campaign, link, machine, user agent): an act before it has its number."""


def _numbered(
    place: int, key: str, at: datetime, act: Act, campaign: int, link: int, machine: Machine, agent: str
) -> MailAct:
    return MailAct(9_000 + place, act, key, campaign, at, link, machine, agent)


def campaign(number: int, of: int, now: datetime, chance: random.Random) -> Campaign:
    """Mail `number` of `of`, one a week, the last sent the day before `now`."""
    campaign_id = 41 + number
    sent_at = (now - timedelta(days=1 + 7 * (of - 1 - number))).replace(minute=0, second=0, microsecond=0)
    links = tuple(
        MailLink(campaign_id * 100 + place, f"https://example.com/c{campaign_id}/{place}")
        for place in range(1, chance.randint(4, 7))
    )
    return Campaign(campaign_id, campaign_id + 500, SUBJECTS[number % len(SUBJECTS)], sent_at, links)


def mailbox(lead: Lead, campaigns: tuple[Campaign, ...], now: datetime, chance: random.Random) -> list[Rough]:
    """Everything that happens in one mailbox; a gateway or Apple Mail is there for good."""
    guard: Machine = chance.choices(
        ("", "scans_all", "scans_one", "named_scanner", "apple"), weights=(50, 12, 6, 6, 26)
    )[0]
    acts: list[Rough] = []
    for mail in campaigns:
        arrived = mail.sent_at + timedelta(seconds=chance.randint(0, 600))
        acts.append((lead.key, arrived, "sent", mail.campaign_id, 0, "", ""))
        if chance.random() < 0.01:
            bounced = arrived + timedelta(seconds=40)
            acts.append((lead.key, bounced, "bounce", mail.campaign_id, 0, "", ""))
            break
        acts += _machine_acts(lead, mail, guard, arrived, chance)
        human = _human_acts(lead, mail, arrived, chance, loads_pictures=guard != "apple")
        acts += human
        if human and chance.random() < 0.02:
            left = human[-1][1] + timedelta(minutes=1)
            acts.append((lead.key, left, "unsubscribe", mail.campaign_id, 0, "", ""))
            break
    return [act for act in acts if act[1] <= now]


def _machine_acts(
    lead: Lead, mail: Campaign, guard: Machine, arrived: datetime, chance: random.Random
) -> list[Rough]:
    def after(seconds: float) -> datetime:
        return arrived + timedelta(seconds=int(seconds))

    if guard == "apple":
        loaded = after(chance.randint(1, 90))
        return [(lead.key, loaded, "open", mail.campaign_id, 0, guard, APPLE_PROXY)]
    if guard == "scans_all":
        begin, each = chance.randint(1, 60), chance.uniform(0.1, 1.0)
        opened = [(lead.key, after(begin), "open", mail.campaign_id, 0, guard, BROWSER)]
        clicks = [
            (lead.key, after(begin + each * place), "click", mail.campaign_id, link.link_id, guard, BROWSER)
            for place, link in enumerate(mail.links)
        ]
        return [*(opened if chance.random() < 0.4 else ()), *clicks]
    if guard in {"scans_one", "named_scanner"}:
        agent = SCANNER if guard == "named_scanner" else BROWSER
        latest = 60 if guard == "scans_one" else 7_200
        link = chance.choice(mail.links).link_id
        return [(lead.key, after(chance.randint(2, latest)), "click", mail.campaign_id, link, guard, agent)]
    return []


def _human_acts(
    lead: Lead, mail: Campaign, arrived: datetime, chance: random.Random, *, loads_pictures: bool
) -> list[Rough]:
    """A person reads after minutes or hours. An open is seen only where pictures are loaded as they read."""
    if chance.random() > 0.1 + 0.6 * lead.propensity:
        return []
    at = arrived + timedelta(minutes=5 + int(chance.expovariate(1 / 600)))
    acts: list[Rough] = []
    for _ in range(chance.choice((1, 1, 1, 2))):
        if loads_pictures and chance.random() < 0.93:
            acts.append((lead.key, at, "open", mail.campaign_id, 0, "", BROWSER))
        if chance.random() < 0.15 + 0.4 * lead.propensity:
            for link in chance.sample(mail.links, chance.choice((1, 1, 2))):
                at += timedelta(seconds=chance.randint(12, 240))
                acts.append((lead.key, at, "click", mail.campaign_id, link.link_id, "", BROWSER))
        at += timedelta(hours=chance.randint(1, 40))
    return acts
