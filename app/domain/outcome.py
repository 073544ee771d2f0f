"""What conversion means: one event of a lead's deals within a horizon. The only place that says so."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from app.domain.records import Deal

Event = Literal["deal_won", "deal_created"]


def conversion_at(deals: Iterable[Deal], event: Event) -> datetime | None:
    """When a lead first converted; None where it has not. A deal won without a closing date counts from
    its last change.
    """
    moments = [moment for deal in deals if (moment := _moment(deal, event)) is not None]
    return min(moments, default=None)


def converted_within(deals: Iterable[Deal], as_of: datetime, event: Event, horizon: timedelta) -> bool:
    """Did the lead these deals belong to convert after `as_of` and no later than `horizon` after it?"""
    return any(
        as_of < moment <= as_of + horizon for deal in deals if (moment := _moment(deal, event)) is not None
    )


def _moment(deal: Deal, event: Event) -> datetime | None:
    if event == "deal_created":
        return deal.created_at
    return (deal.closed_at or deal.modified_at) if deal.is_won else None
