"""Brings the database to the newest tables: the release phase, `jobs migrate`, the demo and the tests."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

# Any number does, as long as every release of Savia uses the same one.
MIGRATION_LOCK = 7_202_611


def upgrade(engine: sa.Engine) -> None:
    """Run every migration that is missing, all in one transaction.

    Two releases at once are harmless: the second waits and finds nothing left to do.
    """
    config = _config()
    with engine.begin() as conn:
        conn.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        config.attributes["connection"] = conn
        command.upgrade(config, "head")


def at_head(engine: sa.Engine) -> bool:
    """Whether nothing is left to migrate. Reads only."""
    with engine.connect() as conn:
        return set(MigrationContext.configure(conn).get_current_heads()) == heads()


def heads() -> set[str]:
    """The newest migrations of this version of Savia: one."""
    return set(ScriptDirectory.from_config(_config()).get_heads())


def _config() -> Config:
    config = Config()
    place = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", place.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
