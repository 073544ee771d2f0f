"""Contacts that a pull found, and what webhooks told in the same time: where they differ, one is not on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

MOST_BODIES = 500

# HubSpot writes creation dates in ISO form; anything else proves nothing.
MADE = sa.text("""
    SELECT count(*), min(made_at) FROM (
        SELECT (fields ->> 'created_at')::timestamptz AS made_at FROM profile
        WHERE source = 'hubspot' AND observed_at >= :since
          AND fields ->> 'created_at' ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$'
    ) AS contact
    WHERE made_at BETWEEN :since AND :until
""")
BODIES = sa.text("""
    SELECT body FROM inbox WHERE source = :source AND received_at >= :since AND state IN ('done', 'ignored')
    ORDER BY id DESC LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class Made:
    """So many contacts were made in HubSpot, the first at this moment."""

    count: int
    first_at: datetime | None


def contacts_made(conn: sa.Connection, since: datetime, until: datetime) -> Made:
    """The contacts we know that HubSpot made between two moments."""
    return Made(*conn.execute(MADE, {"since": since, "until": until}).one())


def bodies_since(conn: sa.Connection, source: str, since: datetime) -> list[bytes]:
    """The newest absorbed deliveries of a vendor since then, 500 at most."""
    values = {"source": source, "since": since, "limit": MOST_BODIES}
    return list(conn.scalars(BODIES, values))
