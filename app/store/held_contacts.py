"""The HubSpot contacts we hold, walked to be compared with those that HubSpot has."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import sqlalchemy as sa

HELD = """
    FROM identity i JOIN profile p ON p.identity_id = i.id AND p.source = i.vendor
    WHERE i.vendor = 'hubspot' AND i.kind = 'contact_id' AND i.ended_at IS NULL AND i.value ~ '^[0-9]+$'
"""
LOT = sa.text(f"""
    SELECT i.id, i.value {HELD} AND i.id > :after
    AND (:live OR p.fields ->> 'archived' = 'true') ORDER BY i.id LIMIT :limit
""")
STILL = sa.text(f"SELECT i.value {HELD} AND i.value = ANY(CAST(:ids AS text[]))")


class HeldContact(NamedTuple):
    """A contact's id at HubSpot, behind the number by which the walk goes on."""

    place: int
    contact_id: str


def lot(conn: sa.Connection, after: int, limit: int, *, live: bool) -> list[HeldContact]:
    """The next contacts behind `after`: those in the recycle bin as far as we know, with `live` all."""
    rows = conn.execute(LOT, {"after": after, "limit": limit, "live": live})
    return [HeldContact(row.id, row.value) for row in rows]


def still_held(conn: sa.Connection, contact_ids: Collection[str]) -> list[str]:
    """Those of these contacts that no merge or deletion has ended here meanwhile."""
    return sorted(conn.scalars(STILL, {"ids": sorted(contact_ids)}))
