"""The one seam between leads and their scores: by the champion where there is one, else by points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import sqlalchemy as sa

from app.domain.records import Features, Score
from app.domain.scoring.points import points_score
from app.domain.standing import Starts, band_at
from app.pipeline.bands import band_starts
from app.pipeline.lead_reading import Lead
from app.services import Services
from app.store import models, scores

Scored = tuple[dict[int, Score], dict[int, float]]


def score_leads(
    services: Services, conn: sa.Connection, leads: Mapping[int, Lead], features: Mapping[int, Features]
) -> Scored:
    """The scores of these leads, by person, and what ranks each of them: a standing of 0 to 1.

    By a model only leads whose printed score is another one are among the scores: for the others no receipt
    is made.
    """
    starts = band_starts(services, conn)
    if models.champion_name(conn) is None:
        return _by_points(services, leads, features, starts)
    return _by_model(services, conn, leads, features, starts)


def _by_points(
    services: Services, leads: Mapping[int, Lead], features: Mapping[int, Features], starts: Starts
) -> Scored:
    found = {
        person_id: points_score(features[person_id], lead.engagement, services.mappings.scoring)
        for person_id, lead in leads.items()
    }
    standings = {person_id: score.value / 100 for person_id, score in found.items()}
    banded = {
        person_id: replace(score, band=band_at(standings[person_id], starts))
        for person_id, score in found.items()
    }
    return banded, standings


def _by_model(
    services: Services,
    conn: sa.Connection,
    leads: Mapping[int, Lead],
    features: Mapping[int, Features],
    starts: Starts,
) -> Scored:
    # Here, since where points score and in the web process no numbers package need be loaded.
    from app.domain.scoring.lead_scores import ModelRules, ScoredLead, score_by_model
    from app.pipeline.champion import champion

    crowned = champion(conn)
    if crowned is None:  # it stepped down a moment ago
        return _by_points(services, leads, features, starts)
    table = services.mappings.features.before_the_outcome()
    rules = ModelRules(*crowned, table, services.mappings.scoring, starts)
    ids = list(leads)
    last = scores.latest(conn, ids)
    held = [last[one].score if one in last else None for one in ids]
    scored = [ScoredLead(features[one], leads[one].features(table), leads[one].engagement) for one in ids]
    found, probability = score_by_model(scored, held, rules)
    told = {one: score for one, score in zip(ids, found, strict=True) if score is not None}
    return told, dict(zip(ids, probability, strict=True))
