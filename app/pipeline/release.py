"""Whom the gate lets through now: released rules, the pilot list, and the arms of a running experiment."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from app.domain.gate import Gate
from app.services import Services
from app.store import experiments, switches
from app.store.experiments import Experiment


def rules_of(services: Services) -> str:
    """Twelve characters that stand for everything that decides who gets mail or a task: points, bands,
    workflows, tasks and the pilot list. When they change, a person releases enrolments and tasks anew. A
    model that is trained again is not a change of rules.
    """
    mappings = services.mappings
    hubspot = mappings.hubspot
    rules = {
        "engagement": asdict(mappings.engagement),
        "features": asdict(mappings.features),
        "scoring": asdict(mappings.scoring),
        "workflows": [asdict(item) for item in hubspot.workflows],
        "tasks": [asdict(item) for item in hubspot.tasks],
        "bands": services.settings.bands.model_dump(),
        "pilot": services.settings.pilot.list,
    }
    text = json.dumps(rules, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, set | frozenset) else str(value)


def is_released(conn: sa.Connection, services: Services) -> bool:
    """Did a person release enrolments and tasks by the rules as they are now?"""
    found = switches.read(conn, "released_rules")
    return found is not None and found.value == rules_of(services)


def gate_of(
    services: Services, conn: sa.Connection, person_ids: Sequence[int], now: datetime, *, enrol: bool
) -> tuple[Gate, Experiment | None]:
    """The gate for these people, and the experiment that runs. `enrol` shows what a release would bring."""
    trial = _experiment_as_set(services, conn, now)
    gate = Gate(
        released=enrol or is_released(conn, services),
        pilot_list=services.settings.pilot.list,
        arms=experiments.arms(conn, trial.id, person_ids) if trial else {},
        language=services.settings.language,
    )
    return gate, trial


def _experiment_as_set(services: Services, conn: sa.Connection, now: datetime) -> Experiment | None:
    """The running experiment, begun or ended as the one setting says. Another share is another experiment."""
    share, trial = services.settings.experiment.holdout_share, experiments.running(conn)
    if trial is not None and trial.holdout_share != share:
        experiments.end(conn, trial.id, now)
        trial = None
    if trial is None and share > 0:
        outcome = services.settings.outcome
        trial = experiments.start(conn, secrets.token_hex(8), share, outcome.event, outcome.horizon_days, now)
    return trial
