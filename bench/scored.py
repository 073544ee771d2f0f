"""Leads as they stand after weeks of work: a thousand learnt, scored and written by the line, the rest copied
from them row by row, so that a hundred thousand are there in seconds.
"""

from __future__ import annotations

import requests
import sqlalchemy as sa

from app.pipeline.apply import apply_plan, writing
from app.pipeline.run_record import recorded
from app.pipeline.understand import rescore_touched
from app.pipeline.write_back import show_plan
from app.services import Services
from app.store import runs
from bench import crowd

BASE = 1_000
FIRST_CONTACT = 1_000_000
NAME = "'persona.' || (substring({name} FROM '[0-9]+')::bigint + k * :base) || '@example.com'"
COPIES = (
    """INSERT INTO person (id, created_at) OVERRIDING SYSTEM VALUE
       SELECT id + k * :people, created_at FROM base_person, generate_series(1, :copies) AS k""",
    f"""INSERT INTO identity (id, vendor, kind, value, person_id, created_at) OVERRIDING SYSTEM VALUE
       SELECT id + k * :names, vendor, kind,
         CASE kind WHEN 'email' THEN {NAME.format(name="value")}
                   ELSE (value::bigint + k * :base)::text END,
         person_id + k * :people, created_at FROM base_identity, generate_series(1, :copies) AS k""",
    f"""INSERT INTO profile (identity_id, source, fields, observed_at, run_id)
       SELECT identity_id + k * :names, source,
         fields || jsonb_build_object('email', {NAME.format(name="fields ->> 'email'")}), observed_at, run_id
       FROM base_profile, generate_series(1, :copies) AS k""",
    """INSERT INTO observation (source, key, kind, identity_id, occurred_at, quantity, scope, attributes)
       SELECT DISTINCT ON (identity_id, k) source, key || '/' || k, kind, identity_id + k * :names,
         occurred_at, quantity, scope, attributes FROM base_observation, generate_series(1, :copies) AS k""",
    """INSERT INTO activity
       SELECT person_id + k * :people, kind, fact_key, occurred_at, quantity, attributes, observation_ids
       FROM base_activity, generate_series(1, :copies) AS k""",
    """INSERT INTO feature (person_id, values, computed_at)
       SELECT person_id + k * :people, values, computed_at
       FROM base_feature, generate_series(1, :copies) AS k""",
    """INSERT INTO summary (person_id, rules, holds_from, holds_until, look_at, worth_at, kinds, worths,
         numbers, words)
       SELECT person_id + k * :people, rules, holds_from, holds_until, look_at, worth_at, kinds, worths,
         numbers, words FROM base_summary, generate_series(1, :copies) AS k""",
    """INSERT INTO standing (person_id, standing, due_at, value, band, method, engagement)
       SELECT person_id + k * :people, standing, due_at, value, band, method, engagement
       FROM base_standing, generate_series(1, :copies) AS k""",
    """INSERT INTO mirror (contact_id, person_id, properties, lists, score_id, updated_at, seen_at, read_at)
       SELECT (contact_id::bigint + k * :base)::text, person_id + k * :people, properties, lists, 1,
         updated_at, seen_at, read_at FROM base_mirror, generate_series(1, :copies) AS k""",
    "SELECT setval(pg_get_serial_sequence('person', 'id'), max(id)) FROM person",
    "SELECT setval(pg_get_serial_sequence('identity', 'id'), max(id)) FROM identity",
)
COPIED = (
    "person", "identity", "profile", "observation", "activity", "feature", "summary", "standing", "mirror"
)  # fmt: skip
ANOTHER_SCORE = sa.text("""
    INSERT INTO score (person_id, value, band, probability, method, engagement, receipt, scored_at, grid)
    SELECT f.person_id, (s.value + :step) % 100, CASE WHEN :moved THEN
        CASE s.band WHEN 'cold' THEN 'unqualified' ELSE 'cold' END ELSE s.band END,
      s.probability, s.method, s.engagement + :step, s.receipt, :at, s.grid
    FROM feature f JOIN LATERAL (SELECT * FROM score WHERE score.person_id = (f.person_id - 1) % :people + 1
        ORDER BY score.id DESC LIMIT 1) AS s ON true
    WHERE f.person_id <= :last ORDER BY f.person_id
""")
EVERYBODY_WAITS = sa.text("""
    INSERT INTO unwritten (person_id, since) SELECT person_id, :at FROM feature WHERE person_id <= :last
    ON CONFLICT (person_id) DO NOTHING
""")


def settle_in(services: Services, portal: str, leads: int) -> None:
    """`leads` people whom HubSpot shows what we think of them, in the store and in the portal alike."""
    requests.post(f"{portal}/contacts/{leads}", timeout=120).raise_for_status()
    crowd.fill(services, BASE, services.clock())
    while rescore_touched(services, services.clock()).more:
        pass
    _write_first(services)
    requests.post(f"{portal}/copies/{BASE}", timeout=120).raise_for_status()
    _copy(services, leads // BASE - 1)
    see_all(services)


def see_all(services: Services) -> None:
    """As after a sync that came to its end: nobody changed anything in HubSpot."""
    now = services.clock()
    with services.database.begin() as conn:
        run_id = runs.start(conn, "sync hubspot", now)
        runs.finish(conn, run_id, now, result={"complete": True})


def change_scores(services: Services, leads: int, *, step: int, moved: bool = False) -> None:
    """The first `leads` people have another score, in another band if `moved`, and wait to be written."""
    now = services.clock()
    with services.database.begin() as conn:
        people = conn.scalar(sa.text("SELECT count(*) FROM base_person"))
        asked = {"step": step, "moved": moved, "at": now, "people": people, "last": leads}
        conn.execute(ANOTHER_SCORE, asked)
        conn.execute(EVERYBODY_WAITS, {"at": now, "last": leads})
    with services.database.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(sa.text("ANALYZE"))


def _write_first(services: Services) -> None:
    """The first plan, with the properties and lists, as a person releases it."""
    plan = show_plan(services, services.clock(), with_setup=True).plan
    with writing(services) as fence, recorded(services, "write_back", services.clock()) as (run_id, _):
        apply_plan(services, plan.fingerprint, fence, released=True, run_id=run_id)


def _copy(services: Services, copies: int) -> None:
    with services.database.begin() as conn:
        for table in COPIED:
            conn.execute(sa.text(f"CREATE TABLE base_{table} AS SELECT * FROM {table}"))
        people = conn.scalar(sa.text("SELECT max(id) FROM base_person"))
        names = conn.scalar(sa.text("SELECT max(id) FROM base_identity"))
        values = {"copies": copies, "people": people, "names": names, "base": BASE}
        for statement in COPIES:
            wanted = {name: value for name, value in values.items() if f":{name}" in statement}
            conn.execute(sa.text(statement), wanted)
