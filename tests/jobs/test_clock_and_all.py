"""The clock asks once however many run; `all` keeps its children up and takes them down with it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from app.config import Schedule
from app.domain.errors import BadConfig, Fault
from app.engine import Engine, Step
from app.store.database import make_engine
from app.store.embedded import EmbeddedServer
from app.watchdog import Watchdog
from jobs import clock
from jobs.clock import make_clock, slot_of
from jobs.supervise import LONGEST_WAIT, Child, Supervisor, children_of
from tests.chaos.postgres import Postgres
from tests.line import services_of

MOMENTS = st.integers(1_767_000_000, 1_900_000_000).map(lambda second: datetime.fromtimestamp(second, UTC))
PERIODS = st.integers(1, 24 * 60).map(lambda minutes: timedelta(minutes=minutes))


@given(now=MOMENTS, period=PERIODS)
def test_a_slot_begins_at_or_before_its_moments_and_is_the_same_for_all_of_them(
    now: datetime, period: timedelta
) -> None:
    slot = slot_of(now, period)
    assert slot <= now < slot + period
    assert slot_of(slot, period) == slot
    assert slot_of(slot + period, period) == slot + period


def test_a_day_begins_at_midnight_utc() -> None:
    assert slot_of(datetime(2026, 11, 22, 23, 59, tzinfo=UTC), timedelta(days=1)) == datetime(
        2026, 11, 22, tzinfo=UTC
    )


def engine_on(database: sa.Engine) -> Engine:
    return Engine(database, [Step("sync", lambda _: [])], wake=list, clock=lambda: datetime.now(UTC))


def test_eight_clocks_ask_once_for_a_slot(database: sa.Engine, now: datetime) -> None:
    clocks = [engine_on(database) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        asked = list(pool.map(lambda line: line.defer_slot("sync", now, now), clocks))
    assert asked.count(True) == 1
    with database.connect() as conn:
        assert conn.scalar(sa.text("SELECT count(*) FROM procrastinate_jobs")) == 1


def test_a_slot_is_not_lost_with_the_transaction_that_claimed_it(database: sa.Engine, now: datetime) -> None:
    line = engine_on(database)
    assert line.defer_slot("sync", now, now)
    assert not line.defer_slot("sync", now, now)
    assert not line.defer_slot("sync", now + timedelta(minutes=10), now)  # one waits already: it will do
    with database.begin() as conn:
        conn.execute(sa.text("DELETE FROM procrastinate_jobs"))
    assert line.defer_slot("sync", now + timedelta(minutes=20), now)


def test_the_clock_fires_everything_of_the_schedule(database: sa.Engine) -> None:
    scheduler = make_clock(engine_on(database), Schedule(sync_minutes=7))
    found = {job.id: job.trigger.interval for job in scheduler.get_jobs()}
    assert {"sync", "rescore", "write_back", "decay"} <= set(found)
    assert (found["sync"], found["tidy"]) == (timedelta(minutes=7), timedelta(days=1))


def left_alone(watchdog: Watchdog, looks: int) -> None:
    for _ in range(looks):
        watchdog.look()


def test_a_clock_that_hangs_is_ended_and_one_whose_database_is_away_is_not(
    database: sa.Engine, now: datetime
) -> None:
    ends: list[str] = []
    watchdog = Watchdog(end=lambda: ends.append("end"))
    watchdog.expect(clock.A_WORD, 3)
    away = make_engine("postgresql://nobody@127.0.0.1:9/nothing")
    for engine in (database, away):
        left_alone(watchdog, 3)
        clock.say(services_of(engine, lambda: now), watchdog)
    away.dispose()
    left_alone(watchdog, 3)
    assert ends == []
    hanging = make_engine(database.url.render_as_string(hide_password=False), pool_size=1)
    hanging.pool._timeout = 0.1  # type: ignore[attr-defined]  # twenty seconds are too long for a test
    with hanging.connect(), pytest.raises(sa.exc.TimeoutError):
        clock.say(services_of(hanging, lambda: now), watchdog)
    hanging.dispose()
    left_alone(watchdog, 1)
    assert ends == ["end"]


# --- all --------------------------------------------------------------------------------------------------


def supervised(
    *children: Child, keep_up: Callable[[], None] = lambda: None
) -> tuple[Supervisor, list[str], threading.Thread, Callable[[int], None]]:
    said: list[str] = []
    enough = threading.Condition()

    def say(text: str) -> None:
        with enough:
            said.append(text)
            enough.notify_all()

    def until(count: int) -> None:
        with enough:
            assert enough.wait_for(lambda: len(said) >= count, timeout=20)

    supervisor = Supervisor(children, dict(os.environ), say, keep_up)
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    return supervisor, said, thread, until


def stays() -> Child:
    return Child("stays", [sys.executable, "-c", "import time; time.sleep(600)"])


def test_a_child_that_ends_is_started_again_after_growing_waits() -> None:
    ends = Child("ends", [sys.executable, "-S", "-c", "raise SystemExit(3)"], wait=0.05)
    supervisor, said, thread, until = supervised(ends)
    until(3)
    supervisor.stopping.set()
    thread.join(20)
    assert said[:3] == [
        f"ends ended with 3: starting it again in {wait} s" for wait in ("0.05", "0.1", "0.2")
    ]


def test_the_wait_has_an_end() -> None:
    ends = Child("ends", [sys.executable, "-S", "-c", ""], wait=LONGEST_WAIT)
    supervisor, _, thread, until = supervised(ends)
    until(1)
    supervisor.stopping.set()
    thread.join(20)
    assert ends.wait == LONGEST_WAIT


def test_a_child_that_is_killed_is_started_again_and_the_others_go_on() -> None:
    first, second = stays(), stays()
    supervisor, said, thread, until = supervised(first, second)
    while first.process is None or second.process is None:
        pass
    kept = second.process
    first.process.kill()
    until(1)
    assert f"ended with -{signal.SIGKILL.value}" in said[0]
    assert kept.poll() is None
    supervisor.stopping.set()
    thread.join(20)
    assert kept.poll() == -signal.SIGTERM


def test_stopping_stops_every_child_also_one_that_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.supervise.STOP_WITHIN", 0.5)
    program = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('!', flush=True); "
    )
    deaf = Child("deaf", [sys.executable, "-c", program + "time.sleep(600)"])
    listens = stays()
    supervisor, _, thread, _ = supervised(deaf, listens)
    while deaf.process is None or listens.process is None:
        pass
    supervisor.stopping.set()
    thread.join(20)
    assert deaf.process.poll() in {-signal.SIGKILL, -signal.SIGTERM}  # killed before it could turn deaf
    assert listens.process.poll() == -signal.SIGTERM


def test_an_embedded_database_that_was_killed_is_started_again(tmp_path: Path) -> None:
    server = EmbeddedServer.start(tmp_path / "pg")
    try:
        engine = make_engine(server.url)
        supervisor = Supervisor([], dict(os.environ), print, server.keep_up)
        assert Postgres(tmp_path / "pg").kill()
        thread = threading.Thread(target=supervisor.run)
        thread.start()
        deadline = time.monotonic() + 30
        while not answers(engine):
            assert time.monotonic() < deadline
        supervisor.stopping.set()
        thread.join(20)
        engine.dispose()
    finally:
        server.stop()


def answers(engine: sa.Engine) -> bool:
    try:
        with engine.connect() as conn:
            return conn.scalar(sa.text("SELECT 1")) == 1
    except sa.exc.OperationalError:
        return False


def test_a_child_that_cannot_be_started_takes_the_others_not_down() -> None:
    supervisor, said, thread, until = supervised(Child("absent", ["/nowhere/at/all"], wait=0.05), stays())
    until(2)
    supervisor.stopping.set()
    thread.join(20)
    assert said[0] == "absent cannot be started (No such file or directory): trying again in 0.05 s"


def test_a_database_that_does_not_start_takes_nobody_down() -> None:
    def fails() -> None:
        raise BadConfig([Fault("var/pg", "server.log", "did not start")])

    supervisor, said, thread, until = supervised(stays(), keep_up=fails)
    until(1)
    supervisor.stopping.set()
    thread.join(20)
    assert said[0].startswith("the database does not start")


def test_all_runs_what_the_procfile_runs() -> None:
    commands = {child.name: " ".join(child.command[1:]) for child in children_of("127.0.0.1", 8123)}
    assert commands == {
        "web": "-m gunicorn app.wiring:web --config gunicorn.conf.py --bind 127.0.0.1:8123",
        "worker": "-m jobs worker",
        "clock": "-m jobs clock",
    }
