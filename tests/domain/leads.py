"""Leads made up for tests of what should be and what is planned."""

from __future__ import annotations

from datetime import UTC, datetime

from app.domain.brake import Limits
from app.domain.changes import Contact
from app.domain.desired import Desired, LeadState, Texts, make_desired
from app.domain.gate import Gate, Once, gate_values
from app.domain.past import Past
from app.domain.portal import HubSpotMapping
from app.domain.records import Activity, Band, Reason, Score
from mappings.load import load_mappings

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MAPPING: HubSpotMapping = load_mappings().hubspot
WIDE = Limits(
    max_new_contacts=10**6,
    max_list_joins=10**6,
    max_enrolments=10**6,
    max_tasks=10**6,
    max_enrolments_per_day=10**6,
    max_tasks_per_day=10**6,
    max_new_contacts_share=1.0,
    max_list_joins_share=1.0,
    max_band_moves=1.0,
    max_clears=1.0,
    max_list_leaves=1.0,
    max_mean_score_move=100.0,
    minimum_population=50,
)
FRESH = Past(frozenset(), frozenset(), released_plans=1, population=60)
OPEN = Gate(released=True)
MARKETABLE = {MAPPING.mailability.marketable: "true"}
REGISTERED = Activity("webinar_registration", "777", NOW, 1.0)
ATTENDED = Activity("webinar_attendance", "run-1", NOW, 61.5)


def band_of(value: int) -> Band:
    return "hot" if value >= 80 else "warm" if value >= 60 else "cold" if value >= 40 else "unqualified"


def lead(
    person_id: int,
    value: int = 85,
    *,
    contact_id: str | None = None,
    email: str | None = None,
    activities: tuple[Activity, ...] = (REGISTERED, ATTENDED),
) -> LeadState:
    return LeadState(
        person_id=person_id,
        contact_id=str(1000 + person_id) if contact_id is None else contact_id,
        email=f"lead{person_id}@example.com" if email is None else email,
        owner_id="",
        score_id=person_id,
        score=Score(value, band_of(value), (Reason("base", value, "base"),), "points", 12.0),
        activities=activities,
        observed=True,
        texts=Texts(f"+{value} base", "Llamar", "Llamar hoy"),
        details={"firstname": "Ana"},
        scored_at=NOW,
        data_through={"hubspot": NOW, "zoom": NOW},
    )


def desired(person_id: int, value: int = 85, **changes: object) -> Desired:
    return make_desired(lead(person_id, value, **changes), MAPPING, NOW)  # type: ignore[arg-type]


def contact(item: Desired, **properties: str) -> Contact:
    """The lead's contact as HubSpot holds it: in step with what is desired but for `properties`."""
    answer = gate_values(item, "act", Once(), OPEN, MAPPING)
    return Contact(
        item.lead.contact_id,
        item.lead.email,
        {**MARKETABLE, **item.properties, **answer, **properties},
        frozenset(item.lists),
    )
