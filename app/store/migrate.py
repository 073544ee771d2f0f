"""Brings the database to the newest tables: the release phase, `jobs migrate`, the demo and the tests.

Tables may be newer than the code: after a rollback, or while a release is rolled out. That is fine for one
release back, since a migration takes nothing away that the release before it uses (see ARCHITECTURE.md).
"""

from __future__ import annotations

import logging
import time
from functools import cache
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.errors import LockNotAvailable

log = logging.getLogger(__name__)

Standing = Literal["behind", "at head", "newer"]
"""The tables beside this code: `jobs migrate` is due; as they should be; of a release later than this one."""

# Any number does, as long as every release of Savia uses the same one.
MIGRATION_LOCK = 7_202_611


LOCK_WAIT = "2s"
"""A vendor waits three seconds for the answer to a delivery."""

TRIES, PAUSE = 30, 1.0
"""How often a table in use is tried, and the seconds between two tries: lots take at most ten."""


def upgrade(engine: sa.Engine) -> None:
    """Run every migration that is missing, all in one transaction; none where the tables are newer than this
    code.

    Two releases at once are harmless: the second waits and finds nothing left to do. A table that a lot works
    on is not waited for long, since deliveries would queue up behind us: it is tried again instead.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            _upgrade(engine)
        except sa.exc.OperationalError as reason:
            if not tries_left or not isinstance(reason.orig, LockNotAvailable):
                raise
            log.info("a table is in use: trying again")
            time.sleep(PAUSE)
        else:
            return


def _upgrade(engine: sa.Engine) -> None:
    config = _config()
    with engine.begin() as conn:
        conn.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        conn.execute(sa.text("SELECT set_config('lock_timeout', :wait, true)"), {"wait": LOCK_WAIT})
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


def heads() -> set[str]:
    """The newest migrations of this version of Savia: one."""
    return set(_revisions()[1])


def _config() -> Config:
    config = Config()
    place = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", place.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
