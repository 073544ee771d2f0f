"""Freshness is measured from a delivery's arrival to the settled write of the score that first took it in."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from app.store.freshness import measure


def insert(conn: sa.Connection, table: str, **values: object) -> None:
    columns, names = ", ".join(values), ", ".join(f":{name}" for name in values)
    conn.execute(sa.text(f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE VALUES ({names})"), values)


def lead(conn: sa.Connection, number: int, now: datetime, *, waited: float) -> None:
    """One lead: an old score, then a delivery, the score that takes it in, and its write `waited` later."""
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
        insert(
            conn,
            "inbox",
            id=row,
            delivery_key=f"{row}",
            source="zoom",
            body=body,
            received_at=at,
            state="done",
        )
        insert(
            conn, "observation", id=row, source="zoom", key=f"{row}", kind="chat", identity_id=number,
            occurred_at=at, quantity=1, scope="", attributes="{}", inbox_id=row,
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


def test_where_nothing_was_written_nothing_is_claimed(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        assert str(measure(conn, now)) == "nothing written that a webhook brought"
