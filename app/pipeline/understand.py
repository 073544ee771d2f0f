"""Facts become activities, features and a score, recomputed from all of a touched lead's observations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.domain.attendance import derive_activities
from app.domain.engagement import engagement
from app.domain.features import compute_features
from app.domain.machine_clicks import human_and_machine
from app.domain.records import Activity, Features, Score
from app.domain.scoring.points import points_score
from app.domain.texts import reading_features
from app.pipeline.texts import readings
from app.services import Services
from app.store import activities, facts, mirror, people, scores


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


def rescore_after(services: Services, after: int, now: datetime, lot: int = 1_000) -> tuple[Understood, int]:
    """Score again the next lot of all leads by id, since time alone moves a score.

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
    observations = facts.observations_of(conn, ids)
    profiles = facts.profiles_of(conn, ids)
    scopes = {item.scope for items in observations.values() for item in items if item.scope}
    occurrences = facts.occurrences_of(conn, sorted(scopes))
    acts: dict[int, list[Activity]] = {}
    features: dict[int, Features] = {}
    scored: dict[int, Score] = {}
    rules = services.mappings
    read = readings(services, conn, observations, profiles)
    for person_id in ids:
        seen = observations.get(person_id, [])
        machine = human_and_machine(seen, rules.machine)
        acts[person_id] = derive_activities(seen, occurrences, now, machine)
        worth = engagement(acts[person_id], rules.engagement, now)
        features[person_id] = compute_features(
            acts[person_id], profiles.get(person_id, []), worth, rules.features, now
        )
        scored[person_id] = points_score(features[person_id], worth, rules.scoring)
        # Beside the twenty, and after the score: what a text says is shown, and gives no points.
        features[person_id] = {**features[person_id], **reading_features(read.get(person_id, ()))}
    activities.replace(conn, acts)
    scores.save_features(conn, features, now)
    return scores.save(conn, scored, now)
