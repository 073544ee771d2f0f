"""What HubSpot holds of ours, counted."""

from __future__ import annotations

import sqlalchemy as sa

from app.store import mirror

CONTACTS = sa.text("""
    INSERT INTO mirror (contact_id, person_id, properties, lists, score_id, updated_at)
    SELECT number::text, number, '{}', '{}', CASE WHEN number % 2 = 0 THEN number END, now()
    FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS number
""")


def test_contacts_that_show_a_score_are_counted_one_by_one_while_they_are_few(database: sa.Engine):
    with database.begin() as conn:
        assert mirror.count(conn) == 0
        conn.execute(CONTACTS, {"first": 1, "last": 1_001})
        assert mirror.count(conn) == 500


def test_many_contacts_are_taken_from_statistics_and_never_for_more_where_there_are_none(
    database: sa.Engine,
):
    with database.begin() as conn:
        conn.execute(CONTACTS, {"first": 1, "last": 2 * mirror.COUNTED + 4_000})
        assert mirror.count(conn) == mirror.COUNTED
        conn.execute(sa.text("ANALYZE mirror"))
        assert abs(mirror.count(conn) - mirror.COUNTED - 2_000) < 100
