"""Two persons become one, and apart again: identities point at another person, no observation moves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa

from app.store.people_locks import hold_people, take_over
from app.store.touched import touch

HELD_BY = sa.text("""
    SELECT id, person_id FROM identity WHERE person_id = ANY(CAST(:persons AS bigint[]))
""")
HOLD_ROWS = sa.text("""
    SELECT id, person_id FROM identity WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR UPDATE
""")
GONE = sa.text("""
    SELECT id FROM unnest(CAST(:persons AS bigint[])) AS asked(id)
    WHERE NOT EXISTS (SELECT FROM identity WHERE person_id = asked.id)
""")
REPOINT = sa.text("""
    UPDATE identity SET person_id = moved.person_id
    FROM unnest(CAST(:ids AS bigint[]), CAST(:persons AS bigint[])) AS moved(id, person_id)
    WHERE identity.id = moved.id
""")
NOTE = sa.text("""
    INSERT INTO merge (kept_person_id, merged_person_id, identity_ids, reason, merged_at)
    VALUES (:kept, :merged, :ids, :reason, :at)
""")
# What was derived is derived again for the person who is kept; what was written to HubSpot stays his, so
# that nobody is enrolled a second time.
FORGET_DERIVED = [
    sa.text(f"DELETE FROM {table} WHERE person_id = ANY(CAST(:merged AS bigint[]))")  # noqa: S608  constants
    for table in ("touched", "unwritten", "activity", "feature", "summary", "standing", "unscored")
]
FOLLOW = [
    sa.text(f"UPDATE {table} SET person_id = :kept WHERE person_id = :merged")  # noqa: S608  constants only
    for table in ("mirror", "ledger")
]
# Who was in two arms of one experiment is left out of its analysis; the kept person's arm stays in force.
BOTH_ARMS = sa.text("""
    UPDATE assignment SET excluded = 'a merge of two people of different arms'
    FROM assignment other
    WHERE assignment.person_id = :kept AND other.person_id = :merged
      AND assignment.experiment_id = other.experiment_id
      AND (assignment.arm <> other.arm OR other.excluded IS NOT NULL)
""")
FOLLOW_ARM = sa.text("""
    UPDATE assignment SET person_id = :kept WHERE person_id = :merged AND experiment_id NOT IN (
        SELECT experiment_id FROM assignment WHERE person_id = :kept)
""")
FOLLOW_BACK = [
    sa.text(f"""
        UPDATE {table} SET person_id = :merged WHERE person_id = :kept AND contact_id IN (
            SELECT value FROM identity
            WHERE person_id = :merged AND vendor = 'hubspot' AND kind = 'contact_id')
    """)  # noqa: S608  constants only
    for table in ("mirror", "ledger")
]
FIND = sa.text("""
    SELECT kept_person_id, merged_person_id, identity_ids, merged_at FROM merge WHERE id = :id FOR UPDATE
""")
GO_BACK = sa.text("""
    UPDATE identity
    SET person_id = :merged, ended_at = CASE WHEN ended_at = :merged_at THEN NULL ELSE ended_at END
    WHERE id = ANY(:ids) AND person_id = :kept
""")
FORGET = sa.text("DELETE FROM merge WHERE id = :id")


def gone(conn: sa.Connection, person_ids: Collection[int]) -> set[int]:
    """Those of these people who have no name left: they were merged into others."""
    return set(conn.scalars(GONE, {"persons": list(person_ids)})) if person_ids else set()


def regroup(
    conn: sa.Connection, merges: Mapping[int, int], moves: Mapping[int, int], reason: str, at: datetime
) -> None:
    """Hand over identities: `merges` is person -> who takes over, `moves` identity -> its new person.

    Every handing over is noted so that `unmerge` can take it back. Touches everybody who changed. The
    caller holds the people.
    """
    rows = conn.execute(HELD_BY, {"persons": sorted(merges)}).all() if merges else []
    targets = {identity_id: merges[person_id] for identity_id, person_id in rows} | dict(moves)
    if not targets:
        return
    held = conn.execute(HOLD_ROWS, {"ids": sorted(targets)}).all()
    handed: dict[tuple[int, int], list[int]] = defaultdict(list)
    for identity_id, person_id in held:
        handed[targets[identity_id], person_id].append(identity_id)
    conn.execute(REPOINT, {"ids": list(targets), "persons": list(targets.values())})
    for (kept, merged), ids in sorted(handed.items()):
        conn.execute(NOTE, {"kept": kept, "merged": merged, "ids": ids, "reason": reason, "at": at})
    for merged, kept in sorted(merges.items()):
        for statement in (BOTH_ARMS, FOLLOW_ARM, *FOLLOW):
            conn.execute(statement, {"merged": merged, "kept": kept})
    take_over(conn, merges)
    for statement in FORGET_DERIVED:
        conn.execute(statement, {"merged": sorted(merges)})
    touch(conn, {person for pair in handed for person in pair}, at)


def unmerge(conn: sa.Connection, merge_id: int, at: datetime) -> bool:
    """Take one handing over back: the identities that moved return, with all their observations.

    False when there is no such merge, or a later one moved them on: take that one back first. Evidence that
    comes again merges again; what HubSpot merged is undone in HubSpot.
    """
    hold_people(conn)
    row = conn.execute(FIND, {"id": merge_id}).one_or_none()
    if row is None:
        return False
    kept, merged, ids, merged_at = row
    values = {"kept": kept, "merged": merged, "ids": ids, "merged_at": merged_at}
    if conn.execute(GO_BACK, values).rowcount == 0:
        return False
    for statement in FOLLOW_BACK:
        conn.execute(statement, {"merged": merged, "kept": kept})
    conn.execute(FORGET, {"id": merge_id})
    touch(conn, {kept, merged}, at)
    return True
