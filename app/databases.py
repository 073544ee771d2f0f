"""Where the database is: the one that is named, or the embedded server's, which we start and keep up."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.config import Settings
from app.store import embedded, migrate
from app.store.database import make_engine

EMBEDDED_FOLDER = Path("var/pg")
"""Where the embedded server keeps its data when no DATABASE_URL is given."""


@dataclass(frozen=True, slots=True)
class Database:
    """Where the database is. `keep_up` starts an embedded one again that was killed."""

    url: str
    keep_up: Callable[[], None]


@contextmanager
def database_of(settings: Settings) -> Iterator[Database]:
    """It, for as long as the block lasts."""
    if settings.secrets.database_url:
        yield Database(settings.secrets.database_url, lambda: None)
        return
    with embedded.EmbeddedServer.start(EMBEDDED_FOLDER) as server:
        engine = make_engine(server.url)
        migrate.upgrade(engine)
        engine.dispose()
        yield Database(server.url, server.keep_up)


def embedded_for_life() -> str:
    """A server on its own, without `jobs all`, shares the embedded database until it ends."""
    server = embedded.EmbeddedServer.start(EMBEDDED_FOLDER)
    atexit.register(server.stop)
    return server.url
