"""What the job tables tell an operator: signs of life and jobs by state. The engine alone writes them."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa


def newest_heartbeat(conn: sa.Connection) -> datetime | None:
    """The last sign of life of any worker."""
    return conn.execute(sa.text("SELECT max(last_heartbeat) FROM procrastinate_workers")).scalar()


def count_by_state(conn: sa.Connection) -> dict[str, int]:
    """Jobs by state: todo, doing, failed (a failed job is a dead letter)."""
    rows = conn.execute(sa.text("SELECT status::text, count(*) FROM procrastinate_jobs GROUP BY 1"))
    return {status: count for status, count in rows}  # noqa: C416 - dict() of rows does not type-check
