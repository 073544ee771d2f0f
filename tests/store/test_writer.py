"""One writer at a time, and a frozen one that finds out."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.domain.errors import TryLater
from app.store import writer
from app.store.writer import TRUSTED_FOR, Writer


def test_a_second_writer_gets_no_lease_while_the_first_holds_it(database: sa.Engine) -> None:
    with Writer(database).lease() as first, Writer(database).lease() as second:
        assert first is not None
        assert second is None


def test_the_number_goes_up_with_every_writer(database: sa.Engine) -> None:
    fences = []
    for _ in range(3):
        with Writer(database).lease() as fence:
            fences.append(fence)
    assert fences == [1, 2, 3]


def test_an_older_number_no_longer_holds(database: sa.Engine) -> None:
    with Writer(database).lease() as old:
        assert old is not None
        with database.begin() as conn:
            assert writer.holds(conn, old)
    with Writer(database).lease() as new, database.begin() as conn:
        assert new is not None
        assert writer.holds(conn, new)
        assert not writer.holds(conn, old)


def test_a_writer_whose_lease_ran_out_refuses_the_next_call(database: sa.Engine) -> None:
    moment = [100.0]
    one = Writer(database, clock=lambda: moment[0])
    with one.lease():
        one.wait()
        moment[0] += TRUSTED_FOR + 0.1
        with pytest.raises(TryLater, match="stopped or cut off"):
            one.wait()


def test_a_process_that_does_not_write_may_call_at_any_time(database: sa.Engine) -> None:
    moment = [100.0]
    one = Writer(database, clock=lambda: moment[0])
    with one.lease():
        pass
    moment[0] += 3600
    one.wait()


def test_a_frozen_writer_is_ended_and_replaced(database: sa.Engine) -> None:
    with Writer(database).lease() as frozen:
        with database.begin() as conn:
            conn.execute(sa.text("UPDATE writer SET beat_at = beat_at - interval '1 minute'"))
        with Writer(database).lease() as fresh:
            assert frozen is not None
            assert fresh == frozen + 1
        with database.begin() as conn:
            assert not writer.holds(conn, frozen)


def test_a_writer_that_beats_is_not_replaced(database: sa.Engine) -> None:
    with Writer(database).lease(), Writer(database).lease() as other:
        assert other is None
