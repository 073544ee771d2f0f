"""One command sets up what is missing: shown first, made only as shown, and then there is nothing left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from app.domain.errors import BadConfig
from app.pipeline.setup import carry_out_setup, show_setup
from app.services import Services
from app.store import plans
from connectors.activecampaign.setup import ActiveCampaignRegistration
from tests.connectors.activecampaign.desk import Desk, open_desk
from tests.line import Moment, Town, living_in, services_of, town

ADDRESS = "https://savia.example.com/webhooks/activecampaign/a-secret"


@pytest.fixture
def desk() -> Iterator[Desk]:
    with open_desk() as desk:
        yield desk


@pytest.fixture
def place(now) -> Iterator[Town]:
    with town(Moment(now)) as place:
        yield place


@pytest.fixture
def services(place: Town, desk: Desk, database: sa.Engine) -> Iterator[Services]:
    with living_in(place, database) as services:
        yield replace(services, registrations=(ActiveCampaignRegistration(desk.client, ADDRESS),))


def test_setup_shows_everything_and_makes_nothing_until_it_is_told(
    services: Services, place: Town, desk: Desk
):
    plan = show_setup(services, services.clock())
    assert {"savia", "savia_score", "Savia: hot"} <= {change.name for change in plan.portal.changes}
    assert "open" in plan.registrations["activecampaign"]
    assert place.portal.write_calls == 0
    assert not desk.account.hooks


def test_what_was_shown_is_made_once_and_then_nothing_is_missing(services: Services, desk: Desk):
    plan = show_setup(services, services.clock())
    done = carry_out_setup(services, plan.fingerprint, services.clock())
    assert not done.refused
    assert sum(done.made.values()) == len(plan.portal.changes)
    assert [hook["url"] for hook in desk.account.hooks.values()] == [ADDRESS]
    again = show_setup(services, services.clock())
    assert again.is_empty
    assert len(desk.account.hooks) == 1


def test_a_fingerprint_of_something_else_is_refused_and_nothing_is_made(services: Services, desk: Desk):
    with pytest.raises(BadConfig, match="run setup"):
        carry_out_setup(services, "000000000000", services.clock())
    assert not desk.account.hooks


def test_the_first_plan_about_leads_still_waits_for_a_person_after_setup(services: Services):
    plan = show_setup(services, services.clock())
    carry_out_setup(services, plan.fingerprint, services.clock())
    with services.database.connect() as conn:
        assert plans.count_released(conn) == 0


def test_a_webhook_that_was_switched_off_is_registered_again(services: Services, desk: Desk):
    carry_out_setup(services, show_setup(services, services.clock()).fingerprint, services.clock())
    for hook in desk.account.hooks.values():
        hook["state"] = "0"
    assert "open" in show_setup(services, services.clock()).registrations["activecampaign"]


def test_without_any_vendor_nothing_is_missing(database: sa.Engine, now):
    assert show_setup(services_of(database, Moment(now)), now).is_empty
