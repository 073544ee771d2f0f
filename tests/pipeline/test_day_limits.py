"""What goes out while nobody looks counts towards the day's limits; what a person releases does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.domain.errors import UnsafePlan
from app.pipeline import steps, write_back
from app.pipeline.apply import apply_plan, writing
from app.pipeline.write_back import Shown, show_plan
from app.services import Services
from app.store import day_totals, plans, work_list
from tests.line import Town
from tests.pipeline.test_current import everybody_better, settled_in
from tests.pipeline.writes import carry_out, learn, written_first

OUT_OF_BAND = sa.text("""
    INSERT INTO score (person_id, value, band, method, engagement, receipt, scored_at, grid)
    SELECT DISTINCT ON (person_id) person_id, value, 'warm', method, engagement, receipt, :at, grid
    FROM score ORDER BY person_id, id DESC
""")
MEMBERS = sa.text("SELECT count(*) FROM mirror WHERE 'Savia: unqualified' = ANY(lists)")


def everybody_out_of_band(services: Services) -> None:
    """As by a fault: whatever band they were in, all are in another one."""
    with services.database.begin() as conn:
        conn.execute(OUT_OF_BAND, {"at": services.clock()})
        work_list.add_everyone(conn, services.clock())


def write_all(services: Services) -> None:
    while steps.write_back(services, services.clock()):
        pass


def used(services: Services) -> dict[str, float]:
    with services.database.connect() as conn:
        return day_totals.used(conn, services.clock())


def a_new_contact_to_list(place: Town, services: Services) -> Shown:
    """The unattended plan for a contact that is new in HubSpot."""
    place.clock.move(minutes=1)
    place.portal.add_contact({"email": "nueva@example.com", "jobtitle": "CEO"})
    place.clock.move(minutes=1)
    learn(services)
    return show_plan(services, services.clock())


def test_a_plan_that_a_person_released_takes_nothing_of_the_day(place: Town, living: Services) -> None:
    assert written_first(living).uses
    assert used(living) == {}


def test_a_plan_that_nobody_looked_at_is_counted_once_however_often_it_is_interrupted(
    place: Town, living: Services
) -> None:
    settled_in(place, living)
    before = used(living)
    everybody_better(living)
    plan = show_plan(living, living.clock()).plan
    with writing(living) as fence:
        apply_plan(living, plan.fingerprint, fence, released=False, stop=lambda: True)
    expected = {name: before.get(name, 0) + plan.uses[name].amount for name in plan.uses}
    assert {name: used(living)[name] for name in plan.uses} == expected
    assert "points more" in expected
    write_all(living)
    assert {name: used(living)[name] for name in plan.uses} == expected


def test_a_plan_is_judged_again_as_it_begins_by_what_went_out_since_it_was_made(
    place: Town, living: Services
) -> None:
    written_first(living)
    plan = a_new_contact_to_list(place, living).plan
    assert plan.unsafe == ()
    joins = plan.uses["AddToList"]
    with living.database.begin() as conn:
        day_totals.add(conn, {"AddToList": joins.most or 0}, living.clock())
    before = place.portal.write_calls
    with writing(living) as fence, pytest.raises(UnsafePlan, match="in the last 24 hours"):
        apply_plan(living, plan.fingerprint, fence, released=False)
    assert place.portal.write_calls == before
    with living.database.connect() as conn:
        waits = plans.last_waiting(conn, living.clock())
    assert waits is not None
    assert waits.plan.unsafe
    assert carry_out(living, plan).finished
    assert used(living)["AddToList"] == joins.most


def test_a_day_is_forgotten_when_its_last_hour_has_passed(database: sa.Engine) -> None:
    at = datetime(2026, 11, 22, 9, 59, tzinfo=UTC)
    with database.begin() as conn:
        day_totals.add(conn, {"clears": 2.0}, at)
        day_totals.add(conn, {"clears": 3, "band moves": 1.0}, at + timedelta(minutes=2))
        assert day_totals.used(conn, at + timedelta(hours=24)) == {"clears": 5.0, "band moves": 1.0}
        assert day_totals.used(conn, at + timedelta(hours=25)) == {"clears": 3.0, "band moves": 1.0}
        day_totals.add(conn, {"clears": 1.0}, at + timedelta(hours=30))
        assert conn.scalar(sa.text("SELECT count(*) FROM day_total")) == 1


def test_leads_that_leave_a_list_one_by_one_stop_at_its_share(
    place: Town, living: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled_in(place, living)
    monkeypatch.setattr(write_back, "LARGEST_TURN", 2)
    everybody_out_of_band(living)
    with living.database.connect() as conn:
        (before,) = conn.execute(MEMBERS).one()
    with pytest.raises(UnsafePlan, match="max_list_leaves is 50%"):
        write_all(living)
    with living.database.connect() as conn:
        (after,) = conn.execute(MEMBERS).one()
    assert before > 10
    assert before / 2 <= after < before
