"""`check` tells of webhooks that are silent and of ends that come near."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import sqlalchemy as sa

from app.domain.deprecations import PublishedEnd
from app.pipeline.checkup import check_up
from app.store import inbox
from tests.line import Moment, services_of


def test_webhooks_that_deliver_nothing_are_named_and_those_that_do_are_not(
    database: sa.Engine, now: datetime
):
    services = services_of(database, Moment(now))
    with database.begin() as conn:
        inbox.land(conn, "zoom", b"{}", now - timedelta(days=1))
    found = check_up(services, now, ask_vendors=False)
    silent = {
        item.subject for item in found.problems if "deliver" in item.message and item.severity == "warning"
    }
    assert silent == {"hubspot"}
    later = check_up(services, now + timedelta(days=8), ask_vendors=False)
    assert any(item.subject == "zoom" and "since 2026-11-21" in item.message for item in later.problems)


def test_an_end_is_shown_always_and_warned_of_when_it_is_near(database: sa.Engine, now: datetime):
    end = PublishedEnd("HubSpot", "the v3 API", date(2027, 9, 1), "set api_version")
    services = services_of(database, Moment(now), ends=(end,))
    found = check_up(services, now, ask_vendors=False)
    assert found.state["published ends"] == {"the v3 API": "2027-09-01"}
    assert not any(item.message.startswith("the v3 API") for item in found.problems)
    near = check_up(services, datetime.fromisoformat("2027-07-01T00:00+00:00"), ask_vendors=False)
    assert any(item.message.startswith("the v3 API ends on 2027-09-01") for item in near.problems)
