"""Where every signed delivery lands, committed before it is answered, until a worker has absorbed it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

State = Literal["new", "done", "ignored", "quarantined"]

LAND = sa.text("""
    INSERT INTO inbox (delivery_key, source, body, received_at, state)
    VALUES (:delivery_key, :source, :body, :received_at, :state)
    ON CONFLICT (delivery_key) DO NOTHING
    RETURNING id
""")
TAKE = sa.text("""
    SELECT id, source, body, received_at FROM inbox
    WHERE state = 'new' AND (CAST(:only AS bigint) IS NULL OR id = :only)
    ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
""")
FREE = sa.text("SELECT FROM inbox WHERE state = 'new' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED")
READ = sa.text("SELECT id, source, body, received_at FROM inbox WHERE id = ANY(:ids) ORDER BY id")
SETTLE = sa.text("UPDATE inbox SET state = :state, settled_at = :at WHERE id = ANY(:ids)")
LAST = sa.text("SELECT received_at FROM inbox WHERE source = :source ORDER BY id DESC LIMIT 1")
WAITING = sa.text("SELECT count(*), min(received_at) FROM inbox WHERE state = 'new'")


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One delivery: the raw body as it was signed."""

    id: int
    source: str
    body: bytes
    received_at: datetime


def land(
    conn: sa.Connection, source: str, body: bytes, received_at: datetime, state: State = "new"
) -> int | None:
    """Keep a delivery. None when the same source sent the same bytes before: nothing is kept twice."""
    values = {
        "delivery_key": delivery_key(source, body),
        "source": source,
        "body": body,
        "received_at": received_at,
        "state": state,
    }
    landed: int | None = conn.scalar(LAND, values)
    return landed


def delivery_key(source: str, body: bytes) -> str:
    """The same for the same bytes of the same source: a vendor's retry carries the body it carried before."""
    return hashlib.sha256(source.encode() + b"\0" + body).hexdigest()


def take(conn: sa.Connection, limit: int, *, only: int | None = None) -> list[InboxRow]:
    """The oldest waiting deliveries, or `only` this one, that no other worker holds; they are ours until the
    transaction ends.
    """
    return [InboxRow(*row) for row in conn.execute(TAKE, {"limit": limit, "only": only})]


def can_take(conn: sa.Connection) -> bool:
    """Does a delivery wait that no other worker holds?"""
    return conn.execute(FREE).first() is not None


def read(conn: sa.Connection, ids: Sequence[int]) -> list[InboxRow]:
    """Named deliveries in order of arrival, whatever their state: for replay and explain."""
    return [InboxRow(*row) for row in conn.execute(READ, {"ids": list(ids)})]


def settle(conn: sa.Connection, ids: Sequence[int], state: State, at: datetime) -> None:
    """What became of these deliveries."""
    conn.execute(SETTLE, {"ids": list(ids), "state": state, "at": at})


def last_received(conn: sa.Connection, source: str) -> datetime | None:
    """When this vendor last delivered something, None where nothing of it is kept."""
    at: datetime | None = conn.scalar(LAST, {"source": source})
    return at


def waiting(conn: sa.Connection) -> tuple[int, datetime | None]:
    """How many deliveries wait, and since when the oldest does."""
    count, oldest = conn.execute(WAITING).one()
    return count, oldest
