"""Every source through every class of failure that its vendor knows, over real HTTP to the stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from flask import Flask

from connectors.activecampaign.client import ActiveCampaignClient
from connectors.activecampaign.pull import ActiveCampaignSource
from connectors.ga4.client import Ga4Client
from connectors.ga4.pull import Ga4Source
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.source import HubSpotSource
from connectors.zoom.client import ZoomClient
from connectors.zoom.pull import ZoomSource
from tests.connectors.activecampaign.desk import KEY, open_desk
from tests.connectors.ga4 import account as ga4
from tests.connectors.hubspot.conftest import NOW, served
from tests.connectors.stand_in import StandIn
from tests.connectors.zoom.account import NOW as ZOOM_NOW
from tests.connectors.zoom.account import Account
from tests.contracts.failures import Case, PullFailureContract, on_the_way
from tests.contracts.trouble import Spoilt, Trouble
from tests.sandbox.hubspot import HubSpotPortal, MailEvent, make_blueprint

QUICK = (0.5, 0.4)
NO_WAIT: Any = lambda _seconds: None  # noqa: E731 - handed over as the sleep of every client


def limited(policy: str) -> Spoilt:
    """HubSpot's 429 as its three limits word it."""
    body = {
        "status": "error",
        "message": f"You have reached your {policy.lower()} limit.",
        "policyName": policy,
    }
    return Spoilt(status=429, body={**body, "errorType": "RATE_LIMIT"})


def refused(status: int, category: str, **more: Any) -> Spoilt:
    body = {"status": "error", "category": category, "message": "secret-in-a-body", **more}
    return Spoilt(status=status, body=body)


SCOPES = {"errors": [{"context": {"requiredGranularScopes": ["crm.objects.contacts.read"]}}]}


IN_PART = {"status": "COMPLETE", "results": [], "numErrors": 1}
IN_PART |= {"errors": [{"status": "error", "category": "INTERNAL_ERROR", "message": "secret-in-a-body"}]}


class TestHubSpotSource(PullFailureContract):
    now, later = NOW, NOW + timedelta(hours=2)
    strikes = ("owners", "contacts?", "/search", "associations", "email/public")
    not_here: ClassVar = {
        "409": "HubSpot answers it to writes alone",
    }
    table: ClassVar = on_the_way() | {
        "401": Case(refused(401, "INVALID_AUTHENTICATION"), "a person"),
        # The mail log is left for the counters then: tests/pipeline/test_hubspot_source.py.
        "403 missing scope": Case(refused(403, "MISSING_SCOPES", **SCOPES), "a person", strikes=strikes[:4]),
        "404": Case(Spoilt(status=404, body=b"<html>no such page</html>"), "a person", strikes=strikes[:4]),
        "423": Case(refused(423, "LOCKED"), "mends itself", "later"),
        "429 burst": Case(limited("TEN_SECONDLY_ROLLING"), "mends itself", "later"),
        "429 search": Case(limited("SECONDLY"), "mends itself", "later"),
        "429 daily": Case(limited("DAILY"), "later"),
        "200 with an error inside": Case(Spoilt(status=200, body=IN_PART), "later", strikes=strikes[:4]),
    }

    @pytest.fixture
    def portal(self) -> HubSpotPortal:
        portal = HubSpotPortal(now=NOW.timestamp)
        portal.limits.window_max = portal.limits.search_max = 1_000_000
        ids = [portal.add_contact({"email": f"lead{number}@example.com"}) for number in range(102)]
        for number in range(101):
            portal.add_deal(
                {"dealname": f"Deal {number}", "dealstage": "closedwon"}, ids[number : number + 1]
            )
            portal.add_owner(f"sales{number}@example.com")
            portal.mail(ids[number], MailEvent("OPEN", NOW.timestamp() - 86_400 - number))
        portal.mails.most = 60
        return portal

    @pytest.fixture
    def trouble(self, portal: HubSpotPortal) -> Iterator[Trouble]:
        app = Flask("hubspot")
        app.register_blueprint(make_blueprint(portal), url_prefix="/hubspot")
        with served(app) as root, Trouble(f"{root}/hubspot") as trouble:
            yield trouble

    @pytest.fixture
    def source(self, trouble: Trouble) -> Iterator[HubSpotSource]:
        client = HubSpotClient("pat-eu1-sandbox", trouble.url, timeout=QUICK, sleep=NO_WAIT)
        yield HubSpotSource(client, ["email"], ["dealname"])
        client.close()


class TestZoomSource(PullFailureContract):
    now, later = ZOOM_NOW, ZOOM_NOW + timedelta(hours=2)
    moving = ("participants.count",)  # it says when it was counted
    strikes = ("oauth/token", "report/")
    not_here: ClassVar = {
        "404": "means that a report is not ready: tests/connectors/zoom/test_pull.py",
        "409": "Zoom does not answer so",
        "423": "Zoom does not answer so",
        "429 search": "Zoom has no search",
        "200 with an error inside": "Zoom does not answer so",
    }
    table: ClassVar = on_the_way() | {
        "401": Case(
            Spoilt(status=401, body={"code": 124, "message": "secret-in-a-body"}), "mends itself", "a person"
        ),
        "403 missing scope": Case(
            Spoilt(status=400, body={"code": 4711, "message": "does not contain scopes:[webinar:read:x]"}),
            "a person",
            strikes=("report/",),
        ),
        "429 burst": Case(
            Spoilt(status=429, body={"code": 429, "message": "maximum per-second rate"}),
            "mends itself",
            "later",
        ),
        "429 daily": Case(
            Spoilt(status=429, body={"code": 429, "message": "maximum daily rate limit"}), "later"
        ),
    }

    @pytest.fixture
    def trouble(self) -> Iterator[Trouble]:
        with StandIn(Account()) as server, Trouble(server.url) as trouble:
            yield trouble

    @pytest.fixture
    def source(self, trouble: Trouble) -> Iterator[ZoomSource]:
        addresses = {"base_url": f"{trouble.url}/v2", "oauth_url": f"{trouble.url}/oauth/token"}
        client = ZoomClient("acc", "app", "secret", **addresses, timeout=QUICK, sleep=NO_WAIT)
        yield ZoomSource(client, ("me",))
        client.close()


class TestActiveCampaignSource(PullFailureContract):
    now, later = ZOOM_NOW, ZOOM_NOW + timedelta(hours=2)
    strikes = ("/contacts?", "/activities", "/tags?", "/links", "/campaigns?")
    not_here: ClassVar = {
        "409": "ActiveCampaign does not answer so",
        "423": "ActiveCampaign does not answer so",
        "429 search": "ActiveCampaign has one limit for all",
    }
    table: ClassVar = on_the_way() | {
        "401": Case(Spoilt(status=401, body={"message": "secret-in-a-body"}), "a person"),
        "403 missing scope": Case(Spoilt(status=403, body={"message": "secret-in-a-body"}), "a person"),
        # Of a contact it means that it was deleted: tests/connectors/activecampaign/test_pull.py.
        "404": Case(
            Spoilt(status=404, body={"message": "secret-in-a-body"}), "a person", strikes=("/tags?",)
        ),
        "429 burst": Case(Spoilt(status=429, headers={"Retry-After": "1"}), "mends itself", "later"),
        "429 daily": Case(Spoilt(status=429, headers={"Retry-After": "7200"}), "later"),
        "200 with an error inside": Case(Spoilt(status=200, body={"succeeded": 0}), "mends itself", "later"),
    }

    @pytest.fixture
    def trouble(self) -> Iterator[Trouble]:
        with open_desk(leads=20, campaigns=2) as desk, Trouble(desk.url) as trouble:
            yield trouble

    @pytest.fixture
    def source(self, trouble: Trouble) -> Iterator[ActiveCampaignSource]:
        client = ActiveCampaignClient(trouble.url, KEY, timeout=QUICK, sleep=NO_WAIT)
        yield ActiveCampaignSource(client)
        client.close()


def google(status: int, name: str, message: str) -> Spoilt:
    return Spoilt(status=status, body={"error": {"code": status, "message": message, "status": name}})


class TestGa4Source(PullFailureContract):
    now, later = ga4.NOW, ga4.NOW + timedelta(days=1)
    moving = ("days",)
    strikes = ("runReport",)
    not_here: ClassVar = {
        "423": "GA4 does not answer so",
        "200 with an error inside": "GA4 does not answer so",
    }
    table: ClassVar = on_the_way() | {
        "401": Case(google(401, "UNAUTHENTICATED", "secret-in-a-body"), "a person"),
        "403 missing scope": Case(google(403, "PERMISSION_DENIED", "secret-in-a-body"), "a person"),
        "404": Case(google(404, "NOT_FOUND", "secret-in-a-body"), "a person"),
        "409": Case(google(409, "ABORTED", "secret-in-a-body"), "mends itself", "later"),
        "429 burst": Case(
            google(429, "RESOURCE_EXHAUSTED", "Exhausted concurrent requests quota."), "mends itself", "later"
        ),
        "429 daily": Case(google(429, "RESOURCE_EXHAUSTED", "Exhausted tokens for a day."), "later"),
        "429 search": Case(google(429, "RESOURCE_EXHAUSTED", "Exhausted tokens per hour."), "later"),
    }

    @pytest.fixture
    def trouble(self) -> Iterator[Trouble]:
        with (
            ga4.served(ga4.Ga4Property(ga4.visits(20), clock=ga4.Clock(ga4.NOW))) as url,
            Trouble(url) as trouble,
        ):
            yield trouble

    @pytest.fixture
    def source(self, trouble: Trouble) -> Iterator[Ga4Source]:
        client = Ga4Client(ga4.PROPERTY, trouble.url, timeout=0.5, sleep=NO_WAIT)
        yield Ga4Source(client, history=timedelta(days=8))
        client.close()
