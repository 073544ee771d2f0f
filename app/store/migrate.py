"""Brings the database to the newest tables: the release phase, `jobs migrate`, the demo and the tests.

Tables may be newer than the code: after a rollback, or while a release is rolled out. That is fine for one
release back, since a migration takes nothing away that the release before it uses (see ARCHITECTURE.md).
"""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

log = logging.getLogger(__name__)

Standing = Literal["behind", "at head", "newer"]
"""The tables beside this code: `jobs migrate` is due; as they should be; of a release later than this one."""

# Any number does, as long as every release of Savia uses the same one.
MIGRATION_LOCK = 7_202_611


def upgrade(engine: sa.Engine) -> None:
    """Run every migration that is missing, all in one transaction; none where the tables are newer than this
    code.

    Two releases at once are harmless: the second waits and finds nothing left to do.
    """
    config = _config()
    with engine.begin() as conn:
        conn.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        if _standing_of(conn) == "newer":
            log.warning("the tables are newer than this code: nothing to migrate, fine after a rollback")
            return
        config.attributes["connection"] = conn
        command.upgrade(config, "head")


def at_head(engine: sa.Engine) -> bool:
    """Whether nothing is left to migrate. Reads only."""
    return standing(engine) != "behind"


def standing(engine: sa.Engine) -> Standing:
    """How the tables stand beside this code. Reads only."""
    with engine.connect() as conn:
        return _standing_of(conn)


def _standing_of(conn: sa.Connection) -> Standing:
    known, heads = _revisions()
    found = set(MigrationContext.configure(conn).get_current_heads())
    if found - known:
        return "newer"
    return "at head" if found == heads else "behind"


@cache
def _revisions() -> tuple[frozenset[str], frozenset[str]]:
    """Every revision of this code, and the newest."""
    scripts = ScriptDirectory.from_config(_config())
    known = frozenset(script.revision for script in scripts.walk_revisions())
    return known, frozenset(scripts.get_heads())


def _config() -> Config:
    config = Config()
    place = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", place.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
