"""What was written to HubSpot: an intent before each call, its outcome after, and what stood there before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.domain.changes import (
    FOR_THE_MOMENT,
    AddToList,
    Change,
    CreateContact,
    CreateTask,
    EnrolInWorkflow,
    Outcome,
    RemoveFromList,
    Unenrol,
    WithdrawTask,
)
from app.domain.desired import task_key
from app.store.change_rows import from_row, to_row
from app.store.encoding import as_json
from app.store.schema.decided import ledger as table

Before = Mapping[str, Any]

INTEND = sa.text("""
    INSERT INTO ledger (fingerprint, change_key, kind, person_id, contact_id, subject, change, before,
        score_id, run_id, state, intended_at, fence)
    SELECT :fingerprint, change_key, kind, person_id, contact_id, subject, change, nullif(before, 'null'),
        score_id, :run_id, 'intent', :at, :fence
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS d(
        change_key text, kind text, person_id bigint, contact_id text, subject text, change jsonb,
        before jsonb, score_id bigint)
    ON CONFLICT DO NOTHING
""")
SETTLE = sa.text("""
    UPDATE ledger SET state = d.state, reason = d.reason, settled_at = :at,
        contact_id = coalesce(nullif(d.contact_id, ''), ledger.contact_id)
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS d(key text, state text, reason text, contact_id text)
    WHERE ledger.fingerprint = :fingerprint AND ledger.change_key = d.key
""")


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One write as the ledger holds it."""

    ledger_id: int
    fingerprint: str
    change: Change
    person_id: int | None
    contact_id: str | None
    before: Before | None
    score_id: int | None
    run_id: int | None
    state: str
    reason: str
    intended_at: datetime
    settled_at: datetime | None


def subject_of(change: Change) -> str:
    """What a change is about, besides its lead: the list, the workflow or the task."""
    match change:
        case AddToList() | RemoveFromList():
            return change.list_name
        case EnrolInWorkflow() | Unenrol():
            return change.workflow
        case CreateTask():
            return change.key
        case WithdrawTask():
            return change.task_key
        case _:
            return ""


def intend(
    conn: sa.Connection,
    fingerprint: str,
    changes: Sequence[Change],
    before: Mapping[str, Before],
    score_ids: Mapping[int, int],
    at: datetime,
    run_id: int | None,
    fence: int,
) -> None:
    """Write down what is about to be sent. Commit before the call; a change already written down stays."""
    rows = [_row(change, before, score_ids) for change in changes]
    if rows:
        values = {"fingerprint": fingerprint, "at": at, "run_id": run_id, "fence": fence}
        conn.execute(INTEND, {"rows": as_json(rows), **values})


def _row(change: Change, before: Mapping[str, Before], score_ids: Mapping[int, int]) -> dict[str, Any]:
    person_id = getattr(change, "person_id", None)
    return {
        "change_key": change.key,
        "kind": type(change).__name__,
        "person_id": person_id,
        "contact_id": getattr(change, "contact_id", None),
        "subject": subject_of(change),
        "change": to_row(change),
        "before": before.get(change.key),
        "score_id": score_ids.get(person_id) if person_id is not None else None,
    }


def settle(conn: sa.Connection, fingerprint: str, outcomes: Iterable[Outcome], at: datetime) -> None:
    """Write down what came of each change."""
    rows = [
        {"key": item.key, "state": item.status, "reason": item.reason, "contact_id": item.contact_id}
        for item in outcomes
    ]
    if rows:
        conn.execute(SETTLE, {"rows": as_json(rows), "fingerprint": fingerprint, "at": at})


def states_of(conn: sa.Connection, fingerprint: str, keys: Sequence[str]) -> dict[str, str]:
    """How far these changes of a plan went, by key; one that was never begun is absent."""
    query = sa.select(table.c.change_key, table.c.state).where(
        table.c.fingerprint == fingerprint,
        table.c.change_key == sa.any_(sa.cast(list(keys), sa.ARRAY(sa.Text))),
    )
    return {key: state for key, state in conn.execute(query)}  # noqa: C416 - dict() of rows does not type-check


def settled_keys(conn: sa.Connection, fingerprint: str) -> set[str]:
    """The changes of a plan that need no further look."""
    query = sa.select(table.c.change_key).where(table.c.fingerprint == fingerprint, table.c.state != "intent")
    return set(conn.scalars(query))


def created_contacts(conn: sa.Connection, fingerprint: str) -> dict[int, str]:
    """The contacts a plan has made so far, by person."""
    query = sa.select(table.c.person_id, table.c.contact_id).where(
        table.c.fingerprint == fingerprint,
        table.c.kind == CreateContact.__name__,
        table.c.contact_id.is_not(None),
    )
    return {row.person_id: row.contact_id for row in conn.execute(query)}


def done_once(conn: sa.Connection, person_ids: Sequence[int]) -> tuple[set[tuple[int, str]], set[str]]:
    """(person, workflow) pairs already enrolled and task keys already made. An intent counts as made.

    A key is told with the person to whom the task belongs now: it was made under the number of somebody who
    may have been merged into them since.
    """
    query = sa.select(table.c.kind, table.c.person_id, table.c.subject).where(
        table.c.kind.in_([EnrolInWorkflow.__name__, CreateTask.__name__]),
        table.c.person_id == sa.any_(sa.cast(list(person_ids), sa.ARRAY(sa.BigInteger))),
        table.c.state.in_(["intent", "done"]),
    )
    enrolled: set[tuple[int, str]] = set()
    task_keys: set[str] = set()
    for kind, person_id, subject in conn.execute(query):
        if kind == CreateTask.__name__:
            task_keys.add(task_key(subject.rpartition(":")[0], person_id))
        else:
            enrolled.add((person_id, subject))
    return enrolled, task_keys


def stopped(conn: sa.Connection, person_ids: Sequence[int]) -> set[str]:
    """The keys of the enrolments ended and tasks withdrawn, or left to whoever works on them, so far."""
    query = sa.select(table.c.change_key).where(
        table.c.kind.in_([Unenrol.__name__, WithdrawTask.__name__]),
        table.c.person_id == sa.any_(sa.cast(list(person_ids), sa.ARRAY(sa.BigInteger))),
        table.c.state.in_(["done", "superseded"]),
    )
    return set(conn.execute(query).scalars())


def withdrawn(conn: sa.Connection, person_ids: Sequence[int]) -> dict[int, frozenset[str]]:
    """By person, the workflows and tasks, by key, whose enrolment an undo ended or whose task it withdrew. A
    task left to whoever works on it is not among them.
    """
    query = sa.select(table.c.kind, table.c.person_id, table.c.subject).where(
        table.c.kind.in_([Unenrol.__name__, WithdrawTask.__name__]),
        table.c.person_id == sa.any_(sa.cast(list(person_ids), sa.ARRAY(sa.BigInteger))),
        table.c.state == "done",
    )
    found: dict[int, set[str]] = {}
    for kind, person_id, subject in conn.execute(query):
        key = subject.rpartition(":")[0] if kind == WithdrawTask.__name__ else subject
        found.setdefault(person_id, set()).add(key)
    return {person_id: frozenset(keys) for person_id, keys in found.items()}


def of_person(conn: sa.Connection, person_id: int, limit: int = 50) -> list[LedgerRow]:
    """The newest writes about one person, newest first."""
    query = sa.select(table).where(table.c.person_id == person_id).order_by(table.c.id.desc()).limit(limit)
    return _read(conn, query)


def of_run(conn: sa.Connection, run_id: int) -> list[LedgerRow]:
    """What a run wrote, or may have written, oldest first."""
    query = sa.select(table).where(table.c.run_id == run_id, table.c.state.in_(["intent", "done"]))
    return _read(conn, query.order_by(table.c.id))


def runs_that_wrote(conn: sa.Connection, limit: int) -> list[tuple[int, datetime, int]]:
    """The newest runs with writes of theirs: (run, its first write, number of writes)."""
    query = (
        sa.select(table.c.run_id, sa.func.min(table.c.intended_at), sa.func.count())
        .where(table.c.run_id.is_not(None), table.c.state.in_(["intent", "done"]))
        .group_by(table.c.run_id)
        .order_by(table.c.run_id.desc())
        .limit(limit)
    )
    return [(run_id, at, count) for run_id, at, count in conn.execute(query)]


def refused_people(conn: sa.Connection) -> set[int]:
    """Of whom HubSpot refused something, as far back as the ledger goes."""
    query = sa.select(table.c.person_id).where(table.c.state == "rejected", table.c.person_id.is_not(None))
    return set(conn.scalars(query.distinct()))


def refused_for_the_moment(conn: sa.Connection, since: datetime) -> set[int]:
    """Of whom HubSpot could not take a write since then, and nothing was written after it."""
    later = table.alias("later")
    written = sa.select(later.c.id).where(later.c.person_id == table.c.person_id, later.c.id > table.c.id)
    query = sa.select(table.c.person_id).where(
        table.c.state == "rejected",
        table.c.settled_at >= since,
        table.c.reason.startswith(FOR_THE_MOMENT),
        table.c.person_id.is_not(None),
        ~written.exists(),
    )
    return set(conn.scalars(query.distinct()))


def rejected_count(conn: sa.Connection, since: datetime) -> int:
    """Writes HubSpot refused since a moment."""
    query = sa.select(sa.func.count()).where(table.c.state == "rejected", table.c.settled_at >= since)
    return conn.execute(query).scalar_one()


def _read(conn: sa.Connection, query: sa.Select[Any]) -> list[LedgerRow]:
    return [
        LedgerRow(
            ledger_id=row["id"],
            fingerprint=row["fingerprint"],
            change=from_row(row["change"]),
            person_id=row["person_id"],
            contact_id=row["contact_id"],
            before=row["before"],
            score_id=row["score_id"],
            run_id=row["run_id"],
            state=row["state"],
            reason=row["reason"],
            intended_at=row["intended_at"],
            settled_at=row["settled_at"],
        )
        for row in conn.execute(query).mappings()
    ]
