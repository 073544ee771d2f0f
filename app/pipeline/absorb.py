"""Inbox rows and pulled pages become facts about people; what cannot be read is held, the rest goes on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from app.domain.errors import BadRecord
from app.domain.normalize import is_known, normalize
from app.domain.records import Fact, Page, Record
from app.services import Services
from app.store import cursors, facts, inbox, quarantine, runs
from app.store.facts import Cause
from app.store.quarantine import HeldRecord


@dataclass(slots=True)
class Absorbed:
    """What one lot came to. `more` says that a full lot was taken, so there may be another."""

    records: int = 0
    facts: int = 0
    held: int = 0
    ignored: int = 0
    touched: set[int] = field(default_factory=set)
    more: bool = False

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
    """Take one lot of waiting deliveries through to facts, in one transaction."""
    done = Absorbed()
    with services.database.begin() as conn:
        rows = inbox.take(conn, lot)
        states: dict[inbox.State, list[int]] = {"done": [], "ignored": [], "quarantined": []}
        found: list[tuple[Fact, Cause]] = []
        for row in rows:
            cause = Cause(inbox_id=row.id)
            try:
                records = services.webhooks[row.source].parse(row.body)
            except BadRecord as error:
                _hold(conn, done, [HeldRecord(row.source, "", error.path, error.reason, None, row.id)], now)
                states["quarantined"].append(row.id)
                continue
            kept = _read_records(services, conn, records, cause, now, done)
            found += [(fact, cause) for fact in kept]
            known = any(is_known(record, services.mappings.streams) for record in records)
            states["done" if known else "ignored"].append(row.id)
        _store(conn, done, found, now)
        for state, ids in states.items():
            inbox.settle(conn, ids, state, now)
    done.more = len(rows) == lot
    return done


def store_page(
    services: Services, source: str, stream: str, page: Page, run_id: int, now: datetime
) -> Absorbed:
    """Records and their cursor in one transaction: a crash between the two cannot happen."""
    done = Absorbed()
    cause = Cause(run_id=run_id)
    with services.database.begin() as conn:
        kept = _read_records(services, conn, page.records, cause, now, done)
        _store(conn, done, [(fact, cause) for fact in kept], now)
        cursors.save(conn, source, stream, dict(page.cursor), now)
        runs.progress(conn, run_id, **{f"{source}.{stream}": done.records})
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
        records = services.contacts.read_records([hint.contact_id for hint in hints])
        cause = Cause(inbox_id=hints[-1].inbox_id)
        kept = _read_records(services, conn, records, cause, now, done)
        _store(conn, done, [(fact, cause) for fact in kept], now)
        facts.drop_hints(conn, hints)
    done.more = len(hints) == lot
    return done


def replay(services: Services, now: datetime, lot: int = 500) -> Absorbed:
    """Try the held records again: mappings or code may have learnt to read them."""
    done = Absorbed()
    with services.database.begin() as conn:
        items = [item for item in quarantine.open_items(conn, lot) if item.record.payload is not None]
        quarantine.mark_replayed(conn, [item.id for item in items], now)
        found: list[tuple[Fact, Cause]] = []
        for item in items:
            held = item.record
            record = Record(held.source, held.stream, held.payload or {})
            cause = Cause(inbox_id=held.inbox_id, run_id=held.run_id)
            kept = _read_records(services, conn, [record], cause, now, done)
            found += [(fact, cause) for fact in kept]
        _store(conn, done, found, now)
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
        if not is_known(record, services.mappings.streams):
            done.ignored += 1
            continue
        try:
            found += normalize(record, services.mappings.streams)
        except BadRecord as error:
            held.append(
                HeldRecord(
                    record.source,
                    record.stream,
                    error.path,
                    error.reason,
                    record.payload,
                    inbox_id=cause.inbox_id,
                    run_id=cause.run_id,
                )
            )
    _hold(conn, done, held, now)
    return found


def _hold(conn: sa.Connection, done: Absorbed, held: Sequence[HeldRecord], now: datetime) -> None:
    quarantine.hold(conn, held, now)
    done.held += len(held)


def _store(conn: sa.Connection, done: Absorbed, found: Sequence[tuple[Fact, Cause]], now: datetime) -> None:
    done.touched |= facts.store(conn, found, now)
    done.facts += len(found)
