"""Experiments and the arms of their people: fixed when they begin, and never moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.domain.experiments import Assignment
from app.domain.gate import Arm
from app.store.schema import assignment, experiment


@dataclass(frozen=True, slots=True)
class Experiment:
    """A running experiment: its choice (share) and its outcome, as fixed when it started."""

    id: int
    salt: str
    holdout_share: float
    outcome: str
    horizon_days: int
    started_at: datetime


def running(conn: sa.Connection) -> Experiment | None:
    """The experiment that has started and not ended, or None."""
    query = sa.select(
        experiment.c.id,
        experiment.c.salt,
        experiment.c.holdout_share,
        experiment.c.outcome,
        experiment.c.horizon_days,
        experiment.c.started_at,
    ).where(experiment.c.ended_at.is_(None))
    row = conn.execute(query.order_by(experiment.c.id.desc()).limit(1)).first()
    return None if row is None else Experiment(*row)


def start(
    conn: sa.Connection, salt: str, holdout_share: float, outcome: str, horizon_days: int, at: datetime
) -> Experiment:
    """Begin an experiment."""
    values = {
        "salt": salt,
        "holdout_share": holdout_share,
        "outcome": outcome,
        "horizon_days": horizon_days,
        "started_at": at,
    }
    found = conn.execute(insert(experiment).values(values).returning(experiment.c.id)).scalar_one()
    return Experiment(found, salt, holdout_share, outcome, horizon_days, at)


def end(conn: sa.Connection, experiment_id: int, at: datetime) -> None:
    """End an experiment: its arms stay on record and hold nobody back any more."""
    conn.execute(sa.update(experiment).where(experiment.c.id == experiment_id).values(ended_at=at))


def arms(conn: sa.Connection, experiment_id: int, person_ids: Sequence[int]) -> dict[int, Arm]:
    """The arms of those of these people who have one."""
    wanted = sa.any_(sa.cast(list(person_ids), sa.ARRAY(sa.BigInteger)))
    query = sa.select(assignment.c.person_id, assignment.c.arm).where(
        assignment.c.experiment_id == experiment_id, assignment.c.person_id == wanted
    )
    return {row.person_id: row.arm for row in conn.execute(query)}


def assign(conn: sa.Connection, experiment_id: int, assignments: Sequence[Assignment], at: datetime) -> None:
    """Put people into their arms; who is in one stays there."""
    rows = [
        {
            "experiment_id": experiment_id,
            "person_id": item.person_id,
            "arm": item.arm,
            "stratum": item.stratum,
            "assigned_at": at,
        }
        for item in assignments
    ]
    if rows:
        conn.execute(insert(assignment).on_conflict_do_nothing(), rows)
