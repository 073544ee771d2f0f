"""Who may change, score or write which people at a time. Locks are taken in one order, so that nobody waits
in a circle: the scorer (`models.hold_scorer`), the erasures, the people, the work list, what stands of them,
the persons.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa

# Whoever makes, merges or erases people holds this until the transaction ends. One lock instead of many:
# nobody links a new key to a person who is just being merged away, and nobody waits in a circle.
PEOPLE_LOCK = 7_202_613

# Facts are stored side by side, and never beside an erasure: what was read before it would come back.
ERASURE_LOCK = 7_202_614

HOLD_WAITING = sa.text("""
    SELECT FROM touched WHERE person_id = ANY(CAST(:ids AS bigint[])) ORDER BY person_id FOR UPDATE
""")
HOLD_STANDING = sa.text("""
    SELECT FROM standing WHERE person_id = ANY(CAST(:ids AS bigint[])) ORDER BY person_id FOR UPDATE
""")
HOLD_PERSONS = sa.text("""
    SELECT FROM person WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR UPDATE
""")
KEEP_PERSONS = sa.text("""
    SELECT id FROM person WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR KEY SHARE
""")
WITH_A_NAME = sa.text("""
    SELECT w.id FROM unnest(CAST(:ids AS bigint[])) AS w(id)
    WHERE EXISTS (SELECT FROM identity i WHERE i.person_id = w.id)
""")


def hold_people(conn: sa.Connection) -> None:
    """Wait until nobody else changes who is who; then it is ours until the transaction ends."""
    conn.execute(sa.select(sa.func.pg_advisory_xact_lock(PEOPLE_LOCK)))


def beside_no_erasure(conn: sa.Connection) -> None:
    """Wait until nobody is being erased; then nobody is until the transaction ends."""
    conn.execute(sa.select(sa.func.pg_advisory_xact_lock_shared(ERASURE_LOCK)))


def erasing_alone(conn: sa.Connection) -> None:
    """Wait until nobody stores facts or erases; then nobody else does until the transaction ends."""
    conn.execute(sa.select(sa.func.pg_advisory_xact_lock(ERASURE_LOCK)))


def take_over(conn: sa.Connection, person_ids: Collection[int]) -> None:
    """Wait until nobody scores these people or notes a write to them; then nobody begins to until the
    transaction ends.
    """
    ids = {"ids": sorted(person_ids)}
    for statement in (HOLD_WAITING, HOLD_STANDING, HOLD_PERSONS):
        conn.execute(statement, ids)


def hold_to_score(conn: sa.Connection, person_ids: Sequence[int]) -> list[int]:
    """Nobody else scores these people, and nobody merges or erases them, until the transaction ends. Returns
    those who are still somebody: not erased, and not merged into another.
    """
    conn.execute(HOLD_STANDING, {"ids": list(person_ids)})
    left = persons_left(conn, person_ids)
    return list(conn.scalars(WITH_A_NAME, {"ids": left}))


def persons_left(conn: sa.Connection, person_ids: Collection[int]) -> list[int]:
    """Those of these people who were not erased; nobody erases or merges them until the transaction ends."""
    return list(conn.scalars(KEEP_PERSONS, {"ids": sorted(person_ids)}))
