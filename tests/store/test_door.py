"""The receiver's own way in: committed when it returns, once, whatever became of its connections."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier

import pytest
import sqlalchemy as sa

from app.store import door, inbox
from app.store.database import make_engine

COUNT = sa.text("""
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'savia web'
""")
CUT = sa.text("""
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'savia web'
""")


@pytest.fixture
def own(database: sa.Engine) -> Iterator[sa.Engine]:
    """An engine of our own on the same database, so that its door is closed with it."""
    engine = make_engine(database.url.render_as_string(hide_password=False))
    yield engine
    engine.dispose()


def land_at_once(database: sa.Engine, count: int, now: datetime, start: int) -> None:
    """As many threads at the door as the web process has, none through before all have come."""
    gate = Barrier(door.CONNECTIONS)

    def come(number: int) -> None:
        gate.wait(10)
        door.land(database, "zoom", str(start + number).encode(), now)

    with ThreadPoolExecutor(door.CONNECTIONS) as threads:
        list(threads.map(come, range(count)))


def bodies(database: sa.Engine) -> list[str]:
    with database.begin() as conn:
        return sorted(row.body.decode() for row in inbox.take(conn, 99))


def test_what_has_come_through_the_door_is_in_the_inbox_once(
    own: sa.Engine, database: sa.Engine, now: datetime
) -> None:
    for _ in range(3):
        door.land(own, "zoom", b"again", now)
    door.land(own, "hubspot", b"again", now)
    assert bodies(database) == ["again", "again"]


def test_the_door_and_the_inbox_know_a_delivery_by_the_same_key(
    own: sa.Engine, database: sa.Engine, now: datetime
) -> None:
    door.land(own, "zoom", b"one", now)
    with database.begin() as conn:
        assert inbox.land(conn, "zoom", b"one", now) is None


def test_every_connection_may_be_cut_and_nothing_is_lost(
    own: sa.Engine, database: sa.Engine, now: datetime
) -> None:
    land_at_once(own, door.CONNECTIONS, now, start=10)
    with database.connect() as conn:
        assert conn.scalar(CUT), "all there are: fewer than threads where one served two of them"
    land_at_once(own, door.CONNECTIONS, now, start=20)
    assert bodies(database) == ["10", "11", "12", "13", "20", "21", "22", "23"]


def test_a_disposed_engine_leaves_no_connection_behind(
    own: sa.Engine, database: sa.Engine, now: datetime
) -> None:
    land_at_once(own, door.CONNECTIONS, now, start=0)
    own.dispose()
    for _ in range(200):  # the server notices a moment later
        with database.connect() as conn:
            if conn.scalar(COUNT) == 0:
                return
        time.sleep(0.02)
    pytest.fail("a connection of the door is still open")


def test_without_a_database_the_door_says_so(now: datetime) -> None:
    gone = make_engine("postgresql://nobody@127.0.0.1:9/nothing")
    with pytest.raises(sa.exc.OperationalError):
        door.land(gone, "zoom", b"{}", now)
    gone.dispose()
