"""Freshness is measured from a delivery or an act to the settled write of the score that first took it in."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from app.store.freshness import measure, measure_pulled


def insert(conn: sa.Connection, table: str, **values: object) -> None:
    columns, names = ", ".join(values), ", ".join(f":{name}" for name in values)
    conn.execute(sa.text(f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE VALUES ({names})"), values)


def lead(
    conn: sa.Connection, number: int, now: datetime, *, waited: float, acted: float | None = None
) -> None:
    """One lead: an old score, then a delivery, the score that takes it in, and its write `waited` later.
    Where it `acted` so many seconds before, a sync reads of it instead.
    """
    insert(conn, "person", id=number, created_at=now)
    insert(
        conn,
        "identity",
        id=number,
        vendor="any",
        kind="email",
        value=f"{number}",
        person_id=number,
        created_at=now,
    )
    for place, (at, body) in enumerate([(now - timedelta(hours=5), b"old"), (now, b"new")]):
        row = 10 * number + place
        if acted is None:
            insert(
                conn, "inbox", id=row, delivery_key=f"{row}", source="zoom", body=body, received_at=at,
                state="done",
            )  # fmt: skip
        else:
            insert(conn, "run", id=row, job="sync zoom", started_at=at, progress="{}")
        insert(
            conn, "observation", id=row, source="zoom", key=f"{row}", kind="chat", identity_id=number,
            occurred_at=at - timedelta(seconds=acted or 0), quantity=1, scope="", attributes="{}",
            **{"inbox_id" if acted is None else "run_id": row},
        )  # fmt: skip
        insert(
            conn, "score", id=row, person_id=number, value=50, band="cold", method="points", engagement=1,
            receipt="[]", scored_at=at + timedelta(seconds=1),
        )  # fmt: skip
    insert(
        conn, "ledger", id=number, fingerprint="f", change_key=f"set:{number}", kind="SetProperties",
        person_id=number, subject="", change="{}", score_id=10 * number + 1, state="done", intended_at=now,
        settled_at=now + timedelta(seconds=waited),
    )  # fmt: skip


def test_the_median_and_the_95th_percentile_count_from_the_newest_delivery(
    database: sa.Engine, now: datetime
) -> None:
    with database.begin() as conn:
        for number in range(1, 22):
            lead(conn, number, now, waited=float(number))
        found = measure(conn, now - timedelta(days=1))
    assert (found.writes, found.p50, found.p95) == (21, 11.0, 20.0)
    assert str(found) == "p50 11.0 s, p95 20.0 s of 21 writes"


def test_of_what_a_sync_read_both_the_act_and_the_sync_count(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        for number in range(1, 22):
            lead(conn, number, now, waited=float(number), acted=300.0)
        lead(conn, 99, now, waited=5.0)  # a webhook's
        lead(conn, 98, now, waited=5.0, acted=5 * 86_400.0)  # what a first sync brings
        found = measure_pulled(conn, now - timedelta(days=1))
        assert measure(conn, now - timedelta(days=1)).writes == 1
    assert (found.writes, found.since_read, found.since_act) == (21, (11.0, 20.0), (311.0, 320.0))
    assert str(found) == (
        "p50 311 s, p95 320 s after the act; p50 11 s, p95 20 s after its sync began, of 21 writes"
    )


def test_where_nothing_was_written_nothing_is_claimed(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        assert str(measure_pulled(conn, now)) == "nothing written that a sync brought"
        assert str(measure(conn, now)) == "nothing written that a webhook brought"
