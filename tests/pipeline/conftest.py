"""The line over a real database: alone, or in a small town of stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
import sqlalchemy as sa

from app.services import Services
from connectors.hubspot.paths import API_VERSIONS
from tests.line import Moment, Town, living_in, services_of, town


@pytest.fixture
def clock(now: datetime) -> Moment:
    return Moment(now)


@pytest.fixture
def services(database: sa.Engine, clock: Moment) -> Services:
    """Webhooks alone: no vendor is there to be asked or written to."""
    return services_of(database, clock)


@pytest.fixture
def place(clock: Moment) -> Iterator[Town]:
    with town(clock) as place:
        yield place


@pytest.fixture
def living(place: Town, database: sa.Engine) -> Iterator[Services]:
    with living_in(place, database) as services:
        yield services


@pytest.fixture(params=API_VERSIONS)
def in_both_versions(request: pytest.FixtureRequest, place: Town, database: sa.Engine) -> Iterator[Services]:
    with living_in(place, database, request.param) as services:
        yield services
