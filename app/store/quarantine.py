"""Records that could not be used, kept with the place of their fault until a person has them replayed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.store.encoding import as_json

# A record that was replayed and failed once more is open again.
HOLD = sa.text("""
    INSERT INTO quarantine
        (fault_key, source, stream, path, reason, payload, inbox_id, run_id, state, created_at)
    SELECT fault_key, source, stream, path, reason, payload, inbox_id, run_id, 'open', :at
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS held(
        fault_key text, source text, stream text, path text, reason text, payload jsonb,
        inbox_id bigint, run_id bigint)
    ORDER BY fault_key
    ON CONFLICT (fault_key) DO UPDATE
    SET state = 'open', replayed_at = NULL, path = excluded.path, reason = excluded.reason
    WHERE quarantine.state = 'replayed'
""")
OPEN = sa.text("""
    SELECT id, source, stream, path, reason, payload, inbox_id, run_id, created_at
    FROM quarantine WHERE state = 'open' ORDER BY id LIMIT :limit
""")
COUNT = sa.text("SELECT count(*) FROM quarantine WHERE state = 'open'")
REPLAYED = sa.text("UPDATE quarantine SET state = 'replayed', replayed_at = :at WHERE id = ANY(:ids)")


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """A record and what is wrong with it.

    `payload` is None, and `stream` empty, when the body itself could not be read: the inbox row holds it.
    """

    source: str
    stream: str
    path: str
    reason: str
    payload: Mapping[str, Any] | None
    inbox_id: int | None = None
    run_id: int | None = None

    def fault_key(self) -> str:
        """The same for the same record however often it comes; an unreadable body goes by its delivery."""
        content = f"inbox {self.inbox_id}"
        if self.payload is not None:  # sorted: PostgreSQL gives the keys back in an order of its own
            content = json.dumps(json.loads(as_json(self.payload)), sort_keys=True)
        return hashlib.sha256("\0".join((self.source, self.stream, content)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class OpenItem:
    """A held record as it waits, with its number for `jobs replay`."""

    id: int
    record: HeldRecord
    created_at: datetime


def hold(conn: sa.Connection, items: Sequence[HeldRecord], at: datetime) -> None:
    """Keep these records. One that is already held stays as it is."""
    rows = {
        item.fault_key(): {
            "fault_key": item.fault_key(),
            "source": item.source,
            "stream": item.stream,
            "path": item.path,
            "reason": item.reason,
            "payload": item.payload,
            "inbox_id": item.inbox_id,
            "run_id": item.run_id,
        }
        for item in items
    }
    if rows:
        conn.execute(HOLD, {"rows": as_json(list(rows.values())), "at": at})


def open_items(conn: sa.Connection, limit: int) -> list[OpenItem]:
    """What waits for a person, oldest first."""
    rows = conn.execute(OPEN, {"limit": limit})
    return [OpenItem(first, HeldRecord(*record), created_at) for first, *record, created_at in rows]


def mark_replayed(conn: sa.Connection, ids: Sequence[int], at: datetime) -> None:
    """These went down the line. The same fault found again reopens them."""
    conn.execute(REPLAYED, {"ids": list(ids), "at": at})


def count_open(conn: sa.Connection) -> int:
    """How many records wait for a person."""
    return int(conn.execute(COUNT).scalar_one())
