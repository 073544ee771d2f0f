"""The points score while it serves: what can be said of it on outcomes that are known by now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.domain.records import BANDS
from app.domain.scoring.ranking import auc_interval, auc_of_counts, by_band
from app.domain.standing import Starts, band_at
from app.pipeline.bands import band_starts
from app.pipeline.history import Row, read_history
from app.pipeline.sales_feedback import sales_say
from app.services import Services
from app.store import scores

SAMPLE = 2_000
"""Leads looked at: beyond these a look costs more than it tells."""


def watch_points(services: Services, now: datetime) -> dict[str, Any]:
    """Counts only. Points claim no probability, so nothing is said of calibration."""
    with services.database.connect() as conn:
        ids, starts, said = scores.sample_people(conn, SAMPLE), band_starts(services, conn), sales_say(conn)
    rows = read_history(services, now, lambda _: None, only=ids).rows
    return {"leads": len(ids), "known": points_quality(rows, starts), **said}


def points_quality(rows: Sequence[Row], starts: Starts) -> dict[str, Any]:
    """How points ranked leads at their cuts, and how many of each band converted within the horizon."""
    hits = Counter(row.points for row in rows if row.converted)
    misses = Counter(row.points for row in rows if not row.converted)
    area = auc_of_counts(hits, misses)
    judged = bool(hits and misses)
    return {
        "rows": len(rows),
        "conversions": hits.total(),
        "base_rate": hits.total() / len(rows) if rows else None,
        "auc": area if judged else None,
        "interval": auc_interval(area, hits.total(), misses.total()) if judged else None,
        "bands": by_band(
            [float(row.converted) for row in rows], [band_at(row.points / 100, starts) for row in rows], BANDS
        ),
        "band_starts": dict(starts),
    }
