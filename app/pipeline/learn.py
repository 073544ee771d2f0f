"""Learn a model from the store, and let it replace what scores now only where it beats it out of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa

from app.domain.scoring.columns import Floats, Table
from app.domain.scoring.contest import Contest, against_model, against_points
from app.domain.scoring.lead_table import lead_table
from app.domain.scoring.model_file import to_bytes
from app.domain.scoring.selection import FEWEST_CONVERSIONS
from app.domain.scoring.training import Held, Training, TrainingOptions, train
from app.domain.standing import BandLimits, starts_by_score
from app.pipeline.champion import champion
from app.pipeline.history import History, Row, read_history, taught
from app.services import Services
from app.store import models

OUTCOME = "converted"
AS_OF = "as of"
SNAPSHOTS = (
    "profile fields (job title, company, country, source) are snapshots of today, not of the cut date; "
    "fields that HubSpot or sales go on filling are left out (features.toml, filled_later)"
)


@dataclass(frozen=True, slots=True)
class Learnt:
    """What came of it. `model_id` is None where conversions were too few; `crowned`: it scores from now."""

    report: dict[str, Any]
    model_id: int | None
    crowned: bool


def learn_from_store(
    services: Services, options: TrainingOptions, now: datetime, progress: Callable[[str], None]
) -> Learnt:
    """Train on the store's history. `options` bring what is excluded or accepted, and the seed.

    Under 40 leads of the rarer outcome nothing is learnt and the points score stays.
    """
    history = read_history(services, now, progress)
    rows = sorted(history.rows, key=lambda row: (row.cut, row.person_id))
    converted = np.array([float(row.converted) for row in rows])
    told = _told(services, history, converted)
    rarer = int(min(converted.sum(), len(converted) - converted.sum())) if rows else 0
    if rarer < FEWEST_CONVERSIONS:
        note = f"{rarer} of the rarer outcome, {FEWEST_CONVERSIONS} are needed: the points score stays"
        return Learnt({**told, "model": "points", "metrics": None, "note": note}, None, crowned=False)
    table = _table(services, rows, converted)
    bands = BandLimits(
        starts_by_score(services.mappings.scoring.bands),
        services.settings.bands.capacity_per_week,
        weeks=len(rows) / len({row.person_id for row in rows}),  # each cut of all leads is one such choice
    )
    training = train(table, replace(options, outcome=OUTCOME, time=AS_OF, bands=bands), progress)
    with services.database.begin() as conn:
        return _settle(conn, training, rows, converted, table, told, history.known_until, now)


def _told(services: Services, history: History, converted: Floats) -> dict[str, Any]:
    outcome = services.settings.outcome
    return {
        "rows": len(converted),
        "conversions": int(converted.sum()),
        "base_rate": float(converted.mean()) if len(converted) else None,
        "left_out": history.censored,
        "outcome": {"event": outcome.event, "horizon_days": outcome.horizon_days},
        "limits": SNAPSHOTS,
    }


def _table(services: Services, rows: Sequence[Row], converted: Floats) -> Table:
    rules = services.mappings.features.before_the_outcome()
    features = lead_table([row.features for row in rows], rules)
    days = np.array([row.cut.timestamp() / 86_400 for row in rows])
    told = ["1" if one else "0" for one in converted]
    return Table({**features.columns, AS_OF: days, OUTCOME: told}, len(rows))


def _settle(
    conn: sa.Connection,
    training: Training,
    rows: Sequence[Row],
    converted: Floats,
    table: Table,
    told: dict[str, Any],
    known_until: datetime,
    now: datetime,
) -> Learnt:
    """Keep the model with its whole report, and crown it where it won."""
    if training.model is None or training.held is None:
        raise AssertionError("conversions were counted before the training")
    contest = _judge(conn, training.held, rows, converted, table)
    report = {
        **training.model.report,
        **told,
        "refused": [{"column": one.column, "reason": one.reason} for one in training.verdict.refused],
        "suspect": [{"column": one.column, "reason": one.reason} for one in training.verdict.suspect],
        "against": contest.report(),
        "trained_through": rows[-1].cut.isoformat(),
        "outcomes_through": known_until.isoformat(),
    }
    model_id = models.add(conn, to_bytes(training.model), report, now)
    if contest.won:
        models.crown(conn, model_id, now)
    return Learnt(report, model_id, crowned=contest.won)


def _judge(conn: sa.Connection, held: Held, rows: Sequence[Row], converted: Floats, table: Table) -> Contest:
    """On held rows alone; against a champion on those of which nothing was known when it learnt."""
    crowned, stored = champion(conn), models.champion(conn)
    if not held.forward:
        return Contest("", 0, 0, {}, {}, won=False, why="the history is too short to judge forward in time")
    if crowned is None or stored is None:
        points = np.array([float(row.points) for row in rows])
        before = np.setdiff1d(np.arange(len(rows)), held.rows)
        rate = float(converted[before].mean())
        return against_points(converted[held.rows], held.probability, points[held.rows], rate)
    name, model = crowned
    theirs_to_know = taught(stored.report)
    new = np.array([not theirs_to_know.holds(rows[place]) for place in held.rows], dtype=bool)
    judged = held.rows[new]
    theirs = model.probability(model.vocabulary.matrix(table.take(judged)))
    return against_model(name, converted[judged], held.probability[new], theirs)
