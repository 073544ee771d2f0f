"""The gate: may this lead be acted on, whatever its score? Asked before every list, enrolment and task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from app.domain.changes import Contact
from app.domain.desired import Desired
from app.domain.portal import HubSpotMapping

Arm = Literal["treated", "holdout"]

Verdict = Literal[
    "act", "not_pilot", "paused", "holdout", "opted_out", "bounced", "non_marketing", "unreleased"
]
"""Why a lead is not acted on, or "act". The first that applies: who is held out stays so when blocked."""

ANSWERS: tuple[str, ...] = (
    "acted",
    "withdrawn",
    "no_sequence",
    *(word for word in get_args(Verdict) if word != "act"),
)
"""What `why` may answer; the wording of each stands in hubspot.toml."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What decides besides the score. `pilot_list` "" means everybody; `arms` are the people of a running
    experiment; `released` says that a person approved enrolments and tasks by the current rules. Without
    `marketing_contacts` the portal knows no such status, and mails whoever did not opt out or bounce.
    """

    released: bool
    pilot_list: str = ""
    arms: Mapping[int, Arm] = field(default_factory=dict)
    language: Literal["es", "en"] = "es"
    marketing_contacts: bool = True


@dataclass(frozen=True, slots=True)
class Once:
    """Of the workflows and tasks, by key: what the lead has not got yet, and what an undo took from it."""

    due: frozenset[str] = frozenset()
    withdrawn: frozenset[str] = frozenset()


def judge(person_id: int, held: Contact | None, gate: Gate, mapping: HubSpotMapping) -> Verdict:
    """May this lead be acted on? `held` is its contact as read just now, None while HubSpot knows none: a new
    contact is non-marketing until the marketer says otherwise, where the portal knows that status.
    """
    values, lists = (held.properties, held.lists) if held else ({}, frozenset())
    mail = mapping.mailability
    status = values.get(mail.marketable, "")
    answers: tuple[tuple[bool, Verdict], ...] = (
        (gate.pilot_list != "" and gate.pilot_list not in lists, "not_pilot"),
        (values.get(mapping.pause.name) == "true", "paused"),
        (gate.arms.get(person_id) == "holdout", "holdout"),
        (values.get(mail.opted_out) == "true", "opted_out"),
        (bool(values.get(mail.bounced)), "bounced"),
        (status != "true" and (gate.marketing_contacts or status != ""), "non_marketing"),
        (not gate.released, "unreleased"),
    )
    return next((verdict for applies, verdict in answers if applies), "act")


def lists_of(item: Desired, verdict: Verdict, mapping: HubSpotMapping) -> frozenset[str] | None:
    """The lists the lead should be on; None leaves its memberships as they are."""
    if verdict in {"not_pilot", "paused"}:
        return None
    if verdict == "holdout":
        return frozenset()
    wanted = bool(item.workflows or item.tasks)
    return item.lists | ({mapping.mailability.list_name} if verdict == "non_marketing" and wanted else set())


def gate_values(
    item: Desired, verdict: Verdict, once: Once, gate: Gate, mapping: HubSpotMapping
) -> dict[str, str]:
    """The properties that show the gate's answer."""
    values = {"why_not": why(item, verdict, once, gate, mapping)}
    if (arm := gate.arms.get(item.lead.person_id)) is not None:
        values["holdout"] = "true" if arm == "holdout" else "false"
    return {entry.name: values[entry.value] for entry in mapping.properties if entry.value in values}


def why(item: Desired, verdict: Verdict, once: Once, gate: Gate, mapping: HubSpotMapping) -> str:
    """In words: has the lead its enrolments and tasks, and if not, why? Not what an undo withdrew."""
    wanted = [*(workflow.key for workflow in item.workflows), *(task.rule.key for task in item.tasks)]
    answer: str = verdict
    if not wanted:
        answer = "no_sequence"
    elif verdict == "act" or not once.due:
        kept = [key for key in wanted if key not in once.withdrawn]
        answer, wanted = ("acted", kept) if kept else ("withdrawn", wanted)
    text = mapping.why[answer]
    return (text.es if gate.language == "es" else text.en).format_map({"what": ", ".join(wanted)})
