"""The inbox keeps a delivery once; the small tables beside it do what they say."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.store import cursors, inbox, quarantine, runs, slots
from app.store.quarantine import HeldRecord


def test_a_delivery_lands_once_per_source(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        first = inbox.land(conn, "zoom", b"{}", now)
        assert first is not None
        assert inbox.land(conn, "zoom", b"{}", now) is None
        assert inbox.land(conn, "hubspot", b"{}", now) is not None
        assert inbox.land(conn, "zo", b"om{}", now) is not None


def test_workers_take_different_deliveries_in_order(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        ids = [inbox.land(conn, "zoom", bytes([n]), now) for n in range(4)]
        inbox.land(conn, "zoom", b"no", now, state="ignored")
    with database.begin() as one, database.begin() as two:
        assert [row.id for row in inbox.take(one, 2)] == ids[:2]
        assert [(row.id, row.body) for row in inbox.take(two, 9)] == [(ids[2], b"\2"), (ids[3], b"\3")]
        inbox.settle(one, ids[:2], "done", now)
    with database.connect() as conn:
        assert [row.id for row in inbox.take(conn, 9)] == ids[2:]
        assert [row.id for row in inbox.read(conn, ids)] == ids


def test_waiting_counts_and_dates_what_is_new(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        assert inbox.waiting(conn) == (0, None)
        inbox.land(conn, "zoom", b"1", now)
        inbox.land(conn, "zoom", b"2", now - timedelta(hours=1))
        assert inbox.waiting(conn) == (2, now - timedelta(hours=1))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["zoom", "hubspot"]), st.binary(max_size=3)), max_size=10))
def test_however_often_deliveries_come_each_is_kept_once(database, now, deliveries) -> None:
    with database.connect() as conn:
        landed = [inbox.land(conn, source, body, now) for source, body in deliveries]
        kept = {(row.source, row.body) for row in inbox.take(conn, 100)}
        conn.rollback()
    assert kept == set(deliveries)
    assert sum(one is not None for one in landed) == len(kept)


def test_a_held_record_is_held_once_and_opens_again_after_a_failed_replay(
    database: sa.Engine, now: datetime
) -> None:
    record = HeldRecord("zoom", "registrants", "email", "is missing", {"b": {"z": 1, "a": "\0"}, "a": 2}, 5)
    unreadable = HeldRecord("zoom", "", "body", "is not JSON", None, inbox_id=6)
    with database.begin() as conn:
        quarantine.hold(conn, [record, record, unreadable], now)
        quarantine.hold(conn, [record], now)
        items = quarantine.open_items(conn, 10)
        assert [item.record.stream for item in items] == ["registrants", ""]
        assert items[0].record.payload == {"b": {"z": 1, "a": "\ufffd"}, "a": 2}
        quarantine.mark_replayed(conn, [item.id for item in items], now)
        assert quarantine.count_open(conn) == 0
        quarantine.hold(conn, [items[0].record], now)  # as the database gave it back
        assert [item.id for item in quarantine.open_items(conn, 10)] == [items[0].id]


def test_a_payload_with_numbers_that_json_has_not_is_held_too(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        quarantine.hold(conn, [HeldRecord("zoom", "s", "p", "r", {"n": [float("nan")]})], now)
        assert quarantine.open_items(conn, 1)[0].record.payload == {"n": [None]}


def test_a_cursor_is_read_back_as_saved(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        assert cursors.read(conn, "zoom", "webinars") is None
        cursors.save(conn, "zoom", "webinars", {"page": "a"}, now)
        cursors.save(conn, "zoom", "webinars", {"page": "b"}, now + timedelta(hours=1))
        assert cursors.read(conn, "zoom", "webinars") == {"page": "b"}
        assert cursors.saved_at(conn) == {("zoom", "webinars"): now + timedelta(hours=1)}


def test_a_clock_slot_is_claimed_once(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        assert slots.claim(conn, "sync", now, now)
        assert not slots.claim(conn, "sync", now, now)
        assert slots.claim(conn, "sync", now + timedelta(hours=1), now)


def test_a_run_is_told_from_start_to_finish(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        first = runs.start(conn, "sync zoom", now)
        runs.progress(conn, first, pages=1, records=10)
        runs.progress(conn, first, pages=2)
        second = runs.start(conn, "rescore", now)
        runs.finish(conn, first, now, result={"records": 10})
        runs.finish(conn, second, now, error="HubSpot is away")
        found = runs.last(conn, "sync zoom")
        assert (found.progress, found.result, found.error) == (
            {"pages": 2, "records": 10},
            {"records": 10},
            None,
        )
        assert [(run.id, run.error) for run in runs.recent(conn, 9)] == [
            (second, "HubSpot is away"),
            (first, None),
        ]
        assert runs.last(conn, "nothing") is None
