"""What two runs of one story must agree on in HubSpot, and where they do not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Dump = Mapping[str, Any]

WALL_CLOCK = re.compile(r"savia_(scored_at|\w+_through|\w+_leads_at)$")
"""Properties of ours that say when something was done."""

MARKER = re.compile(r"savia:\S+?:\d+")
"""Our key in a task's body ends in an id of ours, which depends on who was seen first."""

BY_PATH = frozenset(
    f"savia_{name}"
    for name in ("score", "engagement", "reasons", "recommendations", "next_action", "last_activity_at")
)
"""Written when they moved by a step since the last write: which write was the last depends on timing."""

TASK_BAND = "hot"
WORKFLOW_NUMBERS = {"hot": "5001", "warm": "5002", "cold": "5003"}


def canonical(dump: Dump) -> dict[str, Any]:
    """Everything but moments and ids of ours."""
    return {
        **dump,
        "contacts": {
            email: {name: value for name, value in values.items() if not WALL_CLOCK.match(name)}
            for email, values in dump["contacts"].items()
        },
        "tasks": sorted([MARKER.sub("savia:key", part) for part in task] for task in dump["tasks"]),
    }


def settled(dump: Dump) -> dict[str, Any]:
    """What must agree even where Savia wrote unattended at moments of its own.

    A lead that is warm for a minute is enrolled in that minute's workflow if a write falls into it; so of
    enrolments and tasks only those that the final band asks for are compared: whom they are missing for.
    """
    contacts = canonical(dump)["contacts"]
    enrolled = {(workflow, email) for workflow, email in dump["enrolments"]}
    tasked = {task[0] for task in dump["tasks"]}
    banded = [(email, values["savia_band"]) for email, values in contacts.items() if "savia_band" in values]
    return {
        "contacts": {
            email: {name: value for name, value in values.items() if name not in BY_PATH}
            for email, values in contacts.items()
        },
        "lists": {name: members for name, members in dump["lists"].items() if "secuencia" not in name},
        "not enrolled": sorted(
            email
            for email, band in banded
            if band in WORKFLOW_NUMBERS and (WORKFLOW_NUMBERS[band], email) not in enrolled
        ),
        "without a task": sorted(
            email for email, band in banded if band == TASK_BAND and email not in tasked
        ),
        "properties": dump["properties"],
        "groups": dump["groups"],
    }


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """Where `other` is not as `one`, a line each."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in sorted({*one, *other}):
            yield from differences(one.get(name), other.get(name), f"{path}/{name}")
    elif isinstance(one, list) and isinstance(other, list):
        missing = [item for item in one if item not in other]
        more = [item for item in other if item not in one]
        yield from (f"{path}: missing {item}" for item in missing)
        yield from (f"{path}: too much {item}" for item in more)
        if not missing and not more and len(one) != len(other):
            yield f"{path}: {len(one)} and {len(other)}"
    elif one != other:
        yield f"{path}: {one!r} and {other!r}"
