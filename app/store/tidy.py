"""Clears what is finished and old: nothing here is read by the line any more, and no feature changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

LOT = 20_000
"""Rows cleared per table in one transaction, about a second's work."""

_CLEAR = {
    "deliveries": (
        "deliveries_days",
        "DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE state IN ('done', 'ignored')"
        " AND settled_at < :before ORDER BY id LIMIT :lot)",
    ),
    "runs": (
        "runs_days",
        "DELETE FROM run WHERE id IN (SELECT id FROM run WHERE started_at < :before ORDER BY id LIMIT :lot)",
    ),
    "clock slots": (
        "runs_days",
        "DELETE FROM clock_slot WHERE (job, slot) IN"
        " (SELECT job, slot FROM clock_slot WHERE slot < :before LIMIT :lot)",
    ),
    "plans": (
        "plans_days",
        "DELETE FROM plan WHERE fingerprint IN (SELECT fingerprint FROM plan WHERE made_at < :before"
        " AND state <> 'applying' LIMIT :lot)",
    ),
    "dead letters": (
        "dead_letters_days",
        "DELETE FROM procrastinate_jobs WHERE id IN (SELECT job.id FROM procrastinate_jobs job"
        " WHERE status IN ('failed', 'aborted', 'succeeded') AND NOT EXISTS (SELECT FROM procrastinate_events"
        " WHERE job_id = job.id AND at >= :before) LIMIT :lot)",
    ),
    # The final report outranks a run's joins and leaves entirely, person by person: once it is in, they make
    # no activity any more.
    "webinar webhooks": (
        "webinar_webhooks_days",
        "DELETE FROM observation WHERE id IN (SELECT seen.id FROM observation seen"
        " WHERE seen.kind IN ('webinar_join', 'webinar_leave') AND seen.occurred_at < :before"
        " AND EXISTS (SELECT FROM observation report JOIN identity theirs ON theirs.id = report.identity_id"
        " JOIN identity ours ON ours.id = seen.identity_id WHERE report.kind = 'webinar_segment'"
        " AND report.scope = seen.scope AND theirs.person_id = ours.person_id) LIMIT :lot)",
    ),
}


def clear_old(conn: sa.Connection, days: Mapping[str, int], now: datetime) -> dict[str, int]:
    """Clear at most one lot of each kind; rows cleared by kind. `days` has an age for each setting's name."""
    return {
        name: conn.execute(
            sa.text(statement), {"before": now - timedelta(days=days[setting]), "lot": LOT}
        ).rowcount
        for name, (setting, statement) in _CLEAR.items()
    }
