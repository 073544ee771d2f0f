"""What is finished and old goes; what the line still reads stays."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from app.config import Keep
from app.domain.attendance import derive_activities
from app.domain.occurrences import runs_of
from app.domain.records import IdentityKey, Observation
from app.store import facts, inbox, runs
from app.store.cause import Cause
from app.store.tidy import clear_old

DAYS = Keep().model_dump()


def count(conn: sa.Connection, table: str) -> int:
    return int(conn.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_absorbed_deliveries_go_after_their_days_and_waiting_ones_never(
    database: sa.Engine, now: datetime
) -> None:
    old = now - timedelta(days=31)
    with database.begin() as conn:
        done, waiting, held = (inbox.land(conn, "zoom", body, old) for body in (b"1", b"2", b"3"))
        assert done is not None
        assert waiting is not None
        assert held is not None
        inbox.settle(conn, [done], "done", old)
        inbox.settle(conn, [held], "quarantined", old)
        assert clear_old(conn, DAYS, now)["deliveries"] == 1
        assert count(conn, "inbox") == 2


def test_young_rows_stay(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        runs.start(conn, "sync", now - timedelta(days=89))
        runs.start(conn, "sync", now - timedelta(days=91))
        assert clear_old(conn, DAYS, now)["runs"] == 1
        assert count(conn, "run") == 1


def webinar(kind: str, key: str, at: datetime, seconds: float, person: int) -> Observation:
    who = (IdentityKey("zoom", "registrant_id", f"r{person}"),)
    return Observation("zoom", kind, key, who, at, seconds, "run-1", {"session": "s"})


def test_joins_and_leaves_go_once_the_report_is_in_and_no_activity_changes(
    database: sa.Engine, now: datetime
) -> None:
    began = now - timedelta(days=40)
    seen = [
        webinar("webinar_join", "j1", began, 1, person=1),
        webinar("webinar_leave", "l1", began + timedelta(minutes=50), 1, person=1),
        webinar("webinar_segment", "s1", began, 2_900, person=1),
        webinar("webinar_join", "j2", began, 1, person=2),
        webinar("webinar_leave", "l2", began + timedelta(minutes=20), 1, person=2),
    ]
    with database.begin() as conn:
        people = sorted(facts.store(conn, [(item, Cause(inbox_id=1)) for item in seen], now))

        def activities() -> list[object]:
            found = facts.observations_of(conn, people)
            return [derive_activities(found[person], runs_of({}), now) for person in people]

        before = activities()
        assert clear_old(conn, DAYS, now)["webinar webhooks"] == 2
        assert activities() == before
        assert count(conn, "observation") == 3
