"""What truly happened in the month, by the sandbox's word alone, and what of it nobody can read any more."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from tests.month.people import kept
from tests.month.post import Post
from tests.month.stage import Vendors
from tests.sandbox.mail_world import MailAct
from tests.sandbox.truth import watched_seconds

Key = tuple[Hashable, ...]
Facts = Counter[Key]
"""What is counted -> how much: seconds of an attendance, euros of a deal, 1 of an act."""


@dataclass(frozen=True)
class Truth:
    """`facts` by kind; `unreadable` of them by kind: delivered once, lost, and in no report, or withheld."""

    facts: dict[str, Facts]
    unreadable: dict[str, Facts] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)


def truth_of(vendors: Vendors, post: Post) -> Truth:
    """Everything that can be compared."""
    facts = {
        "attendance": attendance(vendors),
        "registration": _registrations(vendors),
        "poll answer": _acts(vendors, "poll_answers"),
        "question": _acts(vendors, "questions"),
        "chat line": _acts(vendors, "chat"),
        "survey answer": _acts(vendors, "survey"),
        "visit": _visits(vendors),
        "deal": _deals(vendors),
        **{kind: _mail(vendors, vendors.mail.mail.acts, kind) for kind in ("open", "click")},
        **{kind: _mail(vendors, vendors.mail.mail.acts, kind) for kind in ("bounce", "unsubscribe")},
    }
    lost_acts = [event for vendor, event in post.lost if vendor == "activecampaign"]
    lost_lines = [
        event.lead_key
        for vendor, event in post.lost
        if vendor == "zoom" and event.name == "webinar.chat_message_sent" and event.lead_key
    ]
    unreadable = {
        "chat line": Counter((kept(vendors, key),) for key in lost_lines),
        "bounce": _mail(vendors, lost_acts, "bounce"),
        "visit": _withheld(vendors),
    }
    why = {
        "chat line": "the delivery was lost and Zoom has no report of chat",
        "bounce": "the delivery was lost and ActiveCampaign shows no bounces of a contact",
        "visit": "GA4 withholds visitors with few events that day (thresholding)",
    }
    return Truth(facts, unreadable, why)


def attendance(vendors: Vendors) -> Facts:
    """(lead, beginning of the occurrence) -> seconds covered by any connection."""
    stretches: dict[Key, list[tuple[datetime, datetime]]] = defaultdict(list)
    for webinar in vendors.world.webinars:
        for one in webinar.segments:
            if one.role == "attendee" and one.lead_key:
                place = kept(vendors, one.lead_key), webinar.starts_at
                stretches[place].append((one.joined_at, one.left_at))
    return Counter({place: watched_seconds(own) for place, own in stretches.items()})


def _registrations(vendors: Vendors) -> Facts:
    """(lead, webinar): a series counts once."""
    return Counter(
        {
            (kept(vendors, one.lead_key), str(webinar.webinar_id)): 1
            for webinar in vendors.world.webinars
            for one in webinar.registrations
            if one.stands
        }
    )


def _acts(vendors: Vendors, kind: str) -> Facts:
    """(lead,) -> how many answers, questions or lines of the chat."""
    return Counter(
        (kept(vendors, one.lead_key),)
        for webinar in vendors.world.webinars
        for one in getattr(webinar, kind)
        if one.lead_key
    )


def _mail(vendors: Vendors, acts: Iterable[MailAct], kind: str) -> Facts:
    """(lead, campaign, link, minute). Two acts of one mailbox, mail and link in one minute are one."""
    once = {
        (one.lead_key, one.campaign_id, one.link_id, one.at.replace(second=0, microsecond=0))
        for one in acts
        if one.act == kind
    }
    # ActiveCampaign says of an unsubscription which list was left, not because of which mail.
    names = {mail: "" if kind == "unsubscribe" else str(mail) for _, mail, _, _ in once}
    return Counter((kept(vendors, key), names[mail], str(link), at) for key, mail, link, at in once)


def _visits(vendors: Vendors) -> Facts:
    """(lead, day, what): visits, downloads, shares and key events."""
    found: Facts = Counter()
    for (key, day), acts in vendors.visits.truth(vendors.ga4.time_zone).items():
        for act, number in acts.items():
            found[kept(vendors, key), day, act] += number
    return found


def _withheld(vendors: Vendors) -> Facts:
    """What GA4 will never show: days on which somebody did too little."""
    zone = vendors.ga4.zone
    events: Counter[Key] = Counter()
    for hit in vendors.visits.hits:
        if hit.user_id and hit.gone_from is None:
            events[hit.lead_key, hit.at.astimezone(zone).date()] += 1
    hidden = {
        place
        for place, number in events.items()
        if place[1] in vendors.ga4.withhold_on and number < vendors.ga4.withhold_below
    }
    return Counter(
        {
            (kept(vendors, key), day, act): number
            for (key, day), acts in vendors.visits.truth(vendors.ga4.time_zone).items()
            if (key, day) in hidden
            for act, number in acts.items()
        }
    )


def _deals(vendors: Vendors) -> Facts:
    """(deal, stage, won, lead) -> amount. A deal of a contact that was deleted has no lead left."""
    portal = vendors.portal
    leads = {contact: kept(vendors, key) for key, contact in vendors.contacts.items()}
    gone = {vendors.contacts[key] for key in vendors.office.deleted}
    found: Facts = Counter()
    for deal_id, deal in portal.deals.items():
        contacts = [one for one in portal.crm.links.of("deals", deal_id, "contacts") if one not in gone]
        own = ",".join(sorted({leads[one] for one in contacts}))
        stage = deal.properties["dealstage"]
        place = deal_id, stage, stage == "closedwon", own
        found[place] = round(float(deal.properties["amount"]))
    return found
