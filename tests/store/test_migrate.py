"""The migrated database is the one the schema describes, however often and by however many it is migrated."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from app.store import migrate
from app.store.database import make_engine
from app.store.schema import metadata
from tests.conftest import MIGRATIONS

FACTS_OF_COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
           pg_get_expr(d.adbin, d.adrelid), coll.collname, col_description(c.oid, a.attnum)
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' AND c.relnamespace = CAST(:s AS regnamespace)
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    LEFT JOIN pg_collation coll ON coll.oid = a.attcollation
    WHERE a.attnum > 0 AND NOT a.attisdropped
"""
FACTS_OF_INDEXES = """
    SELECT tablename, indexname, replace(indexdef, :s || '.', '') FROM pg_indexes WHERE schemaname = :s
"""
FACTS_OF_CONSTRAINTS = """
    SELECT conrelid::regclass::oid::regclass::text, conname, replace(pg_get_constraintdef(oid), :s || '.', '')
    FROM pg_constraint WHERE connamespace = CAST(:s AS regnamespace) AND contype IN ('p', 'u', 'f', 'c')
"""


@pytest.fixture
def bare_url(server_url: str, database_url: str) -> Iterator[str]:
    """An empty database that nobody has migrated."""
    address = sa.make_url(database_url)
    name = f"{address.database}_bare"
    admin = make_engine(server_url).execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        conn.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        conn.execute(sa.text(f"CREATE DATABASE {name}"))
    yield address.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as conn:
        conn.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def _ours(name: str | None, kind: str, _parents: Any) -> bool:
    return not (kind == "table" and str(name).startswith("procrastinate_"))


def test_alembic_finds_no_difference_between_migrations_and_schema(database: sa.Engine) -> None:
    options = {"include_name": _ours, "compare_server_default": True}
    with database.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn, opts=options), metadata) == []


@pytest.mark.parametrize("query", [FACTS_OF_COLUMNS, FACTS_OF_INDEXES, FACTS_OF_CONSTRAINTS])
def test_the_catalogue_says_the_same_of_migrated_and_described_tables(
    database: sa.Engine, query: str
) -> None:
    """What alembic does not compare: collations, conditions of indexes, names of constraints."""
    ours = {table.name for table in metadata.sorted_tables}
    with database.connect() as conn:
        migrated = {tuple(row) for row in conn.execute(sa.text(query), {"s": "public"}) if row[0] in ours}
        conn.execute(sa.text("CREATE SCHEMA described"))
        conn.execute(sa.text("SET LOCAL search_path = described"))
        metadata.create_all(conn, checkfirst=False)
        described = {tuple(row) for row in conn.execute(sa.text(query), {"s": "described"})}
        conn.rollback()
    assert migrated == described


def test_two_releases_at_once_migrate_once(bare_url: str) -> None:
    engine = make_engine(bare_url)
    assert not migrate.at_head(engine)
    faults: list[Exception] = []

    def release() -> None:
        try:
            migrate.upgrade(engine)
        except Exception as fault:  # noqa: BLE001  handed to the test's own thread
            faults.append(fault)

    threads = [threading.Thread(target=release) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert migrate.at_head(engine)
    engine.dispose()


def test_the_job_engine_finds_its_tables(database: sa.Engine) -> None:
    assert {"procrastinate_jobs", "procrastinate_workers"} <= set(sa.inspect(database).get_table_names())


def test_a_failing_migration_leaves_nothing_behind(bare_url: str) -> None:
    engine = make_engine(bare_url)
    with engine.begin() as conn:
        conn.execute(sa.text("CREATE TABLE procrastinate_jobs (id int)"))  # in the way of the second one
    with pytest.raises(sa.exc.DatabaseError):
        migrate.upgrade(engine)
    assert sa.inspect(engine).get_table_names() == ["procrastinate_jobs"]
    engine.dispose()


TAKES_AWAY = re.compile(
    r"\b(drop\s+(table|column|view|function|type)|rename\s+(to|column)|set\s+not\s+null|"
    r"alter\s+column\s+\w+\s+type|add\s+column\s+\S+\s+\S+\s+not\s+null(?!\s+default))\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("path", sorted(MIGRATIONS.glob("0*")), ids=lambda path: path.name)
def test_a_migration_takes_nothing_away_that_the_release_before_it_uses(path: Path) -> None:
    """What is to go is used no more in one release, and dropped by a later one that says `contract:`."""
    taken = [line for line in path.read_text().splitlines() if TAKES_AWAY.search(line)]
    assert [line for line in taken if "contract:" not in line] == []


@pytest.mark.parametrize(
    "line",
    ["DROP TABLE lead", "alter table lead rename column a to b", "ALTER COLUMN a SET NOT NULL",
     "ADD COLUMN a text NOT NULL,"],
)  # fmt: skip
def test_what_would_break_the_release_before_is_recognised(line: str) -> None:
    assert TAKES_AWAY.search(line)


def test_tables_of_a_later_release_are_left_alone(bare_url: str) -> None:
    engine = make_engine(bare_url)
    assert migrate.standing(engine) == "behind"
    migrate.upgrade(engine)
    assert migrate.standing(engine) == "at head"
    with engine.begin() as conn:
        conn.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    migrate.upgrade(engine)
    assert migrate.standing(engine) == "newer"
    engine.dispose()


def test_a_migration_waits_for_a_table_in_use_without_keeping_others_from_it(
    bare_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for a table keeps all who come later waiting, too, deliveries among them."""
    monkeypatch.setattr(migrate, "LOCK_WAIT", "50ms")
    monkeypatch.setattr(migrate, "PAUSE", 0.05)
    engine = make_engine(bare_url)
    with engine.begin() as conn:
        conn.execute(sa.text("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)"))
    with engine.connect() as lot:
        lot.execute(sa.text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
        monkeypatch.setattr(migrate, "TRIES", 2)
        with pytest.raises(sa.exc.OperationalError):
            migrate.upgrade(engine)
        monkeypatch.setattr(migrate, "TRIES", 200)
        release = threading.Thread(target=migrate.upgrade, args=(engine,))
        release.start()
        lot.rollback()
    release.join()
    assert migrate.standing(engine) == "at head"
    engine.dispose()
