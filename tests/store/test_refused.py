"""Refused deliveries are counted by vendor and reason, one write a second; after a quiet day anew."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from app.store import refused
from app.store.refused import Refused, Tally


@pytest.fixture(autouse=True)
def every_one_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "BETWEEN_WRITES", 0.0)


def seen(database: sa.Engine, since: datetime) -> list[Refused]:
    with database.connect() as conn:
        return refused.since(conn, since)


def test_each_reason_of_each_vendor_has_its_own_count(database: sa.Engine, now: datetime) -> None:
    for minutes in range(3):
        refused.note(database, "zoom", "secret", now + timedelta(minutes=minutes), "")
    refused.note(database, "hubspot", "address", now, "https://other.example.com/webhooks/hubspot")
    assert seen(database, now) == [
        Refused("hubspot", "address", 1, now, now, "https://other.example.com/webhooks/hubspot"),
        Refused("zoom", "secret", 3, now, now + timedelta(minutes=2), ""),
    ]
    assert [fault.source for fault in seen(database, now + timedelta(minutes=1))] == ["zoom"]


def test_after_a_quiet_day_the_count_begins_again(database: sa.Engine, now: datetime) -> None:
    refused.note(database, "zoom", "secret", now, "")
    later = now + refused.FORGOTTEN_AFTER + timedelta(minutes=1)
    refused.note(database, "zoom", "secret", later, "")
    assert seen(database, now) == [Refused("zoom", "secret", 1, later, later, "")]


def test_a_flood_is_one_write_a_second_and_loses_no_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "BETWEEN_WRITES", 3_600.0)
    tally = Tally()
    assert [tally.add("zoom", "secret") for _ in range(1_000)] == [1] + [0] * 999
    tally._next_write = 0.0  # the second is over
    assert tally.add("zoom", "secret") == 1_000
