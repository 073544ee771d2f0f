"""What Zoom counted of each webinar, against the contacts we matched: read from the store alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from app.domain.changes import Problem
from app.domain.reconciliation import Reconciled, reconcile
from app.store import occurrences, reconciliation

LOOKED_BACK = timedelta(days=30)
"""Older review lists are history: nobody remembers who it was."""


def reconciled(conn: sa.Connection) -> list[Reconciled]:
    """Every occurrence whose report was read, oldest first."""
    counts = reconciliation.report_counts(conn)
    uuids = [count.uuid for count in counts]
    runs = occurrences.occurrences_of(conn, uuids)
    return reconcile(runs, counts, reconciliation.held_attendees(conn, uuids))


def reconciliation_problems(conn: sa.Connection, now: datetime) -> Iterator[Problem]:
    """What a person should look at of the final reports of the last month."""
    recent = [one for one in reconciled(conn) if one.is_final and one.run.starts_at >= now - LOOKED_BACK]
    if missing := sum(one.missing for one in recent):
        message = f"{missing} people whom Zoom counted are not held: python -m jobs quarantine, then replay"
        yield Problem("error", "attendance", message)
    if surplus := sum(one.surplus for one in recent):
        message = f"{surplus} are held whom Zoom does not count: python -m jobs reconcile shows which webinar"
        yield Problem("warning", "attendance", message)
    if unmatched := sum(len(one.unmatched) for one in recent):
        message = f"{unmatched} who attended are no contact in HubSpot: python -m jobs reconcile --review"
        yield Problem("warning", "attendance", message)
