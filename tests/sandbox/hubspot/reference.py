"""Owners, pipelines and account details: the small tables of a portal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from tests.sandbox.hubspot.answers import Json, iso


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a pipeline; `probability` 1 or 0 closes a deal."""

    stage_id: str
    label: str
    probability: float

    @property
    def closed(self) -> bool:
        """Won or lost."""
        return self.probability in (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One deals pipeline."""

    pipeline_id: str
    label: str
    stages: tuple[Stage, ...]
    created_at: float

    def shown(self, order: int) -> Json:
        """The pipeline as the API shows it; stage metadata are texts."""
        stamp = {"createdAt": iso(self.created_at), "updatedAt": iso(self.created_at), "archived": False}
        stages = [
            {
                "id": stage.stage_id,
                "label": stage.label,
                "displayOrder": place,
                "metadata": {
                    "isClosed": str(stage.closed).lower(),
                    "probability": str(stage.probability),
                },
                "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
                **stamp,
            }
            for place, stage in enumerate(self.stages)
        ]
        return {"id": self.pipeline_id, "label": self.label, "displayOrder": order, "stages": stages, **stamp}


DEFAULT_STAGES = (
    Stage("appointmentscheduled", "Appointment Scheduled", 0.2),
    Stage("qualifiedtobuy", "Qualified To Buy", 0.4),
    Stage("presentationscheduled", "Presentation Scheduled", 0.6),
    Stage("decisionmakerboughtin", "Decision Maker Bought-In", 0.8),
    Stage("contractsent", "Contract Sent", 0.9),
    Stage("closedwon", "Closed Won", 1.0),
    Stage("closedlost", "Closed Lost", 0.0),
)


@dataclass(frozen=True, slots=True)
class Owner:
    """A person contacts, deals and tasks can belong to."""

    owner_id: str
    email: str
    first_name: str
    last_name: str
    created_at: float

    def shown(self) -> Json:
        """The owner as the API shows it."""
        return {
            "id": self.owner_id,
            "type": "PERSON",
            "email": self.email,
            "firstName": self.first_name,
            "lastName": self.last_name,
            "userId": int(self.owner_id) + 90_000,
            "createdAt": iso(self.created_at),
            "updatedAt": iso(self.created_at),
            "archived": False,
        }


def account_details(portal_id: int, time_zone: str, now: float) -> Json:
    """What /account-info/.../details says of a portal."""
    shift = datetime.fromtimestamp(now, ZoneInfo(time_zone)).utcoffset()
    seconds = int(shift.total_seconds()) if shift else 0
    sign, minutes = "-" if seconds < 0 else "+", abs(seconds) // 60
    return {
        "portalId": portal_id,
        "accountType": "STANDARD",
        "timeZone": time_zone,
        "companyCurrency": "EUR",
        "additionalCurrencies": [],
        "utcOffset": f"{sign}{minutes // 60:02}:{minutes % 60:02}",
        "utcOffsetMilliseconds": seconds * 1000,
        "uiDomain": "app-eu1.hubspot.com",
        "dataHostingLocation": "eu1",
    }
