"""No call of a writer is under way once another has the lease, whatever freezes, cuts and delays there are.

The statements are the real ones on a real PostgreSQL, whose clock is the test's: a function of its own stands
before `clock_timestamp`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import TryLater
from app.store import writer
from app.store.database import LOST, make_engine
from app.store.writer import BEAT, CALL_WITHIN, TAKEN_AFTER, TRUSTED_FOR, Lease, Writer

FAKE_CLOCK = """
    DROP SCHEMA IF EXISTS fake CASCADE;
    CREATE SCHEMA fake;
    CREATE TABLE fake.seconds (value float);
    INSERT INTO fake.seconds VALUES (0);
    CREATE FUNCTION fake.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
        $$ SELECT timestamptz '2026-11-22 12:00+00' + value * interval '1 second' FROM fake.seconds $$;
"""


def test_the_bounds_add_up() -> None:
    assert TRUSTED_FOR + CALL_WITHIN < TAKEN_AFTER
    assert 2 * BEAT < TRUSTED_FOR  # one late confirmation stops nobody


@pytest.fixture(scope="module")
def timed(database_url: str) -> Iterator[sa.Engine]:
    """An engine whose PostgreSQL tells the test's time."""
    engine = make_engine(database_url, pool_size=4)
    with engine.begin() as conn:
        conn.execute(sa.text(FAKE_CLOCK))
    sa.event.listen(engine, "connect", _with_the_fake_clock)
    engine.dispose()
    yield engine
    with engine.begin() as conn:
        conn.execute(sa.text("DROP SCHEMA fake CASCADE"))
        conn.execute(sa.text("DELETE FROM writer"))
    engine.dispose()


def _with_the_fake_clock(connection, _record: object) -> None:
    connection.execute("SET search_path = fake, pg_catalog, public")
    connection.commit()


@dataclass
class World:
    """Two processes, the time, and every call with when it was begun and is over at the latest."""

    database: sa.Engine
    now: float = 0.0
    conns: dict[str, sa.Connection] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    calls: dict[str, float] = field(default_factory=dict)
    overlaps: list[str] = field(default_factory=list)
    stack: ExitStack = field(default_factory=ExitStack)

    def clock(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds
        with self.database.begin() as conn:
            conn.execute(sa.text("UPDATE fake.seconds SET value = :now"), {"now": self.now})

    def take(self, who: str) -> None:
        """A process without a lease tries to take it."""
        if who in self.leases:
            return
        conn = self.stack.enter_context(
            self.database.connect().execution_options(isolation_level="AUTOCOMMIT")
        )
        lease = writer.take(conn, self.clock)
        if lease is None:
            conn.close()
            return
        self.leases[who], self.conns[who] = lease, conn
        self.overlaps += [
            other for other, over_at in self.calls.items() if other != who and over_at >= self.now
        ]

    def beat(self, who: str, late: float) -> None:
        """A confirmation; the answer comes `late`, as when the process is frozen before it reads it."""
        if who not in self.leases:
            return
        try:
            self._confirm(who, late)
        except LOST:  # its connection was ended: the beats of a real one end, too
            return

    def _confirm(self, who: str, late: float) -> None:
        conn = self.conns[who]
        sa.event.listen(conn, "after_cursor_execute", lambda *_: self.passes(late), once=True)
        writer.confirm(conn, self.leases[who], self.clock)

    def call(self, who: str, share: float) -> None:
        """A call, if its guard lets it through: it is over within its time, the whole of it at most."""
        if who not in self.leases:
            return
        process = Writer(self.database, self.clock)
        process._lease = self.leases[who]
        try:
            process.wait()
        except TryLater:
            return
        self.calls[who] = max(self.calls.get(who, 0.0), self.now + share * CALL_WITHIN)

    def cut(self, who: str) -> None:
        """The process loses its connection, and the lock with it, and goes on with its lease."""
        if who in self.conns:
            self.conns[who].invalidate()

    def dies(self, who: str) -> None:
        """Killed: what it sent is under way all the same."""
        self.cut(who)
        self.leases.pop(who, None)
        self.conns.pop(who, None)

    def let_go(self, who: str) -> None:
        """The block ends in order: its calls are over."""
        if who not in self.leases:
            return
        self.passes(max(0.0, self.calls.pop(who, 0.0) - self.now))
        lease, conn = self.leases.pop(who), self.conns.pop(who)
        Writer(self.database, self.clock)._let_go(conn, lease)
        conn.close()


LENGTHS = st.sampled_from([0.5, BEAT, TRUSTED_FOR - 0.5, CALL_WITHIN / 2, CALL_WITHIN - 0.5, TAKEN_AFTER])
PROCESS = st.sampled_from(["one", "one", "other"])
ACTS = st.one_of(
    st.tuples(st.just("call"), PROCESS, st.sampled_from([0.1, 1.0])),
    st.tuples(st.just("call"), PROCESS, st.just(1.0)),
    st.tuples(st.just("beat"), PROCESS, st.one_of(st.just(0.0), LENGTHS)),
    st.tuples(st.sampled_from(["cut", "dies", "let_go"]), PROCESS),
    st.just(("passes", 0.5)),
)


@settings(max_examples=120)
@given(acts=st.lists(st.tuples(LENGTHS, ACTS), min_size=3, max_size=10))
def test_no_call_is_under_way_when_another_takes_the_lease(
    timed: sa.Engine, acts: list[tuple[float, tuple]]
) -> None:
    """Whoever has no lease tries to take it all the time, as workers do every two seconds."""
    world = World(timed)
    with timed.begin() as conn:
        conn.execute(sa.text("DELETE FROM writer"))
    with world.stack:
        world.passes(0.0)
        world.take("one")
        for length, (name, *given_to) in acts:
            world.passes(length)
            for who in ("one", "other"):
                world.take(who)
            assert world.overlaps == []
            getattr(world, name)(*given_to)
    timed.dispose()


def test_a_server_clock_that_was_set_back_stops_nobody_for_long(timed: sa.Engine) -> None:
    world = World(timed)
    with world.stack:
        world.passes(3600.0)
        with timed.begin() as conn:
            conn.execute(sa.text("DELETE FROM writer"))
            conn.execute(
                sa.text("INSERT INTO writer (id, fence, beat_at) VALUES (1, 1, fake.clock_timestamp())")
            )
        world.passes(-3600.0)
        world.take("one")  # from here the age of that beat is counted
        assert world.leases == {}
        world.passes(TAKEN_AFTER + 1)
        world.take("one")
        assert world.leases["one"].fence == 2


def test_an_answer_that_comes_late_earns_no_trust(timed: sa.Engine) -> None:
    """Frozen between asking for a confirmation and reading that it was given."""
    world = World(timed)
    with timed.begin() as conn:
        conn.execute(sa.text("DELETE FROM writer"))
    with world.stack:
        world.passes(0.0)
        world.take("one")
        world.passes(1.0)
        world.beat("one", late=TAKEN_AFTER + 1)
        world.call("one", share=1.0)
        assert world.calls == {}
        world.take("other")
        assert "other" in world.leases
