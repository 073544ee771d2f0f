"""HubSpot's deals, as last modified there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import sqlalchemy as sa

from app.domain.records import Deal
from app.store.cause import Cause
from app.store.encoding import as_json

CONTENT = "contact_ids, pipeline, stage, amount, is_closed, is_won, created_at, closed_at"
COLUMNS = f"source, deal_id, {CONTENT}, modified_at"
# Answers the identities of all contacts of the deals that changed: those they have now and had before.
WRITE = sa.text(f"""
    WITH delivered AS (
        SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS d(
            source text, deal_id text, contact_ids text[], pipeline text, stage text, amount numeric,
            is_closed boolean, is_won boolean, created_at timestamptz, closed_at timestamptz,
            modified_at timestamptz, run_id bigint)
    ), before AS (
        SELECT source, deal_id, deal.contact_ids FROM deal JOIN delivered USING (source, deal_id)
    ), written AS (
        INSERT INTO deal ({COLUMNS}, run_id)
        SELECT {COLUMNS}, run_id FROM delivered ORDER BY source COLLATE "C", deal_id COLLATE "C"
        ON CONFLICT (source, deal_id) DO UPDATE SET
            ({CONTENT}, modified_at, run_id)
            = (SELECT {", ".join(f"excluded.{name}" for name in CONTENT.split(", "))},
               excluded.modified_at, excluded.run_id)
        WHERE excluded.modified_at >= deal.modified_at
            AND ({", ".join(f"deal.{name}" for name in CONTENT.split(", "))})
            IS DISTINCT FROM ({", ".join(f"excluded.{name}" for name in CONTENT.split(", "))})
        RETURNING source, deal_id, contact_ids
    ), contact AS (
        SELECT unnest(contact_ids) AS contact_id FROM written
        UNION SELECT unnest(before.contact_ids) FROM before JOIN written USING (source, deal_id)
    )
    SELECT identity.id FROM identity JOIN contact ON identity.value = contact.contact_id
    WHERE identity.vendor = 'hubspot' AND identity.kind = 'contact_id'
""")  # noqa: S608  constants only
OF_PEOPLE = sa.text(f"""
    SELECT DISTINCT i.person_id, {", ".join(f"d.{name}" for name in COLUMNS.split(", "))}
    FROM identity i JOIN deal d ON d.contact_ids @> ARRAY[i.value]
    WHERE i.person_id = ANY(CAST(:ids AS bigint[])) AND i.vendor = 'hubspot' AND i.kind = 'contact_id'
    ORDER BY d.created_at, d.deal_id
""")  # noqa: S608  constants only


def write(conn: sa.Connection, rows: Sequence[tuple[Deal, Cause]]) -> set[int]:
    """Keep deals. Returns the identities of contacts whose deals changed; older versions do nothing."""
    latest: dict[tuple[str, str], dict[str, object]] = {}
    for deal, cause in sorted(rows, key=lambda row: row[0].modified_at):
        row = {name: getattr(deal, name) for name in COLUMNS.split(", ")}
        latest[deal.source, deal.deal_id] = row | {"run_id": cause.run_id}
    return set(conn.scalars(WRITE, {"rows": as_json(list(latest.values()))})) if latest else set()


def deals_of(conn: sa.Connection, person_ids: Sequence[int]) -> dict[int, list[Deal]]:
    """The deals each person stands in, oldest first."""
    found: dict[int, list[Deal]] = defaultdict(list, {person_id: [] for person_id in person_ids})
    for row in conn.execute(OF_PEOPLE, {"ids": list(person_ids)}):
        found[row.person_id].append(
            Deal(
                source=row.source,
                deal_id=row.deal_id,
                contact_ids=tuple(row.contact_ids),
                pipeline=row.pipeline,
                stage=row.stage,
                amount=None if row.amount is None else float(row.amount),
                is_closed=row.is_closed,
                is_won=row.is_won,
                created_at=row.created_at,
                closed_at=row.closed_at,
                modified_at=row.modified_at,
            )
        )
    return dict(found)
