"""Experiments and the arms of their people: fixed when they begin, and never moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.domain.errors import TryLater
from app.domain.experiments import Assignment, Trial
from app.domain.gate import Arm
from app.store.encoding import as_json
from app.store.schema.decided import assignment, experiment

# Who was merged into another, or deleted, since their plan was made is nobody to compare.
ASSIGN = sa.text("""
    INSERT INTO assignment (experiment_id, person_id, arm, stratum, assigned_at)
    SELECT :experiment_id, person_id, arm, stratum, :at
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS d(person_id bigint, arm text, stratum text)
    WHERE EXISTS (SELECT FROM identity WHERE identity.person_id = d.person_id)
    ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class Experiment:
    """A running experiment: what was fixed when it started, and what it was expected to take."""

    id: int
    trial: Trial
    started_at: datetime
    forecast: Mapping[str, Any]


def running(conn: sa.Connection) -> Experiment | None:
    """The experiment that has started and not ended, or None."""
    row = conn.execute(sa.select(experiment).where(experiment.c.ended_at.is_(None))).first()
    if row is None:
        return None
    trial = Trial(row.salt, row.holdout_share, row.outcome, row.horizon_days)
    return Experiment(row.id, trial, row.started_at, row.forecast or {})


def begun(conn: sa.Connection) -> int:
    """How many experiments ever began."""
    return conn.execute(sa.select(sa.func.count()).select_from(experiment)).scalar_one()


def begin(conn: sa.Connection, trial: Trial, forecast: Mapping[str, Any], at: datetime) -> Experiment:
    """Begin an experiment. Raises TryLater where another one runs already."""
    values = {**asdict(trial), "forecast": dict(forecast), "started_at": at}
    made = insert(experiment).values(values).on_conflict_do_nothing().returning(experiment.c.id)
    found = conn.execute(made).scalar_one_or_none()
    if found is None:
        raise TryLater("another process has just begun an experiment: this one goes on later")
    return Experiment(found, trial, at, forecast)


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


def counted(conn: sa.Connection, experiment_id: int) -> dict[str, int]:
    """People by arm, without those whom the analysis leaves out."""
    query = sa.select(assignment.c.arm, sa.func.count()).where(
        assignment.c.experiment_id == experiment_id, assignment.c.excluded.is_(None)
    )
    return {arm: people for arm, people in conn.execute(query.group_by(assignment.c.arm))}  # noqa: C416 - rows


def assign(conn: sa.Connection, experiment_id: int, assignments: Sequence[Assignment], at: datetime) -> None:
    """Put people into their arms; who is in one stays there."""
    if assignments:
        rows = as_json([asdict(item) for item in assignments])
        conn.execute(ASSIGN, {"rows": rows, "experiment_id": experiment_id, "at": at})
