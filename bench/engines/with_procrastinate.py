"""procrastinate, used as app/engine.py uses it: `tuned` takes over stalled jobs in a pass of its own."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import procrastinate
import psycopg
from procrastinate import exceptions, jobs, manager, schema

from bench.engines.trials import Ledger, order, run_job

NAME = "procrastinate"
PACKAGE = "procrastinate"
FINISHED_SQL = "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
LOCK = "portal"

HOWS: dict[str, dict[str, float]] = {
    "tuned": {"beat": 3, "stalled": 10, "poll": 1, "pass": 0.5},
    "defaults": {"beat": 10, "stalled": 30, "poll": 5, "pass": 0},
    "defaults, own pass": {"beat": 10, "stalled": 30, "poll": 5, "pass": 2},
}


def install(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(schema.SchemaManager.get_schema())


def make_app(connector: Any, ledger: Ledger) -> procrastinate.App:
    app = procrastinate.App(connector=connector)

    @app.task(name="trial", queue="trials")
    def trial(**job: Any) -> None:
        run_job(ledger, job)

    return app


def job_of(job: dict[str, Any]) -> jobs.Job:
    lock = LOCK if job["kind"] == "serial" else None
    return jobs.Job(
        id=None, queue="trials", lock=lock, queueing_lock=None, task_name="trial", task_kwargs=job
    )


def ask(conn: Any, wanted: list[dict[str, Any]]) -> None:
    """In the caller's own transaction: any psycopg connection will do."""
    asking = manager.JobManager(procrastinate.SyncPsycopgConnector())
    asking.batch_defer_jobs([job_of(job) for job in wanted], connection=conn)


def work(url: str, ledger: Ledger, how: str, jobs_kept: bool, at_once: int) -> None:
    asyncio.run(_work(url, ledger, HOWS[how], jobs_kept, at_once))


async def _work(url: str, ledger: Ledger, how: dict[str, float], jobs_kept: bool, at_once: int) -> None:
    app = make_app(procrastinate.PsycopgConnector(conninfo=url, min_size=1, max_size=3), ledger)
    async with app.open_async():
        passes = asyncio.create_task(_take_over(app.job_manager, how)) if how["pass"] else None
        try:
            await app.run_worker_async(
                queues=["trials"],
                concurrency=at_once,
                fetch_job_polling_interval=how["poll"],
                update_heartbeat_interval=how["beat"],
                stalled_worker_timeout=how["stalled"],
                shutdown_graceful_timeout=8.0,
                delete_jobs="never" if jobs_kept else "successful",
            )
        finally:
            while passes and not passes.done():
                # Python 3.11's wait_for, which the pool uses, can swallow a cancel: once is not enough.
                passes.cancel()
                await asyncio.wait([passes], timeout=1)


async def _take_over(held: manager.JobManager, how: dict[str, float]) -> None:
    while True:
        with suppress(exceptions.ConnectorException):
            for job in await held.get_stalled_jobs(seconds_since_heartbeat=how["stalled"]):
                await held.retry_job(job)
        await asyncio.sleep(how["pass"])


def states(conn: Any) -> dict[str, int]:
    rows = conn.execute("SELECT status::text, count(*) FROM procrastinate_jobs GROUP BY 1 ORDER BY 1")
    return dict(rows.fetchall())


def replay_failed(url: str) -> str:
    """What the engine's own call for a replay is named; it is made here."""

    async def replay() -> None:
        app = make_app(
            procrastinate.PsycopgConnector(conninfo=url, min_size=1, max_size=1), Ledger.__new__(Ledger)
        )
        async with app.open_async():
            for job in await app.job_manager.list_jobs_async(status="failed"):
                await app.job_manager.retry_job(job)

    asyncio.run(replay())
    return "retry_job"


def ask_twice_while_it_runs(conn: Any, tag: str) -> bool:
    """Whether a job can be asked for under the key of one that is running: it must, or its wish is lost."""
    asking = manager.JobManager(procrastinate.SyncPsycopgConnector())
    keyed = job_of(order("nap", tag, 4)).evolve(queueing_lock="one waits")
    try:
        asking.defer_job(keyed, connection=conn)
    except exceptions.AlreadyEnqueued:
        conn.rollback()
        return False
    conn.commit()
    return True


def clear_finished(conn: Any) -> None:
    conn.execute("DELETE FROM procrastinate_jobs WHERE status NOT IN ('todo', 'doing')")
