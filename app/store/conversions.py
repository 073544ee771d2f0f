"""How many leads convert and how many become eligible: what an experiment's size is worked out from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

# A lead's time begins with its first score; whether it converts is known once its horizon has passed.
KNOWN = sa.text("""
    WITH lead AS (
        SELECT person_id, min(scored_at) AS began FROM score GROUP BY person_id
        HAVING min(scored_at) <= :before
    )
    SELECT count(*), count(*) FILTER (WHERE EXISTS (
        SELECT FROM identity i JOIN deal d ON d.contact_ids @> ARRAY[i.value]
        WHERE i.person_id = lead.person_id AND i.vendor = 'hubspot' AND i.kind = 'contact_id'
          AND (:event = 'deal_created' OR d.is_won)
          AND CASE WHEN :event = 'deal_created' THEN d.created_at ELSE d.closed_at END
              BETWEEN lead.began AND lead.began + make_interval(days => :days)))
    FROM lead
""")
ELIGIBLE = sa.text("""
    SELECT count(*) FROM (
        SELECT person_id FROM score WHERE band = ANY(CAST(:bands AS text[]))
        GROUP BY person_id HAVING min(scored_at) > :since) AS recent
""")


def converted(conn: sa.Connection, event: str, horizon_days: int, now: datetime) -> tuple[int, int]:
    """Leads whose horizon has passed, and those of them for whom `event` came in time."""
    values = {"event": event, "days": horizon_days, "before": now - timedelta(days=horizon_days)}
    leads, won = conn.execute(KNOWN, values).one()
    return int(leads), int(won)


def eligible_per_week(conn: sa.Connection, bands: Sequence[str], now: datetime, weeks: int = 4) -> float:
    """Leads a week that came into one of these bands for the first time, over the last weeks."""
    since = now - timedelta(weeks=weeks)
    return int(conn.execute(ELIGIBLE, {"bands": list(bands), "since": since}).scalar_one()) / weeks
