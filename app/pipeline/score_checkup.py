"""What the operator should know of the score: a band that stays empty, a model that has left its limits."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from app.domain.changes import Problem
from app.domain.standing import Spread, starts_by_score
from app.services import Services
from app.store import models, spread, unscored

FEWEST_LEADS = 100
"""Below this an empty hot band says nothing."""

OFFERED = 50


def score_state(conn: sa.Connection) -> dict[str, object]:
    """What scores, and since when."""
    champion = models.champion(conn)
    if champion is None:
        return {"score by": "points"}
    return {"score by": f"model {champion.id}, trained {champion.trained_at:%Y-%m-%d}"}


def score_problems(conn: sa.Connection, services: Services) -> Iterator[Problem]:
    """Leads that cannot be scored; an empty hot band, with the offer of bands by capacity; the alarms of the
    last look at the model.
    """
    for failure, leads in unscored.count(conn):
        named = "1 lead" if leads == 1 else f"{leads} leads"
        message = f"{named} could not be scored ({failure}): see the worker's log, mend, jobs rescore --all"
        yield Problem("warning", "score", message)
    counted, _ = spread.read(conn)
    hot = starts_by_score(services.mappings.scoring.bands)["hot"]
    if not services.settings.bands.capacity_per_week and _empty(counted, hot):
        best = f"{100 * counted.highest:.0f}"
        message = (
            f"hot is empty: no lead of {counted.leads} reaches {100 * hot:.0f} (the highest is {best}). "
            f"Set [bands] capacity_per_week = {OFFERED} to call the {OFFERED} best of each week instead"
        )
        yield Problem("warning", "bands", message)
    champion = models.champion(conn)
    if champion is not None and champion.watched is not None:
        for alarm in champion.watched["alarms"]:
            yield Problem("warning", f"model {champion.id}", alarm)


def _empty(counted: Spread, hot: float) -> bool:
    return counted.leads >= FEWEST_LEADS and counted.highest < hot
