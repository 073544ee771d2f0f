"""Deliveries, and the contacts they name, become facts about people; what cannot be read is held."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from app.domain.errors import BadRecord, SaviaError
from app.domain.normalize import is_known
from app.domain.ports import WebhookSource
from app.domain.records import Fact, Profile, Record
from app.pipeline.absorbed import Absorbed, hold, read_records, store
from app.pipeline.current import doubt_changed
from app.pipeline.echo import without_echoes
from app.services import Services
from app.store import facts, inbox, quarantine
from app.store.facts import Cause
from app.store.quarantine import HeldRecord

log = logging.getLogger(__name__)


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
            hold(conn, done, [HeldRecord(row.source, "", "(whole)", reason, None, row.id)], now)
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
        store(conn, done, without_echoes(conn, found, services.mappings.hubspot), now)
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
        hold(conn, done, [HeldRecord(row.source, "", error.path, error.reason, None, row.id)], now)
        return "quarantined", []
    kept = read_records(services, conn, records, Cause(inbox_id=row.id), now, done)
    known = any(is_known(record, services.mappings.streams) for record in records)
    return "done" if known else "ignored", kept


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
        kept = read_records(services, conn, records, last, now, done)
        doubt_changed(conn, records)
        store(conn, done, [(fact, _cause_of(fact, causes, last)) for fact in kept], now)
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
            kept = read_records(services, conn, [record], cause, now, done)
            found += [(fact, cause) for fact in kept]
        store(conn, done, found, now)
    if bodies:
        done.add(absorb(services, now, len(bodies)))
    return done
