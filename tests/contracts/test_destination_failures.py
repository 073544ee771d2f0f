"""HubSpot written to through every class of failure: in the end it holds what an undisturbed run leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from flask import Flask

from app.domain.changes import Change
from app.domain.errors import BadCredentials, TryLater
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.destination import HubSpotDestination
from connectors.hubspot.paths import API_VERSIONS
from tests.connectors.hubspot.conftest import NOW, served
from tests.contracts.destination import SETUP, TRIGGERED_AT, enrol, plan
from tests.contracts.failures import Case, Ends, FailureContract, assert_told, on_the_way
from tests.contracts.test_source_failures import NO_WAIT, QUICK, SCOPES, limited, refused
from tests.contracts.trouble import Spoilt, Trouble
from tests.sandbox.hubspot import HubSpotPortal, ListTrigger, V2Trigger, make_blueprint

LEADS = 4
INSIDE = {"status": "COMPLETE", "results": [], "numErrors": 1}
INSIDE |= {"errors": [{"status": "error", "category": "VALIDATION_ERROR", "message": "secret-in-a-body"}]}


def portal_of_leads() -> tuple[HubSpotPortal, list[str]]:
    portal = HubSpotPortal(now=NOW.timestamp)
    portal.limits.window_max = portal.limits.search_max = 1_000_000
    portal.add_workflow("1", "by list", ListTrigger("Savia hot"))
    portal.add_workflow("77", "by call", V2Trigger(), re_enrolment=True)
    return portal, [portal.add_contact({"email": f"lead{number}@example.com"}) for number in range(LEADS)]


def left_in(portal: HubSpotPortal) -> Any:
    """What the portal holds, without the mark of the one who is enrolled in two ways: the last one stands."""
    held = portal.dump()
    held["contacts"]["lead0@example.com"].pop("savia_trigger", None)
    return held


@contextmanager
def way_to(portal: HubSpotPortal) -> Iterator[Trouble]:
    """The portal behind trouble."""
    app = Flask("hubspot")
    app.register_blueprint(make_blueprint(portal), url_prefix="/hubspot")
    with served(app) as root, Trouble(f"{root}/hubspot") as trouble:
        yield trouble


@contextmanager
def destination_at(trouble: Trouble, version: str = "2026-09") -> Iterator[HubSpotDestination]:
    client = HubSpotClient("pat-eu1-sandbox", trouble.url, version, timeout=QUICK, sleep=NO_WAIT)
    yield HubSpotDestination(client)
    client.close()


def changes_of(contact_ids: list[str]) -> list[Change]:
    """Every kind of change, one enrolment by the v2 call among them."""
    by_call = replace(enrol(contact_ids[0]), key="enrol:call", email="lead0@example.com", v2_workflow_id="77")
    by_call = replace(by_call, triggered_at=TRIGGERED_AT + 1)
    return [*SETUP, *plan(contact_ids), by_call]


def carry_out(
    destination: HubSpotDestination, changes: list[Change], trouble: Trouble, ends: Ends
) -> list[str]:
    """As the line does it: what may have been applied is looked up before anything is repeated, and what was
    rejected comes again with a later plan. Answers what the operator is told.
    """
    left, told = list(changes), []
    for _ in range(8):
        settled: set[str] = set()
        try:
            for outcome in destination.apply(left):
                if outcome.status == "done":
                    settled.add(outcome.key)
                else:
                    told.append(outcome.reason)
        except (TryLater, BadCredentials) as failure:
            told.append(str(failure))
            assert_told(failure, "a person" if isinstance(failure, BadCredentials) else "later")
        if ends != "mends itself":
            trouble.way.heal()
        left = [change for change in left if change.key not in settled]
        if not left:
            return told
        settled = destination.find_applied(left)
        left = [change for change in left if change.key not in settled]
    raise AssertionError(f"never done: {[change.key for change in left]}, told {told}")


class TestHubSpotDestination(FailureContract):
    repeatable = ("batch/update", "batch/upsert", "/memberships/add", "/memberships/remove", "batch/create")
    strikes = (*repeatable, "enrollments")
    not_here: ClassVar = {"429 search": "writes search nothing"}
    table: ClassVar = on_the_way() | {
        "truncated JSON": Case(Spoilt("cut"), "mends itself", "later"),
        "answer lost": Case(Spoilt("lose"), "mends itself", "later"),
        "401": Case(refused(401, "INVALID_AUTHENTICATION"), "a person"),
        "403 missing scope": Case(refused(403, "MISSING_SCOPES", **SCOPES), "a person"),
        "404": Case(refused(404, "OBJECT_NOT_FOUND"), "later"),
        "409": Case(refused(409, "CONFLICT"), "later"),
        "423": Case(refused(423, "LOCKED"), "mends itself", "later"),
        "429 burst": Case(limited("TEN_SECONDLY_ROLLING"), "mends itself", "later"),
        "429 daily": Case(limited("DAILY"), "later"),
        "200 with an error inside": Case(
            Spoilt(status=200, body=INSIDE),
            "later",
            strikes=("batch/update", "batch/upsert", "tasks/batch/create"),
        ),
    }

    @pytest.fixture
    def expected(self) -> Any:
        """What an undisturbed run leaves."""
        portal, contact_ids = portal_of_leads()
        with way_to(portal) as trouble, destination_at(trouble) as destination:
            assert carry_out(destination, changes_of(contact_ids), trouble, "mends itself") == []
        return left_in(portal)

    @pytest.fixture(params=API_VERSIONS)
    def version(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    def test_once(self, expected: Any, version: str, failure: str) -> None:
        case = self.table[failure]
        for strike in case.strikes or self.strikes:
            self.run(expected, version, case.spoilt, strike, 1, case.ends)

    def test_on_and_on(self, expected: Any, version: str, failure: str) -> None:
        case = self.table[failure]
        for strike in case.strikes or self.strikes:
            self.run(expected, version, case.spoilt, strike, 10_000, case.lasting or case.ends)

    def run(self, expected: Any, version: str, spoilt: Spoilt, strike: str, times: int, ends: Ends) -> None:
        portal, contact_ids = portal_of_leads()
        with way_to(portal) as trouble, destination_at(trouble, version) as destination:
            trouble.way.strike(spoilt, times=times, matching=strike)
            told = carry_out(destination, changes_of(contact_ids), trouble, ends)
            assert trouble.way.struck
        assert left_in(portal) == expected, strike
        # A batch refused once is halved, and both halves are taken: nothing to tell.
        assert ends == "mends itself" or times == 1 or told, f"{strike}: nobody is told"
        assert not any("\n" in line or "secret-in-a-body" in line for line in told)
