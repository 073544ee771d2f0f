"""The whole story by real processes, on either API version and on another PostgreSQL: one end state."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from app.store.database import psycopg_url
from tests.chaos.end_state import settled
from tests.demo import play
from tests.story import Story

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("story")]

POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")
LEADS = 200


@pytest.fixture(scope="module")
def began() -> str:
    """When every one of these stories begins."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@pytest.fixture(scope="module")
def played(
    tmp_path_factory: pytest.TempPathFactory, began: str
) -> Callable[..., tuple[dict[str, Any], dict[str, Any]]]:
    """Plays a story to its end, once for each way of playing it; gives its summary and what HubSpot holds."""
    known: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]] = {}

    def once(api_version: str, database_url: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
        way = (api_version, database_url)
        if way not in known:
            folder = tmp_path_factory.mktemp("story")
            story = Story(folder, leads=LEADS, api_version=api_version, database_url=database_url, now=began)
            with story:
                known[way] = play(story), settled(story.view("dump"))
        return known[way]

    return once


def assert_sound(summary: dict[str, Any]) -> None:
    assert {name: summary[name] for name in ("lost", "duplicated", "http_429", "second_run_writes")} == {
        "lost": 0,
        "duplicated": 0,
        "http_429": 0,
        "second_run_writes": 0,
    }
    assert summary["scored"] > LEADS * 0.8
    assert all(summary["written"].values())


@pytest.mark.parametrize("api_version", ["2026-09", "v3"])
def test_nothing_is_lost_doubled_or_written_twice(played: Any, api_version: str) -> None:
    summary, _ = played(api_version)
    assert_sound(summary)


def test_both_api_versions_come_to_the_same_end(played: Any) -> None:
    _, dated = played("2026-09")
    _, older = played("v3")
    assert differences(dated, older) == []


def test_another_postgresql_comes_to_the_same_end(played: Any, other_postgres: str) -> None:
    _, embedded = played("2026-09")
    summary, other = played("2026-09", other_postgres)
    assert_sound(summary)
    assert differences(embedded, other) == []


def differences(one: Any, other: Any, place: str = "") -> list[str]:
    """Where two end states differ, each with its path: a bare comparison of two portals cannot be read."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            line
            for name in sorted({*one, *other})
            for line in differences(one.get(name), other.get(name), f"{place}/{name}")
        ]
    return [] if one == other else [f"{place}: {one!r} or {other!r}"]


# --- another PostgreSQL -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def other_postgres() -> Iterator[str]:
    """A database on the server of SAVIA_TEST_DATABASE_URL, else on a PostgreSQL 15 of this machine."""
    outside = os.environ.get("SAVIA_TEST_DATABASE_URL")
    if outside:
        with database_on(outside) as url:
            yield url
    elif (POSTGRES_15 / "postgres").exists():
        with own_server() as server, database_on(server) as url:
            yield url
    else:
        pytest.skip(f"no SAVIA_TEST_DATABASE_URL, and no PostgreSQL 15 in {POSTGRES_15}")


@contextmanager
def database_on(server: str) -> Iterator[str]:
    name = sql.Identifier(f"savia_story_{os.getpid()}")
    with psycopg.connect(psycopg_url(server), autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        conn.execute(sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0").format(name))
    base, _, rest = server.partition("?")
    yield f"{base.rpartition('/')[0]}/savia_story_{os.getpid()}" + (f"?{rest}" if rest else "")
    with psycopg.connect(psycopg_url(server), autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


@contextmanager
def own_server() -> Iterator[str]:
    """PostgreSQL 15 in a folder of its own, on a Unix socket that trusts everybody; never as root, which it
    refuses.
    """
    folder = Path(tempfile.mkdtemp(prefix="savia-pg15-"))
    owner = unprivileged()
    try:
        if owner:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        cluster = str(folder / "data")
        run(owner, "initdb", "-D", cluster, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        settings = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        run(owner, "pg_ctl", "start", "-D", cluster, "-w", "-l", str(folder / "log"), "-o", settings)
        try:
            yield f"postgresql://postgres@/postgres?host={quote(str(folder), safe='')}"
        finally:
            run(owner, "pg_ctl", "stop", "-D", cluster, "-m", "fast", "-w")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def unprivileged() -> pwd.struct_passwd | None:
    """Whom to run the server as when we are root; None when we are not."""
    if os.getuid():
        return None
    return pwd.getpwnam("nobody")


def run(owner: pwd.struct_passwd | None, program: str, *arguments: str) -> None:
    command: Sequence[str] = [str(POSTGRES_15 / program), *arguments]
    identity: dict[str, Any] = (
        {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if owner else {}
    )
    subprocess.run(
        command,
        check=True,
        cwd="/",
        env={"LC_ALL": "C.UTF-8"},
        stdout=subprocess.DEVNULL,
        timeout=60,
        **identity,
    )
