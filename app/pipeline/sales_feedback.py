"""What sales say of the leads they called, and whether the score agrees with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from app.domain.scoring.ranking import auc_interval, auc_of_counts
from app.store import feedback

GOOD, NOT_A_FIT = "good", "not_a_fit"
"""The two answers that judge the lead itself; "bad timing" does not (options in `mappings/hubspot.toml`)."""


def agreement(standings: Mapping[str, Mapping[int, int]]) -> dict[str, Any] | None:
    """How often the score puts a lead that sales call good above one they call no fit, with its 95 %
    interval: 0.5 is by luck. None until both were said. `standings` counts by answer and thousandth.
    """
    good, bad = standings.get(GOOD, {}), standings.get(NOT_A_FIT, {})
    counted = {"good": sum(good.values()), "not_a_fit": sum(bad.values())}
    if not (counted["good"] and counted["not_a_fit"]):
        return None
    area = auc_of_counts(good, bad)
    interval = auc_interval(area, counted["good"], counted["not_a_fit"])
    return {"auc": area, **counted, "interval": interval}


def sales_say(conn: sa.Connection) -> dict[str, Any]:
    """Every answer with its leads and their mean standing, and the agreement, by how leads stand today."""
    return {"feedback": feedback.by_answer(conn), "agreement": agreement(feedback.standings(conn))}
