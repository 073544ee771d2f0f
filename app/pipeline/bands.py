"""Where the bands begin: as published, or by how many leads sales can take in a week."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from app.domain.standing import Spread, Starts, starts_by_capacity, starts_by_score
from app.services import Services
from app.store import models, spread
from app.store.spread import CapacityBands

DRAWN_FOR = timedelta(days=7)


def band_starts(services: Services, conn: sa.Connection) -> Starts:
    """Where each band begins now."""
    published = starts_by_score(services.mappings.scoring.bands)
    if not services.settings.bands.capacity_per_week:
        return published
    _, drawn = spread.read(conn)
    return published if drawn is None else drawn.starts


def renew_spread(services: Services, conn: sa.Connection, now: datetime) -> int:
    """Count again who stands where; once a week, or when settings or scorer changed, draw bands again.

    Returns how many leads are due for another band.
    """
    published = starts_by_score(services.mappings.scoring.bands)
    _, drawn = spread.read(conn)
    counted = spread.count(conn)
    bands = _drawn(services, conn, counted, drawn, now)
    spread.keep(conn, counted, bands, now)
    before, after = (published if one is None else one.starts for one in (drawn, bands))
    return spread.make_due(conn, before, after, now)


def _drawn(
    services: Services, conn: sa.Connection, counted: Spread, drawn: CapacityBands | None, now: datetime
) -> CapacityBands | None:
    capacity = services.settings.bands.capacity_per_week
    if not capacity or not counted.leads:
        return None
    named = models.champion_name(conn)
    method = "points" if named is None else f"model {named[0]}"
    same = drawn is not None and (drawn.capacity, drawn.method) == (capacity, method)
    if drawn is not None and same and now - drawn.since < DRAWN_FOR:
        return drawn
    return CapacityBands(capacity, method, starts_by_capacity(counted, capacity), now)
