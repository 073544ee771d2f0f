"""What each job did and when: one row a run, kept for `check`, `/readyz` and explain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.store.encoding import as_json

START = sa.text("INSERT INTO run (job, started_at, progress) VALUES (:job, :at, '{}') RETURNING id")
PROGRESS = sa.text("UPDATE run SET progress = progress || CAST(:numbers AS jsonb) WHERE id = :id")
FINISH = sa.text("""
    UPDATE run SET finished_at = :at, result = CAST(:result AS jsonb), error = :error WHERE id = :id
""")
DROP = sa.text("DELETE FROM run WHERE id = :id")
COLUMNS = "SELECT id, job, started_at, progress, finished_at, result, error FROM run"
LAST = sa.text(f"{COLUMNS} WHERE job = :job ORDER BY id DESC LIMIT 1")
RESULTS = sa.text("""
    SELECT result -> CAST(:key AS text) FROM run WHERE job = :job AND result ? CAST(:key AS text)
    ORDER BY id DESC LIMIT :limit
""")
TOLD_AT = sa.text("""
    SELECT started_at FROM run WHERE job = :job AND result ? CAST(:key AS text) ORDER BY id DESC LIMIT 1
""")
LAST_COMPLETE = sa.text("""
    SELECT started_at FROM run WHERE job = :job AND error IS NULL AND result @> '{"complete": true}'
    ORDER BY id DESC LIMIT 1
""")
RECENT = sa.text(f"{COLUMNS} ORDER BY id DESC LIMIT :limit")


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `finished_at` is None while it works, and for ever when its process was killed."""

    id: int
    job: str
    started_at: datetime
    progress: Mapping[str, float]
    finished_at: datetime | None
    result: Mapping[str, Any] | None
    error: str | None


def start(conn: sa.Connection, job: str, at: datetime) -> int:
    """A new run of `job`; its id goes on every row the run causes."""
    return int(conn.execute(START, {"job": job, "at": at}).scalar_one())


def progress(conn: sa.Connection, run_id: int, **numbers: float) -> None:
    """Replace these counters, leave the others."""
    conn.execute(PROGRESS, {"id": run_id, "numbers": as_json(numbers)})


def finish(
    conn: sa.Connection,
    run_id: int,
    at: datetime,
    result: Mapping[str, Any] | None = None,
    error: str | None = None,
) -> None:
    """The run is over. `error` is one line without personal data, None when it went well."""
    shown = None if result is None else as_json(result)
    conn.execute(FINISH, {"id": run_id, "at": at, "result": shown, "error": error})


def drop(conn: sa.Connection, run_id: int) -> None:
    """The run found nothing to do and caused nothing: it is not kept."""
    conn.execute(DROP, {"id": run_id})


def last(conn: sa.Connection, job: str) -> Run | None:
    """The newest run of `job`, finished or not."""
    row = conn.execute(LAST, {"job": job}).one_or_none()
    return None if row is None else Run(*row)


def last_results(conn: sa.Connection, job: str, key: str, limit: int) -> list[Any]:
    """What the newest runs of `job` that told `key` in their result said of it, newest first."""
    return list(conn.scalars(RESULTS, {"job": job, "key": key, "limit": limit}))


def last_told(conn: sa.Connection, job: str, key: str) -> datetime | None:
    """When the newest run of `job` that told `key` in its result began."""
    began: datetime | None = conn.scalar(TOLD_AT, {"job": job, "key": key})
    return began


def recent(conn: sa.Connection, limit: int) -> list[Run]:
    """The newest runs of all jobs, newest first."""
    return [Run(*row) for row in conn.execute(RECENT, {"limit": limit})]


def last_complete(conn: sa.Connection, job: str) -> datetime | None:
    """When the newest run of this job that came to its end began."""
    began: datetime | None = conn.scalar(LAST_COMPLETE, {"job": job})
    return began
