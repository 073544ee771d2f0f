"""People whose facts changed since they were scored: the work list of rescore."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

# A touch always moves the stamp forward: who was touched again while being scored is never taken for done,
# even when both moments are the same. In order of id, so that two workers cannot wait for each other.
PUT_ON_LIST = """
    INSERT INTO touched (person_id, touched_at, hot)
    SELECT DISTINCT person_id, CAST(:at AS timestamptz), CAST(:hot AS boolean) FROM identity
    WHERE {whose} = ANY(CAST(:ids AS bigint[])) ORDER BY person_id
    ON CONFLICT (person_id) DO UPDATE
    SET touched_at = greatest(excluded.touched_at, touched.touched_at + interval '1 microsecond'),
        hot = touched.hot OR excluded.hot
    RETURNING person_id
"""
TOUCH = sa.text(PUT_ON_LIST.format(whose="person_id"))
TOUCH_BEHIND = sa.text(PUT_ON_LIST.format(whose="id"))
TAKE = sa.text("""
    SELECT person_id, touched_at, hot FROM touched
    WHERE CAST(:only AS bigint[]) IS NULL OR person_id = ANY(CAST(:only AS bigint[]))
    ORDER BY hot DESC, touched_at, person_id LIMIT :limit FOR UPDATE SKIP LOCKED
""")
UNTOUCH = sa.text("""
    DELETE FROM touched
    USING unnest(CAST(:ids AS bigint[]), CAST(:stamps AS timestamptz[])) AS taken(id, stamp)
    WHERE touched.person_id = taken.id AND touched.touched_at = taken.stamp
""")
FREE = sa.text("SELECT FROM touched LIMIT 1 FOR UPDATE SKIP LOCKED")
ANY = sa.text("SELECT EXISTS (SELECT FROM touched)")
COUNT = sa.text("SELECT count(*) FROM touched")


class Touched(NamedTuple):
    """A person who waits for a new score, since when, and whether a webhook brought it."""

    person_id: int
    touched_at: datetime
    hot: bool


def touch(conn: sa.Connection, person_ids: Collection[int], at: datetime, *, hot: bool = False) -> None:
    """These people need a new score. Ids of people who are no more are passed over."""
    if person_ids:
        conn.execute(TOUCH, {"ids": sorted(person_ids), "at": at, "hot": hot})


def touch_behind(
    conn: sa.Connection, identity_ids: Collection[int], at: datetime, *, hot: bool = False
) -> set[int]:
    """The persons that these identities point at need a new score. Returns them."""
    values = {"ids": list(identity_ids), "at": at, "hot": hot}
    return set(conn.scalars(TOUCH_BEHIND, values).all()) if identity_ids else set()


def take_touched(conn: sa.Connection, limit: int, only: Sequence[int] | None = None) -> list[Touched]:
    """The hot ones, then those who have waited longest (of these alone, where named), in nobody else's hands
    and ours until the transaction ends.
    """
    named = None if only is None else list(only)
    return [Touched(*row) for row in conn.execute(TAKE, {"limit": limit, "only": named})]


def untouch(conn: sa.Connection, rows: Sequence[Touched]) -> None:
    """These are scored. Who was touched again since `take_touched` stays on the list."""
    if rows:
        ids, stamps = [row.person_id for row in rows], [row.touched_at for row in rows]
        conn.execute(UNTOUCH, {"ids": ids, "stamps": stamps})


def any_touched(conn: sa.Connection) -> bool:
    """Whether anybody waits."""
    return bool(conn.scalar(ANY))


def can_take(conn: sa.Connection) -> bool:
    """Does anybody wait whom no other worker holds?"""
    return conn.execute(FREE).first() is not None


def count_touched(conn: sa.Connection) -> int:
    """How many wait for a score."""
    return int(conn.execute(COUNT).scalar_one())
