"""How many contacts count for HubSpot's bill, as last read."""

from __future__ import annotations

import sqlalchemy as sa

MARKETING = sa.text("""
    SELECT count(*) FROM profile
    WHERE source = 'hubspot' AND fields ->> 'marketable' = 'true'
      AND fields ->> 'archived' IS DISTINCT FROM 'true'
""")


def count_marketing(conn: sa.Connection) -> int:
    """Contacts that HubSpot bills for. Walks through every contact: for what a person looks at, and plans
    that add to the list.
    """
    return int(conn.execute(MARKETING).scalar_one())
