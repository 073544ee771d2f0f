"""What each engine costs: rates, growth of tables, memory, connections, dependencies."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import psycopg
import sqlalchemy as sa
from packaging.requirements import Requirement

from app.store.database import make_engine
from bench.engines.rig import Rig, engine, rig, wait_for
from bench.engines.trials import order

SINGLE, BULK, BULK_SIZE, GROWN = 1_000, 20_000, 5_000, 20_000

TABLES_SQL = """
SELECT c.relname, pg_table_size(c.oid), pg_indexes_size(c.oid), coalesce(s.n_dead_tup, 0)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
WHERE c.relkind = 'r' AND n.nspname = 'public'
"""


def transactional(name: str, server: str, folder: Path) -> str:
    """A job asked for on the raw connection of a SQLAlchemy transaction, rolled back and committed."""
    with rig(name, server, folder) as made:
        database = make_engine(made.url)
        with database.connect() as conn, conn.begin() as rolled:
            made.engine.ask(conn.connection.driver_connection, [order("noop", "rolled back")])
            rolled.rollback()
        rolled_back = sum(made.states().values())
        with database.begin() as conn:
            made.engine.ask(conn.connection.driver_connection, [order("noop", "committed")])
        committed = sum(made.states().values())
        database.dispose()
        return f"rolled back: {rolled_back} jobs, committed: {committed}; {_own_driver(name, made.url)}"


def _own_driver(name: str, url: str) -> str:
    """Whether the library takes such a connection as it is."""
    if name == "procrastinate":
        return "by its own connection= argument"
    from pgqueuer.adapters.drivers.psycopg import SyncPsycopgDriver

    database = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        with database.connect() as conn:
            SyncPsycopgDriver(conn.connection.driver_connection)
    except RuntimeError:
        return "its own driver refuses a connection without autocommit: 10 lines of ours"
    finally:
        database.dispose()
    return "by its own driver"


def rates(name: str, server: str, folder: Path, runs: int = 3) -> str:
    """Enqueued per second one commit each and in lots of 5,000; then small jobs worked off by one worker."""
    single, bulk, worked = [], [], []
    for _ in range(runs):
        with rig(name, server, folder) as made, psycopg.connect(made.url) as conn:
            single.append(_per_second(SINGLE, _ask_singly, made, conn))
            bulk.append(_per_second(BULK, _ask_in_bulk, made, conn))
            worked.append(_worked_off(made))
    one, lots, done = (f"{statistics.median(found):,.0f}/s" for found in (single, bulk, worked))
    return f"enqueue {one} singly, {lots} in lots; {done} small sync jobs by one worker, 10 at once"


def _ask_singly(made: Rig, conn: Any) -> None:
    for _ in range(SINGLE):
        made.engine.ask(conn, [order("noop", "")])
        conn.commit()


def _ask_in_bulk(made: Rig, conn: Any) -> None:
    for _ in range(BULK // BULK_SIZE):
        made.engine.ask(conn, [order("noop", "")] * BULK_SIZE)
        conn.commit()


def _worked_off(made: Rig) -> float:
    """Counted while it runs with a long queue behind it: five seconds, after two to warm up.

    Analysed first: with the statistics of an empty table procrastinate's fetch is some fifteen times slower.
    """
    with psycopg.connect(made.url, autocommit=True) as conn:
        conn.execute("ANALYZE")
    made.start(at_once=10)
    time.sleep(2)
    before, began = made.unfinished(), time.monotonic()
    time.sleep(5)
    return (before - made.unfinished()) / (time.monotonic() - began)


def _per_second(count: int, asking: Callable[[Rig, Any], None], made: Rig, conn: Any) -> float:
    began = time.monotonic()
    asking(made, conn)
    return count / (time.monotonic() - began)


def growth(name: str, server: str, folder: Path, *, kept: bool) -> str:
    """MB that 100,000 finished jobs leave (20,000 measured, times five), at once, cleared and vacuumed."""
    with rig(name, server, folder) as made, psycopg.connect(made.url, autocommit=True) as conn:
        for _ in range(GROWN // BULK_SIZE):
            made.engine.ask(conn, [order("noop", "")] * BULK_SIZE)
        for _ in range(2):
            made.start(kept=kept, at_once=10)
        took = wait_for(lambda: made.unfinished() == 0, 400)
        for worker in made.workers:
            worker.terminate()
            worker.wait()
        time.sleep(1.5)  # the server's statistics are a second late
        after = _sizes(conn)
        conn.execute("VACUUM")
        vacuumed = _sizes(conn)
        made.engine.clear_finished(conn)
        conn.execute("VACUUM")
        cleared = _sizes(conn)
        return (
            f"{after}; vacuumed {vacuumed}; cleared and vacuumed {cleared}; worked off in {took or 0:.0f} s"
        )


def _sizes(conn: Any) -> str:
    rows = conn.execute(TABLES_SQL).fetchall()
    factor = 100_000 / GROWN / 1e6
    table, index = sum(row[1] for row in rows) * factor, sum(row[2] for row in rows) * factor
    return f"{table:.0f}+{index:.0f} MB (tables+indexes), {sum(row[3] for row in rows):,} dead"


def idle(name: str, server: str, folder: Path) -> str:
    with rig(name, server, folder) as made:
        worker = made.start()
        time.sleep(5)
        rss = psutil.Process(worker.pid).memory_info().rss / 1e6
        resting = made.connections()
        made.ask(*[order("nap", f"n{number}", 2) for number in range(2)])
        busiest = 0
        for _ in range(30):
            busiest = max(busiest, made.connections())
            time.sleep(0.05)
        return f"{rss:.0f} MB, {resting} connections (at work up to {busiest})"


def package(name: str) -> str:
    """Version, what it pulls in with psycopg left out on both sides, size on disk, types."""
    names = _closure(engine(name).PACKAGE) - {"psycopg", "psycopg-binary", "psycopg-pool"}
    size = sum(_installed_bytes(one) for one in names) / 1e6
    own = _installed_bytes(engine(name).PACKAGE) / 1e6
    typed = any(str(file).endswith("py.typed") for file in metadata.files(engine(name).PACKAGE) or [])
    return (
        f"{metadata.version(engine(name).PACKAGE)}; {len(names)} packages, {size:.1f} MB (itself {own:.1f}); "
        f"py.typed {'yes' if typed else 'no'}"
    )


def _closure(root: str) -> set[str]:
    found: set[str] = set()
    waiting = [root]
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in found:
            continue
        try:
            wanted = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        found.add(name)
        needs = (Requirement(line) for line in wanted)
        waiting += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    return found


def _installed_bytes(name: str) -> int:
    files = metadata.files(name) or []
    return sum(Path(str(file.locate())).stat().st_size for file in files if Path(str(file.locate())).exists())
