"""People whose facts changed since they were scored: the work list of rescore."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

# A touch always moves the stamp forward: who was touched again while being scored is never taken for done,
# even when both moments are the same. In order of id, so that two workers cannot wait for each other.
TOUCH = sa.text("""
    INSERT INTO touched (person_id, touched_at)
    SELECT DISTINCT person_id, CAST(:at AS timestamptz) FROM identity
    WHERE person_id = ANY(CAST(:ids AS bigint[])) ORDER BY person_id
    ON CONFLICT (person_id) DO UPDATE
    SET touched_at = greatest(excluded.touched_at, touched.touched_at + interval '1 microsecond')
""")
TAKE = sa.text("""
    SELECT person_id, touched_at FROM touched
    ORDER BY touched_at, person_id LIMIT :limit FOR UPDATE SKIP LOCKED
""")
UNTOUCH = sa.text("""
    DELETE FROM touched
    USING unnest(CAST(:ids AS bigint[]), CAST(:stamps AS timestamptz[])) AS taken(id, stamp)
    WHERE touched.person_id = taken.id AND touched.touched_at = taken.stamp
""")
ANY = sa.text("SELECT EXISTS (SELECT FROM touched)")
COUNT = sa.text("SELECT count(*) FROM touched")


def touch(conn: sa.Connection, person_ids: Collection[int], at: datetime) -> None:
    """These people need a new score. Ids of people who are no more are passed over."""
    if person_ids:
        conn.execute(TOUCH, {"ids": sorted(person_ids), "at": at})


def take_touched(conn: sa.Connection, limit: int) -> list[tuple[int, datetime]]:
    """Those who have waited longest and are in nobody else's hands, ours until the transaction ends."""
    return [(person_id, at) for person_id, at in conn.execute(TAKE, {"limit": limit})]


def untouch(conn: sa.Connection, rows: Sequence[tuple[int, datetime]]) -> None:
    """These are scored. Who was touched again since `take_touched` stays on the list."""
    if rows:
        ids, stamps = zip(*rows, strict=True)
        conn.execute(UNTOUCH, {"ids": list(ids), "stamps": list(stamps)})


def any_touched(conn: sa.Connection) -> bool:
    """Whether anybody waits."""
    return bool(conn.scalar(ANY))


def count_touched(conn: sa.Connection) -> int:
    """How many wait for a score."""
    return int(conn.execute(COUNT).scalar_one())
