"""The workflows a marketer built: which of them a sequence of ours starts, and what is wrong with it.

Source: the flows of HubSpot's automation API (v4). A property that changes is the event 4-655002, whose
filters name the property (hs_name) and its new value (hs_value).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.changes import Problem
from app.domain.portal import Workflow
from connectors.http import PageLoopGuard
from connectors.hubspot.client import BATCH, HubSpotClient
from connectors.hubspot.errors import checked
from connectors.hubspot.lists import Lists
from connectors.hubspot.packing import chunks
from connectors.hubspot.walk import next_page

Json = Mapping[str, Any]

CONTACT = "0-1"
FLOWS_PAGE = 100
GUIDE = "/setup/hubspot"
"""The page of ours, with pictures, that shows how a workflow is built."""

TRIGGERS = ("eventFilterBranches", "listFilterBranch", "listMembershipFilterBranches")
"""The parts of the enrolment criteria that let somebody in; `refinementCriteria` narrows them."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One workflow, as far as it concerns us."""

    name: str
    is_on: bool
    lets_in_again: bool
    criteria: Json
    kept_out: tuple[str, ...]
    """The ids of its suppression lists."""

    def starts_by(self, list_id: str | None, trigger_property: str) -> bool:
        """Does joining the list, or a change of the property, let a contact in?"""
        found = [each for part in TRIGGERS for each in filters_in(self.criteria.get(part))]
        return any(_joins(each, list_id) or _changes(each, trigger_property) for each in found)


def read_flows(client: HubSpotClient) -> list[Flow]:
    """Every workflow of contacts, with its enrolment criteria. Raises TryLater and BadCredentials."""
    ids = [str(row["id"]) for row in _listed(client) if row.get("objectTypeId") == CONTACT]
    found: list[Flow] = []
    for chunk in chunks(ids, BATCH):
        inputs = [{"flowId": flow_id, "type": "FLOW_ID"} for flow_id in chunk]
        answer = client.call("POST", client.paths.flows_batch(), json={"inputs": inputs})
        found += [_flow(row) for row in checked(answer)]
    return found


def flow_problems(wanted: Workflow, list_id: str | None, flows: Sequence[Flow]) -> Iterator[Problem]:
    """What keeps the sequence from sending its mails. `list_id` is None while its list is not there."""
    subject = f"workflow {wanted.key}"
    started = [flow for flow in flows if flow.starts_by(list_id, wanted.trigger_property)]
    trigger = f"the list “{wanted.list_name}” or the property {wanted.trigger_property}"
    if not started:
        named = next((flow for flow in flows if wanted.key in flow.name.lower()), None)
        if named is None:
            yield Problem("warning", subject, f"is missing: build one that starts by {trigger}, see {GUIDE}")
        else:
            message = f"“{named.name}” starts by something else: set its trigger to {trigger}, see {GUIDE}"
            yield Problem("warning", subject, message)
        return
    switched_on = [flow for flow in started if flow.is_on]
    if len(switched_on) > 1:
        names = " and ".join(f"“{flow.name}”" for flow in switched_on)
        yield Problem("warning", subject, f"{names} start by the same: leads get both; turn all but one off")
    flow = next(iter(switched_on), started[0])
    if not flow.is_on:
        yield Problem("warning", subject, f"“{flow.name}” is off: review and publish it in HubSpot")
    if not flow.lets_in_again:
        message = f"“{flow.name}” lets nobody in a second time: switch re-enrolment on, see {GUIDE}"
        yield Problem("warning", subject, message)


def lets_held_out_in(
    wanted: Workflow, list_id: str | None, flows: Sequence[Flow], holdout: str, lists: Lists
) -> Iterator[Problem]:
    """Workflows of the sequence that do not keep out who is held out for comparison."""
    for flow in flows:
        if flow.starts_by(list_id, wanted.trigger_property) and not _keeps_out(flow, holdout, lists):
            message = (
                f"“{flow.name}” lets the held-out leads in: suppress a list of the contacts whose {holdout} "
                f"is true, see {GUIDE}"
            )
            yield Problem("warning", f"workflow {wanted.key}", message)


def filters_in(branch: Any) -> Iterator[Json]:
    """Every filter of a branch and the branches below it, whatever kinds they are."""
    for each in branch if isinstance(branch, list) else [branch]:
        if isinstance(each, dict):
            below = each.get("filters")
            yield from (one for one in below if isinstance(one, dict)) if isinstance(below, list) else ()
            yield from filters_in(each.get("filterBranches"))


def _listed(client: HubSpotClient) -> Iterator[Json]:
    guard, asked = PageLoopGuard("HubSpot"), {"limit": str(FLOWS_PAGE)}
    while True:
        answer = client.call("GET", client.paths.flows(), params=asked)
        yield from checked(answer)
        token = next_page(answer)
        if not token:
            return
        guard.check(token)
        asked["after"] = token


def _flow(row: Json) -> Flow:
    criteria = row.get("enrollmentCriteria") or {}
    return Flow(
        name=str(row.get("name") or row.get("id"))[:60],
        is_on=bool(row.get("isEnabled")),
        lets_in_again=bool(criteria.get("shouldReEnroll")),
        criteria=criteria,
        kept_out=tuple(str(each) for each in row.get("suppressionListIds") or ()),
    )


def _joins(found: Json, list_id: str | None) -> bool:
    is_member = found.get("filterType") == "IN_LIST" and found.get("operator") == "IN_LIST"
    return is_member and list_id is not None and str(found.get("listId")) == list_id


def _changes(found: Json, trigger_property: str) -> bool:
    """The property itself, or the event "a property changed" with its name among the values."""
    if found.get("property") == trigger_property:
        return True
    return found.get("property") == "hs_name" and trigger_property in _values(found)


def _keeps_out(flow: Flow, holdout: str, lists: Lists) -> bool:
    refined = filters_in(flow.criteria.get("refinementCriteria"))
    required = (each for part in TRIGGERS for each in filters_in(flow.criteria.get(part)))
    if any(_says(each, holdout, held_out=False) for each in (*refined, *required)):
        return True
    held = (each for list_id in flow.kept_out for each in filters_in(lists.filters_of(list_id)))
    return any(_says(each, holdout, held_out=True) for each in held)


def _says(found: Json, holdout: str, *, held_out: bool) -> bool:
    """Does this filter ask for the property to be true (or, without `held_out`, not to be)?"""
    if found.get("property") != holdout:
        return False
    operation = found.get("operation") or {}
    negative = "NOT" in str(operation.get("operator")) or "NONE" in str(operation.get("operator"))
    asks_true = {value.lower() for value in _values(found)} == {"true"}
    return (asks_true != negative) == held_out


def _values(found: Json) -> set[str]:
    operation = found.get("operation") or {}
    listed = operation.get("values")
    values = listed if isinstance(listed, list) else [operation.get("value")]
    return {str(value) for value in values}
