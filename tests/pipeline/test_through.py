"""Up to when the data of a source are in: as far back as the stream, or the turn, furthest back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.pipeline.checkup import check_up
from app.pipeline.through import data_through, through_in_words
from app.services import Services
from app.store import cursors
from tests.line import Moment, services_of

HOUR = timedelta(hours=1)


class Streams:
    """A source of which only the names of its streams are asked."""

    def __init__(self, *streams: str) -> None:
        self.streams = streams


@pytest.fixture
def services(database: sa.Engine, now: datetime) -> Services:
    read = {
        "hubspot": Streams("owners", "contacts", "deals", "email_events"),
        "activecampaign": Streams("contacts", "activities", "tags"),
    }
    return services_of(database, Moment(now), sources=read)


def save(services: Services, source: str, stream: str, at: datetime, **position: Any) -> None:
    with services.database.begin() as conn:
        cursors.save(conn, source, stream, position, at)


def through(services: Services) -> dict[str, datetime | None]:
    with services.database.connect() as conn:
        return data_through(conn, services)


def freshness(everybody: datetime | None, active: datetime) -> dict[str, Any]:
    told = {"everybody": everybody.isoformat() if everybody else "", "active": active.isoformat()}
    return {"freshness": told}


def test_a_source_is_as_far_as_the_stream_of_acts_that_is_furthest_back(services: Services, now: datetime):
    for stream, age in {"owners": 90, "deals": 80, "contacts": 0, "email_events": 50, "retired": 99}.items():
        save(services, "hubspot", stream, now - age * HOUR)
    assert through(services) == {"hubspot": now - 50 * HOUR}, "owners are no acts, `retired` is read no more"


def test_people_looked_at_in_turn_are_in_through_the_last_whole_round(services: Services, now: datetime):
    save(services, "activecampaign", "tags", now)
    save(services, "activecampaign", "activities", now, **freshness(None, now - HOUR))
    assert through(services) == {"activecampaign": None}, "nobody knows yet what the others did"
    save(services, "activecampaign", "activities", now, **freshness(now - 14 * HOUR, now - HOUR))
    assert through(services) == {"activecampaign": now - 14 * HOUR}
    with services.database.connect() as conn:
        told = through_in_words(conn, services)["activecampaign"]
    everybody, active = (f"{now - age * HOUR:%Y-%m-%d %H:%M} UTC" for age in (14, 1))
    assert told == f"{everybody} (the most active: {active})"


def test_a_source_that_no_longer_comes_is_named_with_the_stream_that_keeps_it(
    services: Services, now: datetime
):
    for age, is_told in ((40, False), (50, True)):
        save(services, "hubspot", "contacts", now)
        save(services, "hubspot", "email_events", now - age * HOUR)
        found = check_up(services, now, ask_vendors=False)
        told = [one.message for one in found.problems if "are in through" in one.message]
        assert [message.startswith("email_events ") for message in told] == [True] * is_told
        assert isinstance(found.state["data through"], dict)
