"""Facts become activities, features and a score, recomputed from all of a touched lead's observations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.domain.decay import next_change
from app.domain.records import Features
from app.domain.texts import reading_features
from app.pipeline.lead_reading import Lead, lead_now, read_held
from app.pipeline.scoring import score_leads
from app.pipeline.texts import readings
from app.services import Services
from app.store import activities, mirror, people, scores
from app.store.scores import Reading


@dataclass(frozen=True, slots=True)
class Understood:
    """What one lot came to. `more` says that a full lot was taken."""

    leads: int
    changed: int
    more: bool


def rescore_touched(services: Services, now: datetime, lot: int = 1_000) -> Understood:
    """Score again the leads whose facts changed; each then waits to be considered for a write."""
    with services.database.begin() as conn:
        taken = people.take_touched(conn, lot)
        ids = [row.person_id for row in taken]
        changed = _rescore(services, conn, ids, now)
        mirror.wait(conn, ids, now, hot={row.person_id for row in taken if row.hot})
        people.untouch(conn, taken)
    return Understood(len(ids), len(changed), more=len(taken) == lot)


def rescore_due(services: Services, now: datetime, lot: int = 1_000) -> Understood:
    """Score again the next leads of whose score time alone has changed what is printed.

    Only leads whose score changed wait for a write. Cost follows what is due, not how many leads there are.
    """
    with services.database.begin() as conn:
        ids = scores.take_due(conn, now, lot)
        changed = _rescore(services, conn, ids, now)
        mirror.wait(conn, changed, now)
    return Understood(len(ids), len(changed), more=len(ids) == lot)


def rescore_after(services: Services, after: int, now: datetime, lot: int = 1_000) -> tuple[Understood, int]:
    """Score again the next lot of all leads by id, due or not.

    Only leads whose score changed wait for a write. The second answer is the last id, for the next lot.
    """
    with services.database.begin() as conn:
        ids = scores.all_person_ids(conn, after, lot)
        changed = _rescore(services, conn, ids, now)
        mirror.wait(conn, changed, now)
    return Understood(len(ids), len(changed), more=len(ids) == lot), ids[-1] if ids else after


def _rescore(services: Services, conn: sa.Connection, ids: Sequence[int], now: datetime) -> set[int]:
    """Returns the people whose score changed."""
    if not ids:
        return set()
    held = read_held(conn, ids)
    rules = services.mappings
    leads = {person_id: lead_now(held, person_id, rules, now) for person_id in ids}
    features = {person_id: lead.features(rules.features) for person_id, lead in leads.items()}
    scored, standings = score_leads(services, conn, leads, features)
    # Beside the twenty, and after the score: what a text says is shown, and gives no points.
    read = readings(services, conn, held.observations, held.profiles)
    shown = {
        person_id: {**values, **reading_features(read.get(person_id, ()))}
        for person_id, values in features.items()
    }
    activities.replace(conn, {person_id: lead.activities for person_id, lead in leads.items()})
    scores.save_features(conn, _readings(services, leads, shown, standings), now)
    return scores.save(conn, scored, now)


def _readings(
    services: Services,
    leads: Mapping[int, Lead],
    features: Mapping[int, Features],
    standings: Mapping[int, float],
) -> dict[int, Reading]:
    rules = services.mappings
    return {
        person_id: Reading(
            features[person_id],
            standings[person_id],
            next_change(
                lead.activities, lead.engagement, rules.engagement, rules.scoring.engagement, lead.at
            ),
        )
        for person_id, lead in leads.items()
    }
