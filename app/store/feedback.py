"""What sales say of the leads they called, read back from HubSpot into profiles, beside how they stood."""

from __future__ import annotations

from collections import Counter
from typing import Any

import sqlalchemy as sa

ANSWERED = sa.text("""
    SELECT p.fields ->> 'feedback' AS answer, count(*) AS leads, avg(s.standing) AS standing
    FROM profile p
    JOIN identity i ON i.id = p.identity_id AND i.ended_at IS NULL
    LEFT JOIN standing s ON s.person_id = i.person_id
    WHERE p.source = 'hubspot' AND p.fields ->> 'feedback' <> ''
    GROUP BY 1 ORDER BY 1
""")
STANDINGS = sa.text("""
    SELECT p.fields ->> 'feedback' AS answer, floor(s.standing * 1000 + 1e-9)::int AS step, count(*) AS leads
    FROM profile p
    JOIN identity i ON i.id = p.identity_id AND i.ended_at IS NULL
    JOIN standing s ON s.person_id = i.person_id
    WHERE p.source = 'hubspot' AND p.fields ->> 'feedback' <> '' AND s.standing IS NOT NULL
    GROUP BY 1, 2
""")


def by_answer(conn: sa.Connection) -> dict[str, dict[str, Any]]:
    """answer -> how many leads got it, and how high they stand on average (0 to 1). A score that is worth its
    name stands higher where sales say "good".
    """
    return {row.answer: {"leads": row.leads, "standing": row.standing} for row in conn.execute(ANSWERED)}


def standings(conn: sa.Connection) -> dict[str, Counter[int]]:
    """answer -> thousandth of a standing -> how many leads that got this answer stand there."""
    found: dict[str, Counter[int]] = {}
    for row in conn.execute(STANDINGS):
        found.setdefault(row.answer, Counter())[row.step] = row.leads
    return found
