"""What every test may use: a real PostgreSQL, a fixed moment, and no network beyond this machine."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from psycopg import sql

from app.store import migrate
from app.store.database import make_engine, psycopg_url
from app.store.embedded import EmbeddedServer

ROOT = Path(__file__).resolve().parent.parent
MIGRATIONS = ROOT / "app" / "store" / "migrations" / "versions"
TEMPLATE_LOCK = 7_202_612

# The same examples on every run: a failure is never luck, a slow machine never fails.
# A contract's property is run once for each connector that subclasses it, which is what that check warns of.
settings.register_profile(
    "savia",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow],
)
settings.load_profile("savia")


# --- network guard ----------------------------------------------------------------------------------------


def _is_this_machine(address: Any) -> bool:
    if not isinstance(address, tuple):  # a Unix socket's path
        return True
    host = str(address[0])
    if host in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _guarded(connect: Callable[..., Any]) -> Callable[..., Any]:
    def guard(self: socket.socket, address: Any) -> Any:
        if not _is_this_machine(address):
            raise AssertionError(f"a test spoke to {address[0]}: tests stay on this machine")
        return connect(self, address)

    return guard


socket.socket.connect = _guarded(socket.socket.connect)  # type: ignore[method-assign]  # that is the guard
socket.socket.connect_ex = _guarded(socket.socket.connect_ex)  # type: ignore[method-assign]  # the same


# --- time -------------------------------------------------------------------------------------------------


@pytest.fixture
def now() -> datetime:
    """The moment at which every test happens."""
    return datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


# --- database: one server per run, one database per process, emptied after every test ---------------------


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The maintenance address of a server where databases may be made."""
    outside = os.environ.get("SAVIA_TEST_DATABASE_URL")
    if outside:
        yield outside
        return
    with EmbeddedServer.start(ROOT / "var" / "tests-pg") as server:
        yield server.url


@pytest.fixture(scope="session")
def database_url(server_url: str) -> Iterator[str]:
    """This process's own database, migrated, for tests that start processes or engines of their own."""
    name = f"savia_test_{os.getpid()}"
    with psycopg.connect(psycopg_url(server_url), autocommit=True) as conn:
        _drop_leftovers(conn)
        _create_from_template(conn, server_url, name)
    yield _on_database(server_url, name)
    with psycopg.connect(psycopg_url(server_url), autocommit=True) as conn:
        _drop(conn, name)


@pytest.fixture(scope="session")
def _session_engine(database_url: str) -> Iterator[sa.Engine]:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def database(_session_engine: sa.Engine) -> Iterator[sa.Engine]:
    """An engine on an empty, migrated database."""
    yield _session_engine
    with _session_engine.begin() as conn:
        conn.execute(sa.text("SET LOCAL lock_timeout = '10s'"))  # a transaction left open fails by name
        tables = conn.scalars(
            sa.text(
                "SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' "
                "AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'"
            )
        )
        conn.execute(sa.text(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE"))


def _create_from_template(conn: psycopg.Connection, server_url: str, name: str) -> None:
    """Copying a migrated database takes a tenth of the time of migrating another one."""
    texts = b"".join(path.read_bytes() for path in sorted(MIGRATIONS.glob("0*")))
    template = f"savia_template_{hashlib.sha256(texts).hexdigest()[:12]}"
    conn.execute("SELECT pg_advisory_lock(%s)", [TEMPLATE_LOCK])
    if not conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [template]).fetchone():
        for (old,) in conn.execute(
            "SELECT datname FROM pg_database WHERE datname ~ '^savia_template_'"
        ).fetchall():
            _drop(conn, old)
        fresh = f"{template}_new"  # renamed when whole, so a killed run leaves no half a template
        conn.execute(
            sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0").format(sql.Identifier(fresh))
        )
        engine = make_engine(_on_database(server_url, fresh))
        migrate.upgrade(engine)
        engine.dispose()
        conn.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(fresh), sql.Identifier(template))
        )
    _drop(conn, name)
    conn.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    )
    # Tests need no durability: a commit need not wait for the disk.
    conn.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(sql.Identifier(name)))


def _drop_leftovers(conn: psycopg.Connection) -> None:
    """Databases of killed runs: their number is that of a process that is no more."""
    found = conn.execute(r"SELECT datname FROM pg_database WHERE datname ~ '^savia_test_[0-9]+$'")
    for (name,) in found.fetchall():
        try:
            os.kill(int(name.rpartition("_")[2]), 0)
        except ProcessLookupError:
            _drop(conn, name)
        except PermissionError:
            continue


def _drop(conn: psycopg.Connection, name: str) -> None:
    conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _on_database(server_url: str, name: str) -> str:
    return sa.make_url(server_url).set(database=name).render_as_string(hide_password=False)
