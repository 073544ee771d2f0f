"""What HubSpot should hold about a lead, worked out from what we know. Field names come from mappings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from app.domain.changes import CLEAR
from app.domain.portal import HubSpotMapping, OwnedProperty, TaskRule, Workflow
from app.domain.records import Activity, Score
from app.domain.values import same_value

LONGEST_TEXT = 65_536
"""HubSpot's limit for one text value, in characters."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The wording that goes to HubSpot with a score, already in the portal's language."""

    reasons: str
    recommendations: str
    next_action: str


@dataclass(frozen=True, slots=True)
class LeadState:
    """One lead as we understand it now. `contact_id` is empty while HubSpot does not know the lead.

    `observed` is true when any source ever saw the lead act: then a count of none is known to be zero.
    `data_through` says of each source up to when its data are in, None before everybody was read once.
    `details` are HubSpot properties (name, company) for a contact that must be created. `percentile` is the
    share of all leads that score lower, unknown until they were counted.
    """

    person_id: int
    contact_id: str
    email: str
    owner_id: str
    score_id: int
    score: Score
    activities: tuple[Activity, ...]
    observed: bool
    texts: Texts
    details: Mapping[str, str]
    scored_at: datetime
    data_through: Mapping[str, datetime | None]
    percentile: int | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A task that should exist for a lead. `key` is its natural key."""

    key: str
    rule: TaskRule
    subject: str
    body: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Desired:
    """What HubSpot should hold about one lead. A property that is absent is unknown and left alone."""

    lead: LeadState
    properties: Mapping[str, str]
    lists: frozenset[str]
    workflows: tuple[Workflow, ...]
    tasks: tuple[Task, ...]


VALUE_NAMES = frozenset(
    {
        "score", "band", "grid", "percentile", "engagement", "reasons", "recommendations", "next_action",
        "method", "probability",
        "webinars_registered", "webinars_attended", "webinar_minutes", "polls_answered", "questions_asked",
        "chat_messages", "email_opens", "email_clicks", "machine_opens", "machine_clicks",
        "last_activity_at", "scored_at", "data_through", "sources_through", "holdout", "why_not",
    }
)  # fmt: skip
"""What an OwnedProperty may show: the names `lead_values` makes, and the gate's two answers."""


def lead_values(lead: LeadState) -> dict[str, str]:
    """Every value of a lead by name, encoded as HubSpot takes it; unknown values are absent."""
    score = lead.score
    values = {
        "score": str(score.value),
        "band": score.band,
        "engagement": str(round(score.engagement)),
        "reasons": lead.texts.reasons,
        "recommendations": lead.texts.recommendations,
        "next_action": lead.texts.next_action,
        "method": score.method,
        "scored_at": milliseconds(lead.scored_at),
    }
    if lead.observed:
        values |= _activity_counts(lead.activities)
    if score.grid:
        values["grid"] = score.grid
    if lead.percentile is not None:
        values["percentile"] = str(lead.percentile)
    if score.probability is not None:
        values["probability"] = f"{score.probability:.4f}"
    values |= _mail_counts(lead.activities)
    if own := [item.occurred_at for item in lead.activities if _is_own(item)]:
        values["last_activity_at"] = milliseconds(max(own))
    values |= _through_values(tuple(lead.data_through.items()))
    return {name: value[:LONGEST_TEXT] for name, value in values.items()}


_COUNTED = {
    "webinars_registered": "webinar_registration",
    "webinars_attended": "webinar_attendance",
    "polls_answered": "poll_participation",
    "questions_asked": "qa_participation",
    "chat_messages": "chat_participation",
}


def _activity_counts(activities: tuple[Activity, ...]) -> dict[str, str]:
    """Totals of what a lead did, zeros included."""
    kinds = Counter(item.kind for item in activities)
    counts = {name: kinds[kind] for name, kind in _COUNTED.items()}
    seconds = sum(round(item.quantity * 60) for item in activities if item.kind == "webinar_attendance")
    counts["webinar_minutes"] = (seconds + 30) // 60
    return {name: str(count) for name, count in counts.items()}


_MAIL_COUNTED = {
    "email_opens": ("email_open", False),
    "email_clicks": ("email_click", False),
    "machine_opens": ("email_open", True),
    "machine_clicks": ("email_click", True),
}
_NOT_OWN = ("email_sent", "email_bounce")


def _mail_counts(activities: tuple[Activity, ...]) -> dict[str, str]:
    """What a lead did with our mails, and what machines did with them; unknown without mails."""
    if not any(item.kind in ("email_sent", "email_open", "email_click") for item in activities):
        return {}
    return {
        name: str(sum((item.kind, _is_machine(item)) == counted for item in activities))
        for name, counted in _MAIL_COUNTED.items()
    }


@lru_cache(maxsize=8)
def _through_values(through: tuple[tuple[str, datetime | None], ...]) -> Mapping[str, str]:
    """Kept, since they are the same for all leads of a plan."""
    known = [at for _, at in through if at]
    values = {"data_through": milliseconds(min(known))} if known and len(known) == len(through) else {}
    return values | ({"sources_through": sources_through(dict(through))} if through else {})


def _is_machine(item: Activity) -> bool:
    return item.attributes.get("machine") is True


def _is_own(item: Activity) -> bool:
    """Did the lead do it (else we or a machine did)?"""
    return item.kind not in _NOT_OWN and not _is_machine(item)


def sources_through(through: Mapping[str, datetime | None]) -> str:
    """Up to when each source's data are in, in words, a line each."""
    return "\n".join(
        f"{source}: {at:%Y-%m-%d %H:%M} UTC" if at else f"{source}: not everybody read yet"
        for source, at in sorted(through.items())
    )


def milliseconds(moment: datetime) -> str:
    """A datetime as HubSpot takes it: milliseconds since 1970, UTC."""
    return str(int(moment.timestamp() * 1000))


def make_desired(lead: LeadState, mapping: HubSpotMapping, now: datetime) -> Desired:
    """What HubSpot should hold about `lead`, by the mapping's rules."""
    values = lead_values(lead)
    band = lead.score.band
    return Desired(
        lead=lead,
        properties={item.name: values[item.value] for item in mapping.properties if item.value in values},
        lists=frozenset(item.name for item in mapping.lists if item.band == band),
        workflows=tuple(item for item in mapping.workflows if item.band == band),
        tasks=tuple(_task(rule, lead, now) for rule in mapping.tasks if rule.band == band),
    )


def _task(rule: TaskRule, lead: LeadState, now: datetime) -> Task:
    words = {"score": str(lead.score.value), "reasons": lead.texts.reasons}
    return Task(
        key=task_key(rule.key, lead.person_id),
        rule=rule,
        subject=rule.subject.format_map(words),
        body=rule.body.format_map(words),
        due_at=now + timedelta(hours=rule.due_hours),
    )


def task_key(rule: str, person_id: int) -> str:
    """A task's natural key: what a rule makes for a person, once."""
    return f"{rule}:{person_id}"


def worth_writing(mapping: HubSpotMapping, desired: Mapping[str, str], held: Mapping[str, str]) -> bool:
    """Does any difference between `desired` and what HubSpot holds deserve a call by itself?"""
    return any(
        _deserves(item, desired[item.name], held.get(item.name, CLEAR))
        for item in mapping.properties
        if item.name in desired
    )


def _deserves(item: OwnedProperty, wanted: str, held: str) -> bool:
    if item.write == "rides" or same_value(wanted, held):
        return False
    if item.write == "changed" or held == CLEAR:
        return True
    try:
        return abs(float(wanted) - float(held)) >= item.step
    except ValueError:
        return True
