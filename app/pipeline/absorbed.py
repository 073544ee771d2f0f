"""Records become facts in the store, whatever brought them; what cannot be read is held, the rest goes on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from app.domain.errors import BadRecord
from app.domain.normalize import is_known, normalize
from app.domain.records import Fact, Record
from app.services import Services
from app.store import facts, quarantine
from app.store.facts import Cause, Whole
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


def read_records(
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
    hold(conn, done, held, now)
    return found


def _facts_in(record: Record, services: Services) -> tuple[Fact, ...]:
    if not record.stream:
        raise BadRecord("(type)", "the vendor's event type is missing")
    return normalize(record, services.mappings.streams)


def hold(conn: sa.Connection, done: Absorbed, held: Sequence[HeldRecord], now: datetime) -> None:
    """Keep for a person what could not be read, and count it."""
    quarantine.hold(conn, held, now)
    done.held += len(held)


def store(
    conn: sa.Connection,
    done: Absorbed,
    found: Sequence[tuple[Fact, Cause]],
    now: datetime,
    replaces: Whole | None = None,
) -> None:
    """Keep the facts with their causes, and count them; `replaces` says what they are all there is of."""
    done.touched |= facts.store(conn, found, now, replaces)
    done.facts += len(found)
