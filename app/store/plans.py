"""Plans as shown, so that what was approved is what runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.domain.changes import Plan, Use
from app.domain.experiments import Assignment, Dealt, Trial
from app.store.change_rows import from_row, to_row
from app.store.schema.decided import ledger
from app.store.schema.decided import plan as table

PLAN_LIFE = timedelta(hours=24)
"""After this a shown plan is stale: HubSpot has moved on, so make a new one."""

TOLD_WAITING = sa.text("""
    SELECT fingerprint FROM plan AS told
    WHERE state = 'shown' AND unsafe <> '[]' AND undoes IS NULL AND releases IS NULL
      AND alerted_at IS NOT NULL AND made_at > :since
      AND NOT EXISTS (
        SELECT FROM plan AS begun WHERE begun.unsafe <> '[]'
        AND (begun.state = 'applying' OR begun.applied_at >= told.alerted_at))
    ORDER BY made_at DESC LIMIT 1
""")
RELEASED = sa.text("""
    SELECT count(*) FROM plan
    WHERE state <> 'shown' AND counts - CAST('{EnsureProperty,EnsureList}' AS text[]) <> '{}'
""")


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan with when it was made and how far it went: shown, applying, applied, or stopped by an
    undo. `undoes` is the run whose writes it takes back, `releases` the rules whose enrolments and tasks it
    lets go, `dealt` the arms that its people get when it is carried out.
    """

    plan: Plan
    state: str
    made_at: datetime
    score_ids: Mapping[int, int]
    before: Mapping[str, Mapping[str, Any]]
    undoes: int | None = None
    releases: str | None = None
    dealt: Dealt | None = None


def save(
    conn: sa.Connection,
    plan: Plan,
    score_ids: Mapping[int, int],
    before: Mapping[str, Mapping[str, Any]],
    at: datetime,
    run_id: int | None = None,
    *,
    undoes: int | None = None,
    releases: str | None = None,
    dealt: Dealt | None = None,
) -> None:
    """Keep a plan under its fingerprint, with the score of each person that caused it and, by change key,
    what HubSpot held before.

    The same changes shown twice are one row, as last shown.
    """
    row = {
        "fingerprint": plan.fingerprint,
        "run_id": run_id,
        "made_at": at,
        "state": "shown",
        "changes": [to_row(change) for change in plan.changes],
        "unsafe": list(plan.unsafe),
        "counts": dict(plan.counts),
        "score_ids": {str(person): score for person, score in score_ids.items()},
        "before": dict(before),
        "undoes": undoes,
        "releases": releases,
        "uses": {name: asdict(use) for name, use in plan.uses.items()},
        "dealt": None if dealt is None else asdict(dealt),
    }
    statement = insert(table).values(row)
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=[table.c.fingerprint],
            set_={name: statement.excluded[name] for name in row if name not in ("fingerprint", "state")},
            where=table.c.state == "shown",
        )
    )


def load(conn: sa.Connection, fingerprint: str) -> StoredPlan | None:
    """The plan shown under `fingerprint`, or None."""
    row = conn.execute(sa.select(table).where(table.c.fingerprint == fingerprint)).mappings().first()
    if row is None:
        return None
    return StoredPlan(
        plan=Plan(
            changes=tuple(from_row(item) for item in row["changes"]),
            fingerprint=row["fingerprint"],
            unsafe=tuple(row["unsafe"]),
            counts=row["counts"],
            uses={name: Use(**use) for name, use in row["uses"].items()},
        ),
        state=row["state"],
        made_at=row["made_at"],
        score_ids={int(person): score for person, score in row["score_ids"].items()},
        before=row["before"],
        undoes=row["undoes"],
        releases=row["releases"],
        dealt=None if row["dealt"] is None else _dealt(row["dealt"]),
    )


def hold_back(conn: sa.Connection, fingerprint: str, unsafe: Sequence[str]) -> None:
    """A plan that was shown as safe waits for a person after all."""
    conn.execute(sa.update(table).where(table.c.fingerprint == fingerprint).values(unsafe=list(unsafe)))


def _dealt(row: Mapping[str, Any]) -> Dealt:
    return Dealt(Trial(**row["trial"]), tuple(Assignment(**item) for item in row["arms"]))


def mark(conn: sa.Connection, fingerprint: str, state: str, at: datetime) -> None:
    """Move a plan on: "applying", then "applied"."""
    applied_at = at if state == "applied" else None
    conn.execute(
        sa.update(table).where(table.c.fingerprint == fingerprint).values(state=state, applied_at=applied_at)
    )


def stop(conn: sa.Connection, run_id: int, but: str) -> None:
    """Plans that a run began and that were interrupted, and interrupted ways back from it, go on no more;
    the one under the fingerprint `but` does.
    """
    of_run = sa.select(ledger.c.fingerprint).where(ledger.c.run_id == run_id)
    conn.execute(
        sa.update(table)
        .where(
            table.c.state == "applying",
            table.c.fingerprint != but,
            sa.or_(table.c.undoes == run_id, table.c.run_id == run_id, table.c.fingerprint.in_(of_run)),
        )
        .values(state="stopped")
    )


def alert_once(conn: sa.Connection, fingerprint: str, at: datetime) -> bool:
    """Note that a plan's waiting is told. False when it was told before."""
    return (
        conn.execute(
            sa.update(table)
            .where(table.c.fingerprint == fingerprint, table.c.alerted_at.is_(None))
            .values(alerted_at=at)
        ).rowcount
        > 0
    )


def interrupted(conn: sa.Connection) -> list[str]:
    """Fingerprints of plans whose apply was begun and not finished, oldest first."""
    query = sa.select(table.c.fingerprint).where(table.c.state == "applying").order_by(table.c.made_at)
    return list(conn.execute(query).scalars())


def count_released(conn: sa.Connection) -> int:
    """How many plans that concern leads were ever applied, in part or whole. The first waits for a person."""
    return int(conn.execute(RELEASED).scalar_one())


def told_waiting(conn: sa.Connection, now: datetime) -> str | None:
    """The fingerprint of a plan whose waiting was told and that can still be released; None once a plan that
    waited was released since, or writes went on without. Neither a way back nor a release of rules counts.
    """
    return conn.execute(TOLD_WAITING, {"since": now - PLAN_LIFE}).scalar()


def waits_no_more(conn: sa.Connection) -> None:
    """Writes go on without the plans that were told to wait: the next one that waits is told again."""
    waiting = sa.and_(table.c.state == "shown", table.c.alerted_at.is_not(None))
    conn.execute(sa.update(table).where(waiting).values(alerted_at=None))


def last_waiting(conn: sa.Connection, now: datetime) -> StoredPlan | None:
    """The plan that was told to wait for a person, else the newest one if nobody began it, or None."""
    if (told := told_waiting(conn, now)) is not None:
        return load(conn, told)
    newest = conn.execute(
        sa.select(table.c.fingerprint, table.c.state).order_by(table.c.made_at.desc()).limit(1)
    ).first()
    return load(conn, newest.fingerprint) if newest is not None and newest.state == "shown" else None


SETUP_LEFT = sa.text("""
    SELECT EXISTS (
        SELECT FROM plan CROSS JOIN LATERAL jsonb_array_elements(plan.changes) AS change
        WHERE plan.state = 'applying' AND change ->> 'kind' IN ('EnsureProperty', 'EnsureList')
          AND NOT EXISTS (
            SELECT FROM ledger WHERE ledger.fingerprint = plan.fingerprint
            AND ledger.change_key = change ->> 'key' AND ledger.state <> 'intent'))
""")


def setup_left(conn: sa.Connection) -> bool:
    """Does an interrupted plan still have properties or lists to make? Without them writes are refused."""
    return bool(conn.execute(SETUP_LEFT).scalar())
