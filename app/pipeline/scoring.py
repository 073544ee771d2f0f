"""The one seam between leads and their scores: by the champion where there is one, else by points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import isnan

import sqlalchemy as sa

from app.domain.decay import engagement_steps, next_change, points_level
from app.domain.records import Score
from app.domain.scoring.points import points_score
from app.domain.standing import Starts, band_at, printed, step_of
from app.pipeline.bands import band_starts
from app.pipeline.leads_now import LeadsNow
from app.services import Services
from app.store import models, scores
from app.store.standings import Standing
from app.store.summaries import NEVER, microseconds, moment_of

_CLOSE = timedelta(seconds=1) // timedelta(microseconds=1)
"""Due a second sooner or later is not worth a write."""


Moved = dict[int, Standing]
"""By person: who stands elsewhere, is due at another moment, or of whom something else is printed."""


def score_lot(
    services: Services, conn: sa.Connection, leads: LeadsNow, now: datetime, *, fresh: bool
) -> Moved:
    """Score the leads at `now`. `fresh`: their facts changed, so where points score a receipt that says
    something else is a new score too, whatever is printed; otherwise only time has passed.
    """
    starts = band_starts(services, conn)
    if models.champion_name(conn) is None:
        return _by_points(services, conn, leads, starts, now, fresh=fresh)
    return _by_model(services, conn, leads, starts, now, fresh=fresh)


def _by_points(
    services: Services, conn: sa.Connection, leads: LeadsNow, starts: Starts, now: datetime, *, fresh: bool
) -> Moved:
    rules, lot = services.mappings.scoring, leads.lot
    steps = engagement_steps(rules, leads.how.moving)
    found: dict[int, Score] = {}
    standings, levels = [], []
    for place, held in enumerate(lot.held):
        score = points_score(leads.features(place)[0], leads.engagement(place), rules)
        standings.append(score.value / 100)
        levels.append(points_level(score.engagement, rules, steps))
        score = replace(score, band=band_at(standings[place], starts))
        if fresh or held is None or printed(score) != held:
            found[place] = score
    if fresh:
        by_person = {lot.ids[place]: score for place, score in found.items()}
        differing = scores.differing(conn, by_person)
        found = {place: score for place, score in found.items() if lot.ids[place] in differing}
    return _gathered(services, leads, now, standings, found, dict(enumerate(levels)), fresh=fresh)


def _by_model(
    services: Services, conn: sa.Connection, leads: LeadsNow, starts: Starts, now: datetime, *, fresh: bool
) -> Moved:
    # Here, since where points score and in the web process no numbers package need be loaded.
    from app.domain.scoring.lead_scores import ModelRules, score_by_model
    from app.pipeline.champion import champion
    from app.pipeline.lead_columns import lead_columns

    crowned = champion(conn)
    if crowned is None:  # it stepped down a moment ago
        return _by_points(services, conn, leads, starts, now, fresh=fresh)
    table = services.mappings.features.before_the_outcome()
    rules = ModelRules(*crowned, table, services.mappings.scoring, starts)
    at = microseconds(now)
    due = [fresh or moment <= at for moment in leads.lot.due_at]
    found = score_by_model(lead_columns(leads), leads.lot.held, rules, due)
    return _gathered(
        services, leads, now, found.probability.tolist(), found.scores, found.levels, fresh=fresh
    )


def _gathered(
    services: Services,
    leads: LeadsNow,
    now: datetime,
    standings: Sequence[float],
    found: Mapping[int, Score],
    levels: Mapping[int, float],
    *,
    fresh: bool,
) -> Moved:
    """Only the rows that say something else than the store does."""
    gathered, lot = {}, leads.lot
    for place, (person_id, stood) in enumerate(zip(lot.ids, lot.standing, strict=True)):
        score, due = found.get(place), lot.due_at[place]
        if place in levels:
            due = _due(services, leads, place, levels[place], now)
        same = _same_step(stood, standings[place]) and abs(due - lot.due_at[place]) <= _CLOSE
        if fresh or score is not None or not same:
            gathered[person_id] = Standing(standings[place], moment_of(due), score)
    return gathered


def _due(services: Services, leads: LeadsNow, place: int, level: float, now: datetime) -> int:
    """When to look at the lead at `place` again, as a lot counts moments."""
    look_at = moment_of(leads.lot.look_at[place])
    moment = next_change(leads.engagement(place), level, services.mappings.engagement, now, look_at)
    return NEVER if moment is None else microseconds(moment)


def _same_step(before: float, standing: float) -> bool:
    """Nobody's percentile and band ask for more than the thousandth. `before` is NaN where there is none."""
    return not isnan(before) and step_of(before) == step_of(standing)
