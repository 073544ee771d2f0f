"""Before leads join the list for the marketing status or contacts are made: what that may come to cost."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from app.domain.bill import Forecast
from app.domain.changes import AddToList, CreateContact, Plan, RemoveFromList
from app.pipeline.release import knows_marketing
from app.services import Services
from app.store import bill, mirror

EVERYBODY = 10**9


def forecast_bill(services: Services, plan: Plan) -> Forecast | None:
    """The forecast for a plan; None for one that neither adds to the list nor makes contacts, and where the
    portal knows no marketing contacts.
    """
    name = services.mappings.hubspot.mailability.list_name
    joins = sum(isinstance(change, AddToList) and change.list_name == name for change in plan.changes)
    leaves = sum(isinstance(change, RemoveFromList) and change.list_name == name for change in plan.changes)
    created = sum(isinstance(change, CreateContact) for change in plan.changes)
    if not joins and not created:
        return None
    with services.database.connect() as conn:
        if knows_marketing(conn) is False:
            return None
        now = bill_now(services, conn)
    return replace(now, lacking=now.lacking + joins - leaves, created=created, joining=joins - leaves)


def bill_now(services: Services, conn: sa.Connection) -> Forecast:
    """How the bill stands with those who are on the list now. Walks through every contact."""
    name, settings = services.mappings.hubspot.mailability.list_name, services.settings.hubspot
    return Forecast(
        marketing=bill.count_marketing(conn),
        lacking=mirror.list_sizes(conn, [name], EVERYBODY)[name],
        created=0,
        included=settings.marketing_contacts,
        pack=settings.marketing_contacts_pack,
    )


def held_by_bill(services: Services, plan: Plan) -> Plan:
    """The plan, waiting for a person where those who join the list would raise the contact tier. Contacts are
    counted only where the tier is known and somebody joins.
    """
    name = services.mappings.hubspot.mailability.list_name
    joins = any(isinstance(change, AddToList) and change.list_name == name for change in plan.changes)
    if not services.settings.hubspot.marketing_contacts or not joins:
        return plan
    forecast = forecast_bill(services, plan)
    if forecast is None or not forecast.raised_by_joining:
        return plan
    reason = (
        f"{forecast.joining:,} more on the list {name!r} would raise the tier to {forecast.next_tier:,} "
        f"marketing contacts, marketing_contacts is {forecast.included:,}"
    )
    return replace(plan, unsafe=(*plan.unsafe, reason))
