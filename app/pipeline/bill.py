"""Before leads join the list for the marketing status or contacts are made: what that may come to cost."""

from __future__ import annotations

from app.domain.bill import Forecast
from app.domain.changes import AddToList, CreateContact, Plan, RemoveFromList
from app.pipeline.release import knows_marketing
from app.services import Services
from app.store import bill, mirror

EVERYBODY = 10**9


def forecast_bill(services: Services, plan: Plan) -> Forecast | None:
    """The forecast for a shown plan; None for one that neither adds to the list nor makes contacts,
    and where the portal knows no marketing contacts.
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
        listed = mirror.list_sizes(conn, [name], EVERYBODY)[name]
        marketing = bill.count_marketing(conn)
    settings = services.settings.hubspot
    return Forecast(
        marketing=marketing,
        lacking=listed + joins - leaves,
        created=created,
        included=settings.marketing_contacts,
        pack=settings.marketing_contacts_pack,
    )
