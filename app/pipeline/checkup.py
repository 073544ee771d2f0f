"""The operator's one screen: what is on, what waits, what is wrong and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.domain.changes import Problem
from app.domain.deprecations import end_problems
from app.pipeline.delivery_checkup import delivery_problems, delivery_state
from app.pipeline.reading_checkup import reading_problems, reading_state
from app.pipeline.reconcile import reconciliation_problems
from app.pipeline.score_checkup import score_problems, score_state
from app.pipeline.vendor_checkup import vendor_problems
from app.pipeline.vital_checkup import vital_problems, vital_state
from app.pipeline.work_checkup import work_problems, work_state
from app.services import Services
from app.store import migrate


@dataclass(frozen=True, slots=True)
class Checkup:
    """The state in numbers and the problems, worst first."""

    state: dict[str, object]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that stop work."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def cannot_start(self) -> tuple[Problem, ...]:
        """The errors without whose mending no process can do anything."""
        return tuple(problem for problem in self.errors if problem.subject == "database")


def check_up(services: Services, now: datetime, *, ask_vendors: bool = True) -> Checkup:
    """Look at the store and, unless told not to, ask each vendor a few cheap questions.

    A vendor is asked nothing that changes anything there; the number of the portal that answered first is
    kept, so that another one is noticed.
    """
    state, found = _store(services, now)
    problems = [*_off(services), *found, *end_problems(services.ends, now.date())]
    if ask_vendors and not any(problem.subject == "database" for problem in found):
        problems += vendor_problems(services, now)
    ordered = sorted(dict.fromkeys(problems), key=lambda item: (item.severity, item.subject))
    return Checkup(state, tuple(ordered))


def _off(services: Services) -> Iterator[Problem]:
    for vendor, names in services.off.items():
        yield Problem("warning", vendor, f"is off: set {', '.join(names)}")


def database_problem(services: Services) -> Problem | None:
    """Why nothing can be kept: a database that is away, or older than this version."""
    try:
        if migrate.at_head(services.database):
            return None
    except sa.exc.OperationalError:
        return _away()
    return Problem("error", "database", "is behind this version of Savia: python -m jobs migrate")


def _away() -> Problem:
    return Problem("error", "database", "does not answer: see DATABASE_URL and its server")


def _store(services: Services, now: datetime) -> tuple[dict[str, object], list[Problem]]:
    """What the database tells; of one that does not answer or is not ours, only that."""
    state: dict[str, object] = {}
    unfit = database_problem(services)
    if unfit is not None:
        return state, [unfit]
    try:
        with services.database.connect() as conn:
            state |= work_state(conn, services, now) | score_state(conn)
            state |= delivery_state(conn, services) | reading_state(conn, services, now)
            state |= vital_state(conn, now)
            problems = [
                *work_problems(conn, services, now),
                *score_problems(conn, services),
                *delivery_problems(conn, services, now),
                *vital_problems(conn, services, now),
                *reconciliation_problems(conn, now),
                *reading_problems(conn, services, now),
            ]
    except sa.exc.OperationalError:
        return state, [_away()]
    except sa.exc.ProgrammingError:
        return state, [Problem("error", "database", "has not our tables: python -m jobs migrate")]
    return state, problems
