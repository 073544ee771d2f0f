"""pgqueuer, set as near to ours as it goes. In no requirements file: `pip install pgqueuer==1.6.0`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pgqueuer
import psycopg
from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
from pgqueuer.adapters.persistence.queries import Queries, SyncQueries
from pgqueuer.errors import DuplicateJobError
from pgqueuer.models import Job
from psycopg.rows import dict_row

from bench.engines.trials import Ledger, order, run_job

NAME = "pgqueuer"
PACKAGE = "pgqueuer"
FINISHED_SQL = "SELECT count(*) FROM pgqueuer WHERE status IN ('queued', 'picked')"

HOWS: dict[str, dict[str, Any]] = {
    "tuned": {"stalled": 10, "poll": 1, "restart": True},
    "defaults": {"stalled": 30, "poll": 30, "restart": False},
}


class CallersConnection:
    """The caller's own transaction as a driver: the library's refuses a connection without autocommit."""

    def __init__(self, conn: Any) -> None:
        self._conn = conn

    def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        cursor = psycopg.RawCursor(self._conn, row_factory=dict_row)
        cursor.execute(query, args or None)
        return cursor.fetchall()


def install(url: str) -> None:
    async def make() -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
            await Queries(PsycopgDriver(conn)).install()

    asyncio.run(make())


def ask(conn: Any, wanted: list[dict[str, Any]], keys: list[str | None] | None = None) -> None:
    entrypoints = ["serial" if job["kind"] == "serial" else "trial" for job in wanted]
    payloads = [json.dumps(job).encode() for job in wanted]
    SyncQueries(CallersConnection(conn)).enqueue(entrypoints, payloads, [0] * len(wanted), dedupe_key=keys)


def work(url: str, ledger: Ledger, how: str, jobs_kept: bool, at_once: int) -> None:  # noqa: ARG001 - never kept
    chosen = HOWS[how]
    batch = max(1, at_once // 2)

    @asynccontextmanager
    async def make() -> AsyncIterator[pgqueuer.PgQueuer]:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
            queuer = pgqueuer.PgQueuer.from_psycopg_connection(conn)

            async def trial(job: Job) -> None:
                await asyncio.to_thread(run_job, ledger, json.loads(job.payload or b""))

            queuer.entrypoint("trial", on_failure="hold")(trial)
            queuer.entrypoint("serial", concurrency_limit=1, on_failure="hold")(trial)
            yield queuer

    asyncio.run(
        pgqueuer.run(
            make,
            dequeue_timeout=timedelta(seconds=chosen["poll"]),
            heartbeat_timeout=timedelta(seconds=chosen["stalled"]),
            batch_size=batch,
            max_concurrent_tasks=batch * 2,
            restart_on_failure=chosen["restart"],
            restart_delay=timedelta(seconds=1),
        )
    )


def states(conn: Any) -> dict[str, int]:
    rows = conn.execute("SELECT status::text, count(*) FROM pgqueuer GROUP BY 1 ORDER BY 1")
    return dict(rows.fetchall())


def replay_failed(url: str) -> str:
    async def replay() -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
            queries = Queries(PsycopgDriver(conn))
            await queries.requeue_jobs([job.id for job in await queries.list_failed_jobs()])

    asyncio.run(replay())
    return "requeue_jobs"


def ask_twice_while_it_runs(conn: Any, tag: str) -> bool:
    try:
        ask(conn, [order("nap", tag, 4)], ["one waits"])
    except DuplicateJobError:
        conn.rollback()
        return False
    conn.commit()
    return True


def clear_finished(conn: Any) -> None:
    conn.execute("DELETE FROM pgqueuer_log WHERE aggregated OR status <> 'queued'")
