"""A reading that HubSpot answers in part is asked for again: what is unknown is never taken for absent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.domain.errors import TryLater
from connectors.hubspot.associations import associated_ids
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.email_counters import read_counters
from connectors.hubspot.flows import read_flows
from connectors.hubspot.gone import gone_for_good
from connectors.hubspot.lists import Lists
from connectors.hubspot.records import read_by_email, read_rows
from connectors.hubspot.source import HubSpotSource
from connectors.hubspot.write_tasks import tasks_by_key
from tests.connectors.hubspot.conftest import NOW

READINGS: dict[str, Callable[[HubSpotClient], Any]] = {
    "records": lambda client: list(read_rows(client, "contacts", ["1"], ["email"])),
    "records by address": lambda client: read_by_email(client, ["ana@example.com"], []),
    "contacts named by a delivery": lambda client: list(HubSpotSource(client, [], []).read_records(["1"])),
    "associations": lambda client: associated_ids(client, "deals", "contacts", ["1"]),
    "memberships": lambda client: Lists(client).memberships(["1"]),
    "tasks of ours": lambda client: tasks_by_key(client, ["1"]),
}
WALKED: dict[str, Callable[[HubSpotClient], Any]] = {
    "mail counters": lambda client: list(read_counters(client, NOW, "")),
    "workflows": read_flows,
    "who is gone": lambda client: gone_for_good(client, ["1"]),
    "contacts": lambda client: list(HubSpotSource(client, [], []).pull("contacts", None, NOW)),
    "owners": lambda client: list(HubSpotSource(client, [], []).pull("owners", None, NOW)),
    "pipelines": lambda client: list(HubSpotSource(client, [], []).pull("pipelines", None, NOW)),
}


def in_part(category: str, sub_category: str = "") -> dict[str, Any]:
    error = {"status": "error", "category": category, "message": "ana@example.com", "context": {"ids": ["1"]}}
    error |= {"subCategory": sub_category} if sub_category else {}
    return {"status": "COMPLETE", "results": [], "numErrors": 1, "errors": [error]}


@pytest.mark.parametrize("answer", [in_part("INTERNAL_ERROR"), {"status": "CANCELED", "results": []}, {}])
@pytest.mark.parametrize("read", [*READINGS.values(), *WALKED.values()], ids=[*READINGS, *WALKED])
def test_a_part_that_is_missing_makes_no_reading(
    answering: Callable[..., HubSpotClient],
    read: Callable[[HubSpotClient], Any],
    answer: dict[str, Any],
):
    with pytest.raises(TryLater) as told:
        read(answering(lambda path: answer))
    assert "ana@example.com" not in str(told.value)


@pytest.mark.parametrize(
    "answer",
    [in_part("OBJECT_NOT_FOUND"), in_part("VALIDATION", "crm.associations.NO_ASSOCIATIONS_FOUND")],
)
@pytest.mark.parametrize("read", READINGS.values(), ids=READINGS)
def test_what_is_not_there_is_an_answer(
    answering: Callable[..., HubSpotClient],
    read: Callable[[HubSpotClient], Any],
    answer: dict[str, Any],
):
    assert not read(answering(lambda path: answer))
