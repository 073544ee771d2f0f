"""Ask the vendors: page by page, each page stored with its cursor before the next is asked for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime

from app.domain.errors import SaviaError
from app.pipeline.absorb import Absorbed, store_page
from app.services import Services
from app.store import cursors, runs

log = logging.getLogger(__name__)


def pull_stream(
    services: Services, source: str, stream: str, now: datetime, run_id: int
) -> Iterator[Absorbed]:
    """What each page of one stream came to, from the stored cursor to the end."""
    with services.database.begin() as conn:
        after = cursors.read(conn, source, stream)
    for page in services.sources[source].pull(stream, after, now):
        yield store_page(services, source, stream, page, run_id, now)


def pull_source(services: Services, source: str, now: datetime) -> dict[str, int]:
    """Every stream of one source, in its order. Returns records read by stream.

    A vendor that is away or refuses our key ends this source's turn; what was read stays, and the run
    record says why. Raises TryLater and BadCredentials.
    """
    with services.database.begin() as conn:
        run_id = runs.start(conn, f"sync {source}", now)
    read: dict[str, int] = {}
    error: str | None = None
    try:
        for stream in services.sources[source].streams:
            pages = pull_stream(services, source, stream, now, run_id)
            read[stream] = sum(page.records for page in pages)
    except SaviaError as reason:
        error = str(reason)
        log.warning("%s: %s", source, reason)
        raise
    except Exception as reason:
        error = type(reason).__name__  # its text may hold personal data
        raise
    finally:
        with services.database.begin() as conn:
            runs.finish(conn, run_id, services.clock(), result=read, error=error)
    return read
