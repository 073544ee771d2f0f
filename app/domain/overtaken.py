"""A plan is some minutes old when a person carries it out: what became of each change in the meantime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.domain.changes import (
    CLEAR,
    AddToList,
    Change,
    Contact,
    CreateTask,
    EnrolInWorkflow,
    RemoveFromList,
    SetProperties,
)
from app.domain.edits import Memory, is_ours
from app.domain.gate import Verdict
from app.domain.portal import HubSpotMapping
from app.domain.values import same_value


@dataclass(frozen=True, slots=True)
class Standing:
    """How one change stands now: what may still be sent of it, why the rest may not, and the values that
    somebody else put there since. `change` is None when nothing of it may be sent.
    """

    change: Change | None
    reason: str = ""
    edits: Mapping[str, str] | None = None


def standing_of(
    change: Change,
    held: Contact,
    before: Mapping[str, Any],
    verdict: Verdict,
    memory: Memory | None,
    mapping: HubSpotMapping,
) -> Standing:
    """`change` in view of its contact as it is now; `before` is what it held when the plan was shown.

    `verdict` is the gate's as of now, `memory` what we remember of the contact: None for a way back, which
    restores whatever the gate says and leaves alone whatever was touched since.
    """
    if memory is not None and _is_kept_back(change, verdict, mapping):
        return Standing(None, f"the lead is {verdict} since the plan was shown")
    if not isinstance(change, SetProperties):
        return Standing(change)
    edits = _edits_since(change, held, before, memory, mapping)
    if not edits:
        return Standing(change)
    reason = f"left alone, changed since the plan was shown: {', '.join(sorted(edits))}"
    rest = {name: value for name, value in change.properties.items() if name not in edits}
    return Standing(replace(change, properties=rest) if rest else None, reason, edits)


def _is_kept_back(change: Change, verdict: Verdict, mapping: HubSpotMapping) -> bool:
    match change:
        case EnrolInWorkflow() | CreateTask():
            return verdict != "act"
        case AddToList(list_name=name) if name == mapping.mailability.list_name:
            return verdict != "non_marketing"
        case AddToList():
            return verdict in {"not_pilot", "paused", "holdout"}
        case RemoveFromList():
            return verdict in {"not_pilot", "paused"}
        case _:
            return verdict == "not_pilot"


def _edits_since(
    change: SetProperties,
    held: Contact,
    before: Mapping[str, Any],
    memory: Memory | None,
    mapping: HubSpotMapping,
) -> dict[str, str]:
    """The values that stand there now and did neither when the plan was shown, nor are what it writes, nor
    what another plan of ours wrote since.
    """
    wins = {item.name for item in mapping.properties if item.human_edit == "wins"}
    found = {}
    for name, wanted in change.properties.items():
        now = held.properties.get(name, CLEAR)
        if same_value(now, str(before.get(name, CLEAR))) or same_value(now, wanted):
            continue
        if memory is None or (name in wins and now != CLEAR and not is_ours(name, now, memory)):
            found[name] = now
    return found
