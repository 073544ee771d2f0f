"""Work that can be taken wakes a step, work that another holds does not; an empty lot leaves no run."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from app.domain.errors import BadCredentials
from app.pipeline import steps
from app.pipeline.apply import writing
from app.pipeline.steps import waiting
from app.services import Services
from app.store import hints, inbox, plans, touched
from tests.line import Town, registration
from tests.pipeline.writes import learn, show


def land(services: Services) -> None:
    with services.database.begin() as conn:
        inbox.land(conn, "zoom", json.dumps(registration(1)).encode(), services.clock())


def kept_runs(services: Services) -> list[str]:
    with services.database.connect() as conn:
        return list(conn.scalars(sa.text("SELECT job FROM run ORDER BY id")))


def test_a_delivery_wakes_absorb_unless_another_worker_holds_it(services: Services) -> None:
    land(services)
    assert waiting(services) == ["absorb"]
    with services.database.begin() as other:
        inbox.take(other, 500)
        assert waiting(services) == []
    assert waiting(services) == ["absorb"]


def test_a_lead_wakes_rescore_unless_another_worker_holds_it(services: Services) -> None:
    land(services)
    steps.absorb(services, services.clock())
    assert waiting(services) == ["rescore"]
    with services.database.begin() as other:
        touched.take_touched(other, 1_000)
        assert waiting(services) == []
    assert waiting(services) == ["rescore"]


def test_a_contact_to_read_again_wakes_reread_unless_another_worker_holds_it(living: Services) -> None:
    with living.database.begin() as conn:
        hints.write(conn, {"1": None}, living.clock())
    assert waiting(living) == ["reread"]
    with living.database.begin() as other:
        hints.take_hints(other, 500)
        assert waiting(living) == []


def test_a_vendor_that_refuses_us_keeps_no_other_vendors_deliveries_waiting(
    place: Town, living: Services
) -> None:
    """Absorbing asks no vendor, so nothing a vendor answers puts it off."""
    place.portal.token_expires_at = place.clock.now.timestamp() - 1
    with living.database.begin() as conn:
        hints.write(conn, {"1": None}, living.clock())
    land(living)
    with pytest.raises(BadCredentials):
        steps.reread(living, living.clock())
    assert steps.absorb(living, living.clock()) == ["rescore"]


def test_an_interrupted_plan_wakes_nobody_while_somebody_writes(place: Town, living: Services) -> None:
    learn(living)
    plan = show(living).plan
    with living.database.begin() as conn:
        plans.mark(conn, plan.fingerprint, "applying", living.clock())
    assert "write_back" in waiting(living)
    with writing(living):
        assert "write_back" not in waiting(living)
    assert "write_back" in waiting(living)


@pytest.mark.parametrize("step", [steps.absorb, steps.reread, steps.rescore])
def test_an_empty_lot_leaves_no_run(services: Services, step) -> None:
    step(services, services.clock())
    assert kept_runs(services) == []
    land(services)
    steps.absorb(services, services.clock())
    steps.rescore(services, services.clock())
    assert kept_runs(services) == ["absorb", "rescore"]


def test_a_turn_with_nothing_to_write_leaves_no_run(living: Services) -> None:
    steps.write_back(living, living.clock())
    assert "write_back" not in kept_runs(living)


def test_a_lot_that_failed_leaves_its_run(services: Services) -> None:
    class Broken:
        def parse(self, body: bytes) -> list[object]:
            raise KeyboardInterrupt

    land(services)
    services.webhooks["zoom"] = Broken()  # type: ignore[index,assignment]  # a fake in its place
    with pytest.raises(KeyboardInterrupt):
        steps.absorb(services, services.clock())
    assert kept_runs(services) == ["absorb"]


def test_a_plan_that_is_gone_on_with_leaves_its_run(place: Town, living: Services) -> None:
    learn(living)
    plan = show(living).plan
    with living.database.begin() as conn:
        plans.mark(conn, plan.fingerprint, "applying", living.clock())
    steps.write_back(living, living.clock())
    assert kept_runs(living)[-1] == "write_back"
