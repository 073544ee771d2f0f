"""Pulled pages become facts about people, each with its cursor in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from types import MappingProxyType

import sqlalchemy as sa

from app.domain.errors import SaviaError
from app.domain.records import Fact, Page, Record
from app.pipeline.absorbed import Absorbed, hold, read_records, store
from app.pipeline.current import doubt_changed
from app.pipeline.poison import Poison, find_poison
from app.services import Services
from app.store import cursors, facts, runs
from app.store.facts import Cause, Whole
from app.store.quarantine import HeldRecord

log = logging.getLogger(__name__)


def store_page(
    services: Services, source: str, stream: str, page: Page, run_id: int, now: datetime
) -> Absorbed:
    """Records and their cursor in one transaction: a crash between the two cannot happen.

    A page that breaks us in a way nobody foresaw would come again for ever: the records that do it are found
    and held for a person; the rest is stored.
    """
    try:
        return _store_page(services, source, stream, page, run_id, now)
    except (SaviaError, sa.exc.OperationalError):
        raise
    except Exception:
        log.exception("a page of %s %s failed as a whole: what breaks it is looked for", source, stream)
        poison = find_poison(page.records, lambda some: _failure(services, some, run_id, now))
        if not poison:
            raise
    return _store_page(services, source, stream, page, run_id, now, poison)


def _store_page(
    services: Services,
    source: str,
    stream: str,
    page: Page,
    run_id: int,
    now: datetime,
    poison: Poison = MappingProxyType({}),
) -> Absorbed:
    done = Absorbed()
    cause = Cause(run_id=run_id)
    held = [_poisoned(page.records[place], failure, run_id) for place, failure in sorted(poison.items())]
    records = [record for place, record in enumerate(page.records) if place not in poison]
    with services.database.begin() as conn:
        kept = read_records(services, conn, records, cause, now, done)
        hold(conn, done, held, now)
        done.records += len(held)
        doubt_changed(conn, records)
        whole = _whole(services, source, stream, page)
        store(conn, done, [(fact, cause) for fact in kept], now, whole)
        cursors.save(conn, source, stream, dict(page.cursor), now)
        runs.progress(conn, run_id, **{f"{source}.{stream}": done.records})
    return done


def _whole(services: Services, source: str, stream: str, page: Page) -> Whole | None:
    """What the page says it is all there is of."""
    if not page.replaces:
        return None
    meaning = services.mappings.streams[source].stream.get(stream)
    kinds = meaning.replaced_kinds if meaning else frozenset()
    return Whole(source, page.replaces, kinds, page.as_of)


def _poisoned(record: Record, failure: str, run_id: int) -> HeldRecord:
    reason = f"our own fault, {failure}: see the worker's log"
    return HeldRecord(record.source, record.stream, "(whole)", reason, record.payload, None, run_id)


def _failure(services: Services, records: Sequence[Record], run_id: int, now: datetime) -> str:
    """The kind of failure these records cause, "" for none. Nothing of the trial stays."""
    cause = Cause(run_id=run_id)
    with services.database.connect() as conn:
        try:
            kept = read_records(services, conn, records, cause, now, Absorbed())
            facts.store(conn, [(fact, cause) for fact in kept], now)
        except (SaviaError, sa.exc.OperationalError):
            raise
        except Exception as failure:  # noqa: BLE001 - the same
            return type(failure).__name__
        finally:
            conn.rollback()
    return ""


def store_records(
    services: Services, records: Iterable[Record], run_id: int, now: datetime, facts_too: Sequence[Fact] = ()
) -> Absorbed:
    """Records that no cursor belongs to, and facts that were known before them, in one transaction."""
    done = Absorbed()
    cause = Cause(run_id=run_id)
    with services.database.begin() as conn:
        kept = [*facts_too, *read_records(services, conn, records, cause, now, done)]
        store(conn, done, [(fact, cause) for fact in kept], now)
    return done
