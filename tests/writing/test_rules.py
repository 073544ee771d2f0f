"""What decides who gets mail or a task is one hash: when any of it changes, a person releases anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
import sqlalchemy as sa

from app.config import BandSettings, Experiment, Outcome, Pilot, Settings
from app.pipeline.release import is_released, rules_of
from app.services import Services
from app.store import models, switches
from mappings.load import Mappings
from tests.line import MAPPINGS, Moment, services_of


@pytest.fixture
def services(database: sa.Engine, now: datetime) -> Services:
    return services_of(database, Moment(now))


def released(services: Services) -> bool:
    with services.database.connect() as conn:
        return is_released(conn, services)


def release(services: Services) -> None:
    with services.database.begin() as conn:
        switches.turn(conn, "released_rules", rules_of(services, conn), services.clock())


def fewer_streams(read: Mappings) -> Mappings:
    """A mapping of sources in which HubSpot's tells one thing less."""
    told = read.streams["hubspot"]
    stream = {name: meaning for name, meaning in told.stream.items() if name != "email_events"}
    return replace(read, streams={**read.streams, "hubspot": replace(told, stream=stream)})


CHANGED: dict[str, Callable[[Mappings], Mappings]] = {
    "sources": fewer_streams,
    "texts": lambda read: replace(read, texts=replace(read.texts, reach=read.texts.reach + 1)),
    "machine": lambda read: replace(read, machine=replace(read.machine, burst_links=9)),
    "tasks": lambda read: replace(read, hubspot=replace(read.hubspot, tasks=())),
}
SET: dict[str, Settings] = {
    "pilot list": Settings(pilot=Pilot(list="Piloto")),
    "bands": Settings(bands=BandSettings(capacity_per_week=50)),
    "outcome": Settings(outcome=Outcome(event="deal_created")),
    "horizon": Settings(outcome=Outcome(horizon_days=30)),
    "share held out": Settings(experiment=Experiment(holdout_share=0.1)),
}


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
def test_a_changed_mapping_waits_for_a_release(
    services: Services, change: Callable[[Mappings], Mappings]
) -> None:
    release(services)
    assert released(services)
    assert not released(replace(services, mappings=change(MAPPINGS)))


@pytest.mark.parametrize("asked", SET.values(), ids=SET)
def test_a_changed_setting_waits_for_a_release(services: Services, asked: Settings) -> None:
    release(services)
    assert not released(replace(services, settings=asked))


def test_a_first_model_waits_for_a_release_the_next_one_does_not_and_points_again_do(
    services: Services, now: datetime
) -> None:
    release(services)
    with services.database.begin() as conn:
        first, second = (models.add(conn, content, {}, now) for content in (b"one", b"two"))
        models.crown(conn, first, now)
    assert not released(services)
    release(services)
    with services.database.begin() as conn:
        models.crown(conn, second, now)
    assert released(services)
    with services.database.begin() as conn:
        models.crown(conn, None, now)
    assert not released(services)
