"""A plan that waits for a person is told once and kept once, however many syncs pass until they look."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from app.config import Settings, WriteBack
from app.domain.errors import UnsafePlan
from app.pipeline import steps
from app.services import Services
from app.store import plans
from tests.line import Town, living_in
from tests.pipeline.test_current import everybody_better, settled_in
from tests.pipeline.writes import carry_out, learn, show, written_first


@pytest.fixture
def strict(place: Town, database: sa.Engine) -> Iterator[Services]:
    """Nobody may join a list without a person, and everything so far is written."""
    settings = Settings(write_back=WriteBack(max_list_joins=0, max_list_joins_share=0.0))
    with living_in(place, database, settings=settings) as services:
        written_first(services)
        yield services


def somebody_comes(place: Town, services: Services, name: str) -> None:
    place.clock.move(minutes=1)
    place.portal.add_contact({"email": f"{name}@example.com", "jobtitle": "CEO"})
    place.clock.move(minutes=9)
    learn(services)


def plans_kept(services: Services) -> int:
    with services.database.connect() as conn:
        return conn.execute(sa.text("SELECT count(*) FROM plan")).scalar_one()


def told(services: Services) -> str | None:
    with services.database.connect() as conn:
        return plans.told_waiting(conn, services.clock())


def test_syncs_that_pass_while_a_plan_waits_bring_neither_a_warning_nor_another_plan(
    place: Town, strict: Services
) -> None:
    somebody_comes(place, strict, "nueva")
    with pytest.raises(UnsafePlan, match="max_list_joins"):
        steps.write_back(strict, strict.clock())
    first, kept = told(strict), plans_kept(strict)
    place.clock.move(minutes=10)
    learn(strict)
    assert steps.write_back(strict, strict.clock()) == []
    for number in range(3):
        somebody_comes(place, strict, f"otra{number}")
        assert steps.write_back(strict, strict.clock()) == []
    assert (told(strict), plans_kept(strict)) == (first, kept)


def test_once_it_is_released_the_next_one_that_waits_is_told(place: Town, strict: Services) -> None:
    somebody_comes(place, strict, "nueva")
    with pytest.raises(UnsafePlan):
        steps.write_back(strict, strict.clock())
    place.clock.move(minutes=1)
    assert carry_out(strict, show(strict).plan).finished
    assert told(strict) is None
    somebody_comes(place, strict, "otra")
    with pytest.raises(UnsafePlan):
        steps.write_back(strict, strict.clock())


def test_a_limit_that_is_raised_ends_the_waiting(place: Town, strict: Services, database: sa.Engine) -> None:
    somebody_comes(place, strict, "nueva")
    with pytest.raises(UnsafePlan):
        steps.write_back(strict, strict.clock())
    place.clock.move(minutes=1)
    with living_in(place, database) as wide:
        steps.write_back(wide, wide.clock())
        with database.connect() as conn:
            assert plans.last_waiting(conn, wide.clock()) is None


def test_a_day_later_it_is_stale_and_told_anew(place: Town, strict: Services) -> None:
    somebody_comes(place, strict, "nueva")
    with pytest.raises(UnsafePlan):
        steps.write_back(strict, strict.clock())
    place.clock.move(hours=25)
    somebody_comes(place, strict, "otra")
    with pytest.raises(UnsafePlan):
        steps.write_back(strict, strict.clock())


def test_a_sync_that_brings_nothing_leaves_a_plan_its_fingerprint(place: Town, living: Services) -> None:
    settled_in(place, living)
    everybody_better(living)
    first = show(living).plan
    place.clock.move(minutes=10)
    learn(living)
    again = show(living).plan
    assert again.fingerprint == first.fingerprint
    assert again.changes != first.changes  # up to when data are in has moved
