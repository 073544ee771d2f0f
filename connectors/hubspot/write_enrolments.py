"""Workflow enrolment: join the list, enrol by the v2 call where asked for, then set the trigger property.

The trigger property comes last: it is the mark by which a finished enrolment is found again after a crash.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from app.domain.changes import EnrolInWorkflow, Outcome, Unenrol
from app.domain.errors import BadRecord, NotForUs, SaviaError
from connectors.hubspot.client import BATCH, HubSpotClient
from connectors.hubspot.errors import NotFound
from connectors.hubspot.lists import Lists
from connectors.hubspot.packing import batches, rejected
from connectors.hubspot.write_contacts import set_triggers
from connectors.hubspot.write_lists import change_members


def enrol(client: HubSpotClient, lists: Lists, run: Iterable[EnrolInWorkflow]) -> Iterator[Outcome]:
    for batch in batches(run, BATCH, lambda change: change.contact_id):
        joined = []
        for change, outcome in change_members(lists, batch, "add"):
            if outcome.status == "done":
                joined.append(change)
            else:
                yield outcome
        yield from _trigger(client, joined)


def _trigger(client: HubSpotClient, joined: list[EnrolInWorkflow]) -> Iterator[Outcome]:
    by_property = [change for change in joined if not change.v2_workflow_id]
    if by_property:
        yield from (outcome for _, outcome in set_triggers(client, by_property))
    for change in joined:
        # One by one, call then mark: after a crash one contact at most may be in the workflow without a mark.
        if change.v2_workflow_id:
            yield from _enrol_by_call(client, change)


def _enrol_by_call(client: HubSpotClient, change: EnrolInWorkflow) -> Iterator[Outcome]:
    """HubSpot is asked first: a call of unknown fate, made before a crash, is not made again. Where the v2
    calls are not open to this token, or are gone, that is this change's fault: the plan goes on to its end.
    """
    path = client.paths.enrolment(change.v2_workflow_id, change.email)
    try:
        if change.v2_workflow_id not in _workflows_of(client, change.contact_id):
            client.call("POST", path, repeatable=False)
    except (BadRecord, NotForUs) as fault:
        yield rejected(change, fault)
        return
    done = Outcome(change.key, "done")
    try:
        list(set_triggers(client, [change]))
    except SaviaError:
        yield done  # whatever becomes of the mark: the workflow has begun, and must not begin again
        raise
    yield done


def _workflows_of(client: HubSpotClient, contact_id: str) -> set[str]:
    """The workflows a contact is in now. Source: workflows v2, "get current enrollment"."""
    try:
        found = client.call("GET", client.paths.enrolments_of(contact_id)) or ()
    except NotFound:
        return set()
    return {str(workflow["id"]) for workflow in ([found] if isinstance(found, dict) else found)}


def unenrol(client: HubSpotClient, run: Iterable[Unenrol]) -> Iterator[Outcome]:
    """End each run through a workflow; who is in it no more is done. May be repeated."""
    for change in run:
        try:
            client.call("DELETE", client.paths.enrolment(change.v2_workflow_id, change.email))
        except NotFound:
            yield Outcome(change.key, "done")
        except (BadRecord, NotForUs) as fault:
            yield rejected(change, fault)
        else:
            yield Outcome(change.key, "done")
