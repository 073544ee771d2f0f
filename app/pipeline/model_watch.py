"""The champion since its training: are leads still like those it learnt from, is it still right?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa

from app.domain.outcome import conversion_at
from app.domain.records import BANDS
from app.domain.scoring.columns import Table
from app.domain.scoring.drift import DRIFTED
from app.domain.scoring.lead_table import lead_table
from app.domain.scoring.levels import bands_of
from app.domain.scoring.metrics import calm_error, measure, rates_apart, reliability
from app.domain.scoring.model import TrainedModel
from app.domain.scoring.ranking import auc_interval, by_band
from app.domain.standing import Starts
from app.pipeline.bands import band_starts
from app.pipeline.champion import champion
from app.pipeline.history import read_history, taught
from app.pipeline.lead_reading import lead_now, read_held
from app.pipeline.sales_feedback import sales_say
from app.services import Services
from app.store import facts, models, scores

SAMPLE = 1_000
FEWEST_OUTCOMES = 100
SEED = 7
MOST_CALIBRATION_ERROR = 0.05
MOST_ERRORS_APART, LEAST_SHIFT = 3.0, 0.02
"""A conversion rate has moved where it is further off than luck takes it, and by two points at least."""


def watch(services: Services, now: datetime) -> dict[str, Any] | None:
    """Look at the champion and keep what was seen beside it; None where points score."""
    with services.database.connect() as conn:
        crowned, stored = champion(conn), models.champion(conn)
        if crowned is None or stored is None:
            return None
        ids = scores.sample_people(conn, SAMPLE)
        compared = _still_leads(services, conn, ids)
        table = _table_now(services, conn, compared, now)
        said, starts = sales_say(conn), band_starts(services, conn)
    model = crowned[1]
    since = _since_training(services, model, stored.report, ids, starts, now)
    drift, changed = (model.drift(table), model.drifted(table)) if compared else ({}, {})
    seen: dict[str, Any] = {"leads": len(compared), "drift": drift, "since_training": since, **said}
    seen["alarms"] = alarms(changed, since, stored.report)
    with services.database.begin() as conn:
        models.note_watch(conn, stored.id, seen, now)
    return seen


def alarms(changed: Mapping[str, float], since: Mapping[str, Any], report: Mapping[str, Any]) -> list[str]:
    """What has left its limits, each with what to do. `changed` are the columns that have drifted by more
    than chance does, with their index.
    """
    found = [
        f"{name} is spread otherwise than at training (stability index {index:.2f}, limit {DRIFTED:g}): "
        "look at its source, then train again"
        for name, index in changed.items()
    ]
    if since["rows"] < FEWEST_OUTCOMES:
        return found
    error = since["metrics"]["ece"]
    limit = max(MOST_CALIBRATION_ERROR, since["ece_by_luck"])
    if error > limit:
        found.append(f"calibration error since training is {error:.3f} (limit {limit:.3f}): train again")
    now, then = since["base_rate"], report["base_rate"]
    apart = rates_apart(since["conversions"], since["rows"], report["conversions"], report["rows"])
    if apart > MOST_ERRORS_APART and abs(now - then) >= LEAST_SHIFT:
        found.append(f"{now:.1%} convert since training, {then:.1%} did: train again")
    return found


def _table_now(services: Services, conn: sa.Connection, ids: Sequence[int], now: datetime) -> Table:
    """These leads as they are now, as the model would see them."""
    rules = services.mappings.features.before_the_outcome()
    held = read_held(conn, ids)
    leads = [lead_now(held, one, services.mappings, now).features(rules) for one in ids]
    return lead_table(leads, rules)


def _still_leads(services: Services, conn: sa.Connection, ids: Sequence[int]) -> list[int]:
    """Those who have not converted: no customer was among the rows learnt from, so none is compared."""
    deals, event = facts.deals_of(conn, ids), services.settings.outcome.event
    return [one for one in ids if conversion_at(deals[one], event) is None]


def _since_training(
    services: Services,
    model: TrainedModel,
    report: Mapping[str, Any],
    ids: Sequence[int],
    starts: Starts,
    now: datetime,
) -> dict[str, Any]:
    """The champion on outcomes of which nothing was known when it learnt: of new leads, and of those it
    learnt from once a whole horizon has passed.
    """
    rows = read_history(services, now, lambda _: None, but=taught(report), only=ids).rows
    if not rows:
        return {"rows": 0, "conversions": 0, "base_rate": None}
    rules = services.mappings.features.before_the_outcome()
    matrix = model.vocabulary.matrix(lead_table([row.features for row in rows], rules))
    probability = model.probability(matrix)
    converted = np.array([float(row.converted) for row in rows])
    hits, figures = int(converted.sum()), measure(converted, probability)
    return {
        "rows": len(rows),
        "conversions": hits,
        "base_rate": float(converted.mean()),
        "metrics": figures,
        "interval": auc_interval(figures["auc"], hits, len(rows) - hits),
        "ece_by_luck": calm_error(probability, SEED),
        "reliability": reliability(converted, probability),
        "bands": by_band(converted, bands_of(probability, starts), BANDS),
        "band_starts": dict(starts),
    }
