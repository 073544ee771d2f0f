"""The properties HubSpot gives every portal, as far as they concern contacts, deals and tasks here."""

from __future__ import annotations

from zoneinfo import available_timezones

from tests.sandbox.hubspot.answers import Json
from tests.sandbox.hubspot.schema import Property

LIFECYCLE = (
    "subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer",
    "evangelist", "other",
)  # fmt: skip
"""In the order a contact may move; the API ignores the way back."""

_FIELD_TYPES = {
    "string": "text", "number": "number", "bool": "booleancheckbox", "datetime": "date", "date": "date",
    "enumeration": "select",
}  # fmt: skip
_LEAD_STATUS = [
    "NEW",
    "OPEN",
    "IN_PROGRESS",
    "OPEN_DEAL",
    "UNQUALIFIED",
    "ATTEMPTED_TO_CONTACT",
    "CONNECTED",
    "BAD_TIMING",
]
_ANALYTICS_SOURCES = [
    "ORGANIC_SEARCH",
    "PAID_SEARCH",
    "EMAIL_MARKETING",
    "SOCIAL_MEDIA",
    "REFERRALS",
    "OTHER_CAMPAIGNS",
    "DIRECT_TRAFFIC",
    "OFFLINE",
    "PAID_SOCIAL",
    "AI_REFERRALS",
]
_LANGUAGES = [
    "ca",
    "de",
    "en",
    "en-gb",
    "en-us",
    "es",
    "es-ar",
    "es-cl",
    "es-co",
    "es-es",
    "es-mx",
    "eu",
    "fr",
    "gl",
    "it",
    "nl",
    "pt",
    "pt-br",
    "pt-pt",
]


def _options(values: list[str] | tuple[str, ...]) -> tuple[Json, ...]:
    return tuple(
        {"label": value, "value": value, "displayOrder": order, "hidden": False}
        for order, value in enumerate(values)
    )


_TIME_ZONES = sorted(zone.lower().replace("/", "_slash_") for zone in available_timezones())
"""HubSpot writes Europe/Madrid as europe_slash_madrid."""


def _table(
    group: str, rows: str, read_only: bool, options: dict[str, tuple[Json, ...] | None]
) -> list[Property]:
    made = []
    for row in rows.split():
        name, type_ = row.split(":")
        made.append(
            Property(
                name=name,
                label=name,
                type=type_,
                field_type=_FIELD_TYPES[type_],
                group=group,
                options=options.get(name, _options(("true", "false")) if type_ == "bool" else ()),
                unique=name == "email",
                read_only=read_only,
                hubspot_defined=True,
            )
        )
    return made


_CONTACT_OPTIONS: dict[str, tuple[Json, ...] | None] = {
    "lifecyclestage": _options(LIFECYCLE),
    "hs_lead_status": _options(_LEAD_STATUS),
    "hubspot_owner_id": None,
    "hs_timezone": _options(_TIME_ZONES),
    "hs_language": _options(_LANGUAGES),
    "hs_analytics_source": _options(_ANALYTICS_SOURCES),
    "hs_additional_emails": None,
}

CONTACT_PROPERTIES = (
    *_table(
        "contactinformation",
        """email:string firstname:string lastname:string phone:string mobilephone:string company:string
        jobtitle:string industry:string numberofemployees:number annualrevenue:string website:string
        country:string state:string city:string zip:string address:string lifecyclestage:enumeration
        hs_lead_status:enumeration hubspot_owner_id:enumeration hs_timezone:enumeration
        hs_language:enumeration""",
        False,
        _CONTACT_OPTIONS,
    ),
    *_table(
        "contactinformation",
        """createdate:datetime lastmodifieddate:datetime hs_object_id:number hs_additional_emails:enumeration
        hs_email_delivered:number hs_email_open:number hs_email_click:number hs_email_bounce:number
        hs_email_replied:number hs_email_last_send_date:datetime hs_email_last_open_date:datetime
        hs_email_last_click_date:datetime hs_email_last_reply_date:datetime hs_email_last_email_name:string
        hs_email_hard_bounce_reason_enum:string
        hs_email_optout:bool hs_marketable_status:bool hs_analytics_source:enumeration
        hs_analytics_num_visits:number hs_analytics_num_page_views:number
        hs_analytics_last_visit_timestamp:datetime num_conversion_events:number
        recent_conversion_date:datetime recent_conversion_event_name:string num_associated_deals:number
        hs_object_source:string hs_merged_object_ids:string""",
        True,
        _CONTACT_OPTIONS,
    ),
)

_OWNER: dict[str, tuple[Json, ...] | None] = {
    "hubspot_owner_id": None,
    "pipeline": None,
    "dealstage": None,
    "dealtype": _options(("newbusiness", "existingbusiness")),
}

DEAL_PROPERTIES = (
    *_table(
        "dealinformation",
        """dealname:string amount:number closedate:datetime createdate:datetime dealstage:enumeration
        pipeline:enumeration dealtype:enumeration hubspot_owner_id:enumeration""",
        False,
        _OWNER,
    ),
    *_table(
        "dealinformation",
        """hs_lastmodifieddate:datetime hs_object_id:number hs_is_closed:bool hs_is_closed_won:bool
        hs_closed_amount:number hs_object_source:string""",
        True,
        {},
    ),
)

_TASK_OPTIONS: dict[str, tuple[Json, ...] | None] = {
    "hs_task_status": _options(("NOT_STARTED", "IN_PROGRESS", "WAITING", "COMPLETED", "DEFERRED")),
    "hs_task_priority": _options(("HIGH", "MEDIUM", "LOW", "NONE")),
    "hs_task_type": _options(("TODO", "CALL", "EMAIL")),
    "hubspot_owner_id": None,
}

TASK_PROPERTIES = (
    *_table(
        "task",
        """hs_timestamp:datetime hs_task_subject:string hs_task_body:string hs_task_status:enumeration
        hs_task_priority:enumeration hs_task_type:enumeration hs_task_reminders:datetime
        hubspot_owner_id:enumeration""",
        False,
        _TASK_OPTIONS,
    ),
    *_table(
        "task",
        "hs_createdate:datetime hs_lastmodifieddate:datetime hs_object_id:number hs_object_source:string",
        True,
        {},
    ),
)
