"""What an experiment would take by what the store knows: looked at before one begins, and kept with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.domain.experiments import Needed, power_table
from app.services import Services
from app.store import conversions

LIFTS = (0.1, 0.2, 0.3, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of `leads` known for a whole horizon, so many `converted`; `per_week` leads would be acted on anew.
    Without a base rate between 0 and 1 there is no `table`.
    """

    leads: int
    converted: int
    per_week: float
    table: tuple[Needed, ...]

    @property
    def base_rate(self) -> float:
        """Conversions per lead so far; 0 where none is known."""
        return self.converted / self.leads if self.leads else 0.0


def forecast(services: Services, conn: sa.Connection, now: datetime, shares: Sequence[float]) -> Forecast:
    """The power table for these shares, by the conversions and new leads that the store knows."""
    outcome = services.settings.outcome
    leads, converted = conversions.converted(conn, outcome.event, outcome.horizon_days, now)
    bands = sorted({flow.band for flow in services.mappings.hubspot.workflows})
    per_week = conversions.eligible_per_week(conn, bands, now)
    known = 0 < converted < leads
    table = power_table(converted / leads, per_week, LIFTS, shares) if known else ()
    return Forecast(leads, converted, per_week, tuple(table))


def tell_table(table: Sequence[Needed]) -> Iterator[str]:
    """A row for each lift and share, under its heads."""
    yield "  lift to see  held out   contacts      weeks"
    for row in table:
        weeks = "-" if row.weeks is None else f"{row.weeks:,.1f}"
        yield f"  {row.lift:>10.0%}  {row.holdout_share:>8.0%}  {row.contacts:>9,}  {weeks:>9}"
