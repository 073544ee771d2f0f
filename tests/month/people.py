"""Whose a stored name is, by what the sandbox knows of everybody: never by what Savia made of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import sqlalchemy as sa

from tests.month.stage import Vendors

Name = tuple[str, str, str]
"""Vendor, kind and value of an identity."""

NAMES = sa.text("SELECT person_id, vendor, kind, value FROM identity")


@dataclass
class People:
    """`lead_of` is a stored person's lead: the key of the one who is left where contacts were merged. `mixed`
    are persons made of several leads, `split` leads that are several persons.
    """

    lead_of: dict[int, str] = field(default_factory=dict)
    mixed: list[str] = field(default_factory=list)
    split: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def kept(vendors: Vendors, lead_key: str) -> str:
    """The lead's own key, or that of the one its contact was merged into."""
    return vendors.office.merged.get(lead_key, lead_key)


def true_names(vendors: Vendors) -> dict[Name, str]:
    """Every name anybody goes by anywhere -> whose it is."""
    names: dict[Name, str] = {}
    for lead in vendors.world.leads:
        names |= {("any", "email", address): kept(vendors, lead.key) for address in lead.addresses}
    for webinar in vendors.world.webinars:
        for one in webinar.registrations:
            names["zoom", "registrant_id", one.registrant_id] = kept(vendors, one.lead_key)
    for key, contact_id in vendors.contacts.items():
        names["hubspot", "contact_id", contact_id] = kept(vendors, key)
    for key, number in vendors.mail.contact_ids.items():
        names["activecampaign", "contact_id", str(number)] = kept(vendors, key)
    for contact_id, contact in vendors.portal.contacts.items():
        known = names.get(("any", "email", contact.properties.get("email", "").lower()))
        if known:
            names.setdefault(("hubspot", "contact_id", contact_id), known)
    return names


def people_of(conn: sa.Connection, vendors: Vendors) -> People:
    """Who each stored person truly is."""
    names, found = true_names(vendors), People()
    leads: dict[int, set[str]] = defaultdict(set)
    for person_id, *name in conn.execute(NAMES):
        lead = names.get((name[0], name[1], name[2]))
        if lead is None:
            found.unknown.append(f"{name[0]} {name[1]}")
        else:
            leads[person_id].add(lead)
    persons: dict[str, list[int]] = defaultdict(list)
    for person_id, own in leads.items():
        found.lead_of[person_id] = min(own)
        persons[min(own)].append(person_id)
        if len(own) > 1:
            found.mixed.append(" and ".join(sorted(own)))
    shared = {lead.key for lead in vendors.world.leads if lead.shared_mailbox}
    found.split = sorted(lead for lead, own in persons.items() if len(own) > 1 and lead not in shared)
    return found
