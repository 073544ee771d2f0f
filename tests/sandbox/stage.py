"""HubSpot as the customer has it when the story begins: owners, contacts, deals and three workflows."""

from __future__ import annotations

from tests.sandbox.cast import Lead, WorldDeal
from tests.sandbox.hubspot import HubSpotPortal, ListTrigger
from tests.sandbox.world import World

WORKFLOW_LISTS = {
    "hot_leads": "Savia: secuencia hot_leads",
    "warm_leads": "Savia: secuencia warm_leads",
    "cold_leads": "Savia: secuencia cold_leads",
}
"""Workflow -> the list that starts it. The workflow is there before its list."""

SUBSCRIBED = frozenset(
    {"email", "firstname", "lastname", "jobtitle", "company", "industry", "country", "numberofemployees"}
    | {"lifecyclestage", "hs_lead_status", "hubspot_owner_id"}
)
"""The contact properties whose changes the customer's app subscribed to."""


def fill_portal(portal: HubSpotPortal, world: World) -> dict[str, str]:
    """Put everything of `world` that HubSpot knows beforehand into an empty portal. Returns contact ids by
    lead key.
    """
    owners = {one.email: portal.add_owner(one.email, one.first_name, one.last_name) for one in world.owners}
    contacts = {
        lead.key: portal.add_contact(contact_properties(lead, owners.get(lead.owner_email, "")))
        for lead in world.leads
        if lead.in_hubspot
    }
    for deal in world.deals:
        portal.add_deal(_deal_properties(deal), [contacts[deal.lead_key]])
    for number, (name, list_name) in enumerate(WORKFLOW_LISTS.items(), start=1):
        portal.add_workflow(str(5_000 + number), name, ListTrigger(list_name))
    portal.announcer.subscribed = SUBSCRIBED
    return contacts


def contact_properties(lead: Lead, owner_id: str) -> dict[str, str]:
    """The lead as HubSpot's contact record; what is not known is absent."""
    known = {
        "email": lead.email,
        "firstname": lead.first_name,
        "lastname": lead.last_name,
        "phone": lead.phone,
        "company": lead.company,
        "jobtitle": lead.job_title,
        "industry": lead.industry,
        "country": lead.country,
        "numberofemployees": str(lead.employees),
        "lifecyclestage": "lead",
        "hubspot_owner_id": owner_id,
        "hs_additional_emails": lead.secondary_email,
        "hs_email_open": str(int(lead.propensity * 10)),
        "hs_email_click": str(int(lead.propensity * 4)),
        "hs_marketable_status": "true",
        "hs_analytics_num_visits": str(int(lead.propensity * 8)),
    }
    return {name: value for name, value in known.items() if value}


def _deal_properties(deal: WorldDeal) -> dict[str, str]:
    return {
        "dealname": deal.name,
        "amount": str(deal.amount),
        "pipeline": "default",
        "dealstage": deal.stage,
        "createdate": deal.created_at.isoformat(),
        "closedate": deal.closed_at.isoformat(),
    }
