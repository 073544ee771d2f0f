"""Leads whose facts break scoring in a way nobody foresaw: kept for a person, tried again with new facts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

HOLD = sa.text("""
    INSERT INTO unscored (person_id, failure, since) VALUES (:id, :failure, :at)
    ON CONFLICT (person_id) DO UPDATE SET failure = excluded.failure
""")
RELEASE = sa.text("DELETE FROM unscored WHERE person_id = ANY(CAST(:ids AS bigint[]))")
COUNT = sa.text("SELECT failure, count(*) AS leads FROM unscored GROUP BY 1 ORDER BY 1")
WHY = sa.text("SELECT failure FROM unscored WHERE person_id = :id")


def hold(conn: sa.Connection, person_id: int, failure: str, at: datetime) -> None:
    """This lead could not be scored; `failure` is the kind of failure."""
    conn.execute(HOLD, {"id": person_id, "failure": failure, "at": at})


def release(conn: sa.Connection, person_ids: Sequence[int]) -> None:
    """These have a score."""
    conn.execute(RELEASE, {"ids": list(person_ids)})


def count(conn: sa.Connection) -> list[tuple[str, int]]:
    """How many wait, by kind of failure."""
    return [(row.failure, row.leads) for row in conn.execute(COUNT)]


def failure_of(conn: sa.Connection, person_id: int) -> str | None:
    """Why this lead could not be scored; None where it could."""
    failure: str | None = conn.scalar(WHY, {"id": person_id})
    return failure
