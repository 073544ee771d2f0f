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
    SELECT merged_person_id FROM merge
    WHERE merged_person_id = ANY(CAST(:persons AS bigint[]))
      AND NOT EXISTS (SELECT FROM identity WHERE identity.person_id = merged_person_id)
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
# The kept person goes on in their own arm, or takes over the other's; the merged person's row stays, counts
# no more, and comes back when the merge is taken back.
JOIN_ARMS = [
    sa.text("""
        INSERT INTO assignment (experiment_id, person_id, arm, stratum, assigned_at, taken_from)
        SELECT experiment_id, :kept, arm, stratum, assigned_at, person_id
        FROM assignment WHERE person_id = :merged
        ON CONFLICT DO NOTHING
    """),
    sa.text("UPDATE assignment SET merged_into = :kept WHERE person_id = :merged"),
]
PART_ARMS = [
    sa.text("DELETE FROM assignment WHERE person_id = :kept AND taken_from = :merged"),
    sa.text("UPDATE assignment SET merged_into = NULL WHERE person_id = :merged AND merged_into = :kept"),
]
# Who was in two arms of one experiment, by themselves or by whoever was merged into them, is left out of its
# analysis; whoever was merged into another counts with that one alone.
JUDGE_ARMS = sa.text("""
    WITH RECURSIVE together(experiment_id, person_id, one, arm) AS (
        SELECT experiment_id, person_id, person_id, arm FROM assignment WHERE person_id IN (:kept, :merged)
        UNION
        SELECT a.experiment_id, t.person_id, a.person_id, a.arm
        FROM assignment a JOIN together t ON a.experiment_id = t.experiment_id AND a.merged_into = t.one
    ), judged AS (
        SELECT experiment_id, person_id, count(DISTINCT arm) AS arms FROM together GROUP BY 1, 2
    )
    UPDATE assignment SET excluded = CASE
        WHEN merged_into IS NOT NULL THEN 'counts with the person they were merged into'
        WHEN arms > 1 THEN 'a merge of two people of different arms' END
    FROM judged
    WHERE assignment.experiment_id = judged.experiment_id AND assignment.person_id = judged.person_id
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
    """Those of these people who were merged into others and have no name left."""
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
        for statement in (*JOIN_ARMS, JUDGE_ARMS, *FOLLOW):
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
    for statement in (*PART_ARMS, JUDGE_ARMS, *FOLLOW_BACK):
        conn.execute(statement, {"merged": merged, "kept": kept})
    conn.execute(FORGET, {"id": merge_id})
    touch(conn, {kept, merged}, at)
    return True
