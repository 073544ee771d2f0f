"""Leads by the hundred thousand: some brought through the line, each of them then copied in the store."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import sqlalchemy as sa

from app.domain.records import IdentityKey, Observation
from app.domain.scoring.lead_table import lead_table
from app.domain.scoring.model import TrainedModel
from app.domain.scoring.model_file import to_bytes
from app.pipeline.understand import rescore_due, rescore_touched
from app.services import Services
from app.store import facts, models, scores
from app.store.facts import Cause
from bench import crowd
from bench.score import dearest

LEARNT_FROM = 2_000
KINDS = ("email_click", "email_open", "website_visit", "content_download")

# A copy is what the line would have written for another lead with the same facts. Its facts are left out:
# what is measured on copies reads none.
COPIES = "generate_series(CAST(:first AS int), CAST(:last AS int))"
COPY_PEOPLE = sa.text(f"""
    INSERT INTO person (id, created_at) OVERRIDING SYSTEM VALUE
    SELECT p.id + n * :size, p.created_at FROM person p, {COPIES} n WHERE p.id <= :size
""")
COPY_NAMES = sa.text(f"""
    INSERT INTO identity (vendor, kind, value, person_id, created_at)
    SELECT DISTINCT ON (i.person_id, n)
        i.vendor, i.kind, i.value || '.' || n, i.person_id + n * :size, i.created_at
    FROM identity i, {COPIES} n WHERE i.person_id <= :size
""")
COPIED = ("feature", "summary", "standing", "score")


def people_the_line(services: Services, leads: int, now: datetime) -> None:
    """So many leads through the line, then scored by a model of the dearest kind."""
    crowd.fill(services, leads, now)
    for first in range(0, leads, crowd.LOT):
        clicks = [act for number in range(first, min(first + crowd.LOT, leads)) for act in _acts(number, now)]
        keep(services, clicks, now)
    while rescore_touched(services, now).more:
        pass
    with services.database.begin() as conn:
        model_id = models.add(conn, to_bytes(_champion(services, conn)), {}, now)
        models.crown(conn, model_id, now)
    while rescore_due(services, now).more:
        pass


def keep(services: Services, acts: list[Observation], now: datetime) -> None:
    """Keep what leads did."""
    with services.database.begin() as conn:
        facts.store(conn, [(act, Cause(run_id=1)) for act in acts], now)


def act_of(number: int, key: str, at: datetime, kind: str = KINDS[0]) -> Observation:
    """One thing that the lead of this number did."""
    who = IdentityKey("any", "email", f"persona.{number}@example.com")
    return Observation("activecampaign", kind, f"{number}|{key}", (who,), at)


def _acts(number: int, now: datetime) -> Iterator[Observation]:
    """What tells one lead's engagement from another's: up to seven things at any time of the last year."""
    chance = random.Random(number)
    for place in range(chance.randrange(8)):
        at = now - timedelta(days=min(chance.expovariate(1 / 40), 360))
        yield act_of(number, str(place), at, chance.choice(KINDS))


def _champion(services: Services, conn: sa.Connection) -> TrainedModel:
    ids = scores.sample_people(conn, LEARNT_FROM)
    known = scores.features_of(conn, ids)
    table = lead_table([known[one] for one in ids], services.mappings.features.before_the_outcome())
    chance = np.random.default_rng(1)
    totals = np.asarray(table.columns["engagement_score"])
    boss = np.array([title != "Analista de Datos" for title in table.columns["job_title"]])
    margin = np.log1p(totals) + 0.8 * boss - 3.5
    return dearest(table, (chance.random(len(ids)) < 1 / (1 + np.exp(-margin))).astype(np.float64))


def multiply(services: Services, size: int, leads: int, copied: int = 0) -> int:
    """Copy the first `size` leads until there are `leads`; so many copies were there before. Returns how
    many there are now.
    """
    wanted = leads // size - 1
    span = {"size": size, "first": copied + 1, "last": wanted}
    with services.database.begin() as conn:
        conn.execute(COPY_PEOPLE, span)
        conn.execute(COPY_NAMES, span)
        for table in COPIED:
            columns = [column.name for column in _table(table).columns if column.name != "id"][1:]
            listed = ", ".join(f'"{name}"' for name in columns)
            statement = f"""
                INSERT INTO {table} (person_id, {listed})
                SELECT person_id + n * :size, {listed}
                FROM {table}, {COPIES} n WHERE person_id <= :size
            """
            conn.execute(sa.text(statement), span)
    with services.database.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(sa.text("VACUUM ANALYZE"))
    return wanted


def _table(name: str) -> sa.Table:
    from app.store.schema import metadata

    return metadata.tables[name]
