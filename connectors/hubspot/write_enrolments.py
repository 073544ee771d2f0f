"""Workflow enrolment: join the list, enrol by the v2 call where asked for, then set the trigger property.

The trigger property comes last: it is the mark by which a finished enrolment is found again after a crash.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from app.domain.changes import EnrolInWorkflow, Outcome
from app.domain.errors import BadRecord, SaviaError
from connectors.hubspot.client import BATCH, HubSpotClient
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
        # One by one, call then mark: a crash leaves at most one contact whose call may be repeated.
        if change.v2_workflow_id:
            yield from _enrol_by_call(client, change)


def _enrol_by_call(client: HubSpotClient, change: EnrolInWorkflow) -> Iterator[Outcome]:
    path = client.paths.enrolment(change.v2_workflow_id, change.email)
    try:
        client.call("POST", path, repeatable=False)
    except BadRecord as fault:
        yield rejected(change, fault)
        return
    done = Outcome(change.key, "done")
    try:
        list(set_triggers(client, [change]))
    except SaviaError:
        yield done  # whatever becomes of the mark: the workflow has begun, and must not begin again
        raise
    yield done
