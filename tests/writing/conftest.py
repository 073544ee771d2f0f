"""A small town whose leads are learnt and written to by the real line over a real database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
import sqlalchemy as sa

from app.services import Services
from tests.line import Moment, Town, living_in, town


@pytest.fixture
def clock(now: datetime) -> Moment:
    return Moment(now)


@pytest.fixture
def place(clock: Moment) -> Iterator[Town]:
    with town(clock) as place:
        yield place


@pytest.fixture
def living(place: Town, database: sa.Engine) -> Iterator[Services]:
    with living_in(place, database) as services:
        yield services
