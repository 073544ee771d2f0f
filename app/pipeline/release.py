"""Whom the gate lets through now: released rules, the pilot list, and the arms of an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from app.domain.experiments import Trial
from app.domain.gate import Gate
from app.domain.ports import Destination
from app.pipeline.experiment import trial_of
from app.pipeline.rules import fingerprint_of, scoring_rules
from app.services import Services
from app.store import experiments, models, switches


def rules_of(services: Services, conn: sa.Connection) -> str:
    """Twelve characters that stand for everything that decides who gets mail or a task: what vendors' words
    mean, what acts and words are worth, bands, workflows, tasks, the pilot list, the outcome, the share held
    out, and whether points score or a model does. When they change, a person releases enrolments and tasks
    anew. A model that is trained again is not a change of rules.
    """
    settings, mappings = services.settings, services.mappings
    hubspot = mappings.hubspot
    rules = {
        "sources": {name: asdict(meaning) for name, meaning in mappings.streams.items()},
        "texts": asdict(mappings.texts),
        **scoring_rules(services),
        "workflows": [asdict(item) for item in hubspot.workflows],
        "tasks": [asdict(item) for item in hubspot.tasks],
        "mailability": asdict(hubspot.mailability),
        "bands": settings.bands.model_dump(),
        "pilot": settings.pilot.list,
        "outcome": settings.outcome.model_dump(),
        "experiment": settings.experiment.model_dump(),
        "method": "points" if models.champion_name(conn) is None else "model",
    }
    return fingerprint_of(rules)


def is_released(conn: sa.Connection, services: Services) -> bool:
    """Did a person release enrolments and tasks by the rules as they are now?"""
    found = switches.read(conn, "released_rules")
    return found is not None and found.value == rules_of(services, conn)


def gate_of(
    services: Services, conn: sa.Connection, person_ids: Sequence[int], *, enrol: bool
) -> tuple[Gate, Trial | None]:
    """The gate for these people, and the experiment whose arms they are dealt: the one that runs, or the one
    that would begin. `enrol` shows what a release would bring. Looking changes nothing.
    """
    running = experiments.running(conn)
    gate = Gate(
        released=enrol or is_released(conn, services),
        pilot_list=services.settings.pilot.list,
        arms=experiments.arms(conn, running.id, person_ids) if running else {},
        language=services.settings.language,
        marketing_contacts=knows_marketing(conn) is not False,
    )
    return gate, trial_of(services, conn)


def knows_marketing(conn: sa.Connection) -> bool | None:
    """Does the portal tell marketing contacts from others? None before a person's first look at a plan."""
    found = switches.read(conn, "marketing_contacts")
    return None if found is None else found.value == "known"


def note_marketing(services: Services, destination: Destination, now: datetime) -> None:
    """Ask the portal whether it knows a marketing status, and keep the answer. Who gets a status later shows
    it, so an answer that has grown old enrols nobody whom HubSpot would not mail.
    """
    name = services.mappings.hubspot.mailability.marketable
    known = "unknown" if destination.lacks([name]) else "known"
    with services.database.begin() as conn:
        switches.turn(conn, "marketing_contacts", known, now)
