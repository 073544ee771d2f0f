"""How many leads stand where, as last counted, and where the bands begin when they go by capacity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.domain.records import Band
from app.domain.standing import Spread, Starts, step_of
from app.store.encoding import as_json

COUNT = sa.text("""
    SELECT floor(standing * 1000 + 1e-9)::int AS step, count(*) AS leads FROM standing
    WHERE standing IS NOT NULL GROUP BY 1 ORDER BY 1
""")
READ = sa.text("SELECT counts, starts, starts_at FROM spread WHERE id = 1")
KEEP = sa.text("""
    INSERT INTO spread (id, counts, starts, made_at, starts_at)
    VALUES (1, CAST(:counts AS jsonb), CAST(:starts AS jsonb), :at, :starts_at)
    ON CONFLICT (id) DO UPDATE SET counts = excluded.counts, starts = excluded.starts,
        made_at = excluded.made_at, starts_at = excluded.starts_at
""")
# The leads between where a band began and where it begins now are in another one.
DUE_BETWEEN = sa.text("UPDATE standing SET due_at = :at WHERE standing >= :low AND standing < :high")


@dataclass(frozen=True, slots=True)
class CapacityBands:
    """Where bands begin so that hot holds `capacity` leads; `since` when they were drawn, by which scorer."""

    capacity: int
    method: str
    starts: Starts
    since: datetime


def count(conn: sa.Connection) -> Spread:
    """Count every lead's standing now."""
    return Spread({row.step: row.leads for row in conn.execute(COUNT)})


def read(conn: sa.Connection) -> tuple[Spread, CapacityBands | None]:
    """As last kept; nobody stands anywhere where nothing was kept yet."""
    row = conn.execute(READ).one_or_none()
    if row is None:
        return Spread({}), None
    spread = Spread({int(step): leads for step, leads in row.counts.items()})
    if row.starts is None or row.starts_at is None:
        return spread, None
    drawn = row.starts
    return spread, CapacityBands(drawn["capacity"], drawn["method"], drawn["starts"], row.starts_at)


def keep(conn: sa.Connection, spread: Spread, bands: CapacityBands | None, at: datetime) -> None:
    """Keep the count and the bands drawn from it."""
    drawn = {"capacity": bands.capacity, "method": bands.method, "starts": bands.starts} if bands else None
    values = {
        "counts": as_json({str(step): leads for step, leads in spread.counts.items()}),
        "starts": None if drawn is None else as_json(drawn),
        "at": at,
        "starts_at": bands.since if bands else None,
    }
    conn.execute(KEEP, values)


def make_due(conn: sa.Connection, before: Starts, after: Starts, at: datetime) -> int:
    """Leads whose band is another one now are due for a new score. Returns how many."""
    moved: Mapping[Band, float] = {band: start for band, start in after.items() if start != before[band]}
    return sum(
        conn.execute(
            DUE_BETWEEN,
            {"at": at, "low": min(start, before[band]), "high": max(start, before[band])},
        ).rowcount
        for band, start in moved.items()
        if step_of(start) != step_of(before[band])
    )
