"""Inbox rows and pulled pages become facts about people; what cannot be read is held, the rest goes on."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

import sqlalchemy as sa

from app.domain.errors import BadRecord, SaviaError
from app.domain.normalize import is_known, normalize
from app.domain.ports import WebhookSource
from app.domain.records import Fact, Page, Profile, Record
from app.pipeline.current import doubt_changed
from app.pipeline.echo import without_echoes
from app.pipeline.poison import Poison, find_poison
from app.services import Services
from app.store import cursors, facts, inbox, quarantine, runs
from app.store.facts import Cause, Whole
from app.store.quarantine import HeldRecord

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Absorbed:
    """What one lot came to. `more` says that a full lot was taken, so there may be another."""

    records: int = 0
    facts: int = 0
    held: int = 0
    ignored: int = 0
    touched: set[int] = field(default_factory=set)
    more: bool = False

    def add(self, other: Absorbed) -> None:
        """Count another lot in."""
        self.records += other.records
        self.facts += other.facts
        self.held += other.held
        self.ignored += other.ignored
        self.touched |= other.touched

    def numbers(self) -> dict[str, int]:
        """The counts, for a run record."""
        return {
            "records": self.records,
            "facts": self.facts,
            "held": self.held,
            "ignored": self.ignored,
            "touched": len(self.touched),
        }


def absorb(services: Services, now: datetime, lot: int = 500) -> Absorbed:
    """Take one lot of waiting deliveries through to facts, in one transaction.

    A delivery that breaks us in a way nobody foresaw must not stop the line: the lot is then taken one by
    one, and what breaks alone is held for a person, with the kind of failure.
    """
    try:
        return _absorb_lot(services, now, lot)
    except (SaviaError, sa.exc.OperationalError):
        raise
    except Exception:
        log.exception("a lot of deliveries failed as a whole: taken one by one")
    done = Absorbed()
    with services.database.begin() as conn:
        waiting = [row.id for row in inbox.take(conn, lot)]
    for inbox_id in waiting:
        try:
            done.add(_absorb_lot(services, now, 1, only=inbox_id))
        except (SaviaError, sa.exc.OperationalError):
            raise
        except Exception as failure:  # noqa: BLE001 - the same
            done.add(_hold_delivery(services, inbox_id, failure, now))
    done.more = len(waiting) == lot
    return done


def _hold_delivery(services: Services, inbox_id: int, failure: Exception, now: datetime) -> Absorbed:
    done = Absorbed(records=1)
    reason = f"our own fault, {type(failure).__name__}: see the worker's log"
    with services.database.begin() as conn:
        for row in inbox.take(conn, 1, only=inbox_id):
            _hold(conn, done, [HeldRecord(row.source, "", "(whole)", reason, None, row.id)], now)
            inbox.settle(conn, [row.id], "quarantined", now)
    return done


def _absorb_lot(services: Services, now: datetime, lot: int, *, only: int | None = None) -> Absorbed:
    done = Absorbed()
    with services.database.begin() as conn:
        rows = inbox.take(conn, lot, only=only)
        states: dict[inbox.State, list[int]] = {"done": [], "ignored": [], "quarantined": []}
        found: list[tuple[Fact, Cause]] = []
        for row in rows:
            state, kept = _read_delivery(services, conn, row, now, done)
            states[state].append(row.id)
            found += [(fact, Cause(inbox_id=row.id)) for fact in kept]
        _store(conn, done, without_echoes(conn, found, services.mappings.hubspot), now)
        for state, ids in states.items():
            inbox.settle(conn, ids, state, now)
    done.more = len(rows) == lot
    return done


def _source(services: Services, name: str) -> WebhookSource:
    if name not in services.webhooks:
        raise BadRecord("(whole)", f"{name} is off: set its secrets, then replay")
    return services.webhooks[name]


def _read_delivery(
    services: Services, conn: sa.Connection, row: inbox.InboxRow, now: datetime, done: Absorbed
) -> tuple[inbox.State, list[Fact]]:
    """What becomes of a delivery, and the facts in it."""
    try:
        records = _source(services, row.source).parse(row.body)
    except BadRecord as error:
        done.records += 1  # the whole delivery counts as one
        _hold(conn, done, [HeldRecord(row.source, "", error.path, error.reason, None, row.id)], now)
        return "quarantined", []
    kept = _read_records(services, conn, records, Cause(inbox_id=row.id), now, done)
    known = any(is_known(record, services.mappings.streams) for record in records)
    return "done" if known else "ignored", kept


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
        kept = _read_records(services, conn, records, cause, now, done)
        _hold(conn, done, held, now)
        done.records += len(held)
        doubt_changed(conn, records)
        whole = _whole(services, source, stream, page)
        _store(conn, done, [(fact, cause) for fact in kept], now, whole)
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
            kept = _read_records(services, conn, records, cause, now, Absorbed())
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
        kept = [*facts_too, *_read_records(services, conn, records, cause, now, done)]
        _store(conn, done, [(fact, cause) for fact in kept], now)
    return done


def reread_contacts(services: Services, now: datetime, lot: int = 500) -> Absorbed:
    """Read again, from HubSpot, the contacts that webhooks named: their values were only hints."""
    done = Absorbed()
    if services.contacts is None:
        return done
    with services.database.begin() as conn:
        hints = facts.take_hints(conn, lot)
        if not hints:
            return done
        records = list(services.contacts.read_records([hint.contact_id for hint in hints]))
        causes = {hint.contact_id: Cause(inbox_id=hint.inbox_id) for hint in hints}
        last = causes[hints[-1].contact_id]
        kept = _read_records(services, conn, records, last, now, done)
        doubt_changed(conn, records)
        _store(conn, done, [(fact, _cause_of(fact, causes, last)) for fact in kept], now)
        facts.drop_hints(conn, hints)
    done.more = len(hints) == lot
    return done


def _cause_of(fact: Fact, causes: Mapping[str, Cause], last: Cause) -> Cause:
    """The delivery that named this contact; the lot's last for one that HubSpot knows by another id now."""
    names = fact.identities if isinstance(fact, Profile) else ()
    return next((causes[name.value] for name in names if name.value in causes), last)


def replay(services: Services, now: datetime) -> Absorbed:
    """Try everything that is held again: mappings or code may have learnt to read it.

    A body that could not be read as a whole goes back into the inbox; a record is tried here.
    """
    done = Absorbed()
    with services.database.begin() as conn:
        items = quarantine.open_items(conn, quarantine.count_open(conn))
        quarantine.mark_replayed(conn, [item.id for item in items], now)
        raw = [item.record.inbox_id for item in items if item.record.payload is None]
        bodies = [inbox_id for inbox_id in raw if inbox_id is not None]
        inbox.settle(conn, bodies, "new", now)
        found: list[tuple[Fact, Cause]] = []
        for held in (item.record for item in items if item.record.payload is not None):
            record = Record(held.source, held.stream, held.payload or {})
            cause = Cause(inbox_id=held.inbox_id, run_id=held.run_id)
            kept = _read_records(services, conn, [record], cause, now, done)
            found += [(fact, cause) for fact in kept]
        _store(conn, done, found, now)
    if bodies:
        done.add(absorb(services, now, len(bodies)))
    return done


def _read_records(
    services: Services,
    conn: sa.Connection,
    records: Iterable[Record],
    cause: Cause,
    now: datetime,
    done: Absorbed,
) -> list[Fact]:
    """The facts in `records`; a record that cannot be read is held with the path of its fault."""
    found: list[Fact] = []
    held: list[HeldRecord] = []
    for record in records:
        done.records += 1
        if record.stream and not is_known(record, services.mappings.streams):
            done.ignored += 1
            continue
        try:
            found += _facts_in(record, services)
        except BadRecord as error:
            at = (record.source, record.stream, error.path, error.reason)
            held.append(HeldRecord(*at, record.payload, cause.inbox_id, cause.run_id))
    _hold(conn, done, held, now)
    return found


def _facts_in(record: Record, services: Services) -> tuple[Fact, ...]:
    if not record.stream:
        raise BadRecord("(type)", "the vendor's event type is missing")
    return normalize(record, services.mappings.streams)


def _hold(conn: sa.Connection, done: Absorbed, held: Sequence[HeldRecord], now: datetime) -> None:
    quarantine.hold(conn, held, now)
    done.held += len(held)


def _store(
    conn: sa.Connection,
    done: Absorbed,
    found: Sequence[tuple[Fact, Cause]],
    now: datetime,
    replaces: Whole | None = None,
) -> None:
    done.touched |= facts.store(conn, found, now, replaces)
    done.facts += len(found)
