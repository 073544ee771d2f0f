"""How many records of a vendor are held, to be compared with the vendor's own count."""

from __future__ import annotations

import sqlalchemy as sa

DELETED = "deleted"
"""The stage of a deal that its vendor has in the recycle bin."""

HELD = {
    "contacts": sa.text("""
        SELECT count(*) FROM identity i JOIN profile p ON p.identity_id = i.id AND p.source = i.vendor
        WHERE i.vendor = :source AND i.kind = 'contact_id' AND i.ended_at IS NULL
          AND p.fields ->> 'archived' IS DISTINCT FROM 'true'
    """),
    "deals": sa.text(f"SELECT count(*) FROM deal WHERE source = :source AND stage <> '{DELETED}'"),  # noqa: S608 constant
}


def held(conn: sa.Connection, source: str) -> dict[str, int]:
    """Contacts and deals of a vendor that it has not deleted or merged away, by the name of their stream."""
    return {
        stream: int(conn.execute(count, {"source": source}).scalar_one()) for stream, count in HELD.items()
    }
