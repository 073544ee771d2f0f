"""What plans that nobody looked at took of the day's limits, hour by hour."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from app.store.schema.decided import day_total as table

DAY = timedelta(hours=24)
HOUR = timedelta(hours=1)

ADD = sa.text("""
    INSERT INTO day_total (hour, name, amount)
    SELECT date_trunc('hour', CAST(:at AS timestamptz), 'UTC'), name, amount
    FROM unnest(CAST(:names AS text[]), CAST(:amounts AS double precision[])) AS d(name, amount)
    ON CONFLICT (hour, name) DO UPDATE SET amount = day_total.amount + excluded.amount
""")


def add(conn: sa.Connection, amounts: Mapping[str, float], at: datetime) -> None:
    """Count what is let through now, by the name of its limit; what no day holds any more is cleared."""
    if amounts:
        names = sorted(amounts)
        conn.execute(ADD, {"at": at, "names": names, "amounts": [float(amounts[name]) for name in names]})
        conn.execute(sa.delete(table).where(table.c.hour <= at - DAY - HOUR))


def used(conn: sa.Connection, now: datetime) -> dict[str, float]:
    """What was taken in the last 24 hours, by name. The hour in which they began counts in full: rather up to
    an hour too much than a minute too little.
    """
    total = sa.func.sum(table.c.amount)
    query = sa.select(table.c.name, total).where(table.c.hour > now - DAY - HOUR).group_by(table.c.name)
    return {name: amount for name, amount in conn.execute(query)}  # noqa: C416 - dict() of rows does not type-check
