"""Rules by their fingerprint: what was approved, or scored, by other rules is noticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from app.services import Services
from app.store import models, standings, switches


def fingerprint_of(rules: Mapping[str, object]) -> str:
    """Twelve characters that stand for these rules, in whatever order they are written."""
    return hashlib.sha256(json.dumps(rules, sort_keys=True, default=_plain).encode()).hexdigest()[:12]


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, set | frozenset) else str(value)


def scoring_rules(services: Services) -> dict[str, object]:
    """What makes a score of facts, by its mapping."""
    mappings = services.mappings
    return {
        "machine": asdict(mappings.machine),
        "engagement": asdict(mappings.engagement),
        "features": asdict(mappings.features),
        "scoring": asdict(mappings.scoring),
    }


def notice_new_rules(services: Services, conn: sa.Connection, now: datetime) -> bool:
    """Were leads last scored by other rules? Then all of them are due: those whom nothing touches as well."""
    current = fingerprint_of(scoring_rules(services))
    before = switches.read(conn, "scoring_rules")
    if before is not None and before.value == current:
        return False
    models.wait_for_scorers(conn)
    switches.turn(conn, "scoring_rules", current, now)
    standings.all_due(conn, now)
    return True
