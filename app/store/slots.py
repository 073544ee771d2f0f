"""The clock's slots: two clocks, or one that lags, fire a job once."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

CLAIM = sa.text("""
    INSERT INTO clock_slot (job, slot, deferred_at) VALUES (:job, :slot, :at) ON CONFLICT DO NOTHING
""")


def claim(conn: sa.Connection, job: str, slot: datetime, at: datetime) -> bool:
    """Whether this slot of this job is ours. Defer the job in the same transaction."""
    return conn.execute(CLAIM, {"job": job, "slot": slot, "at": at}).rowcount == 1
