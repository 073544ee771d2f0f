"""The contacts that webhooks named: they wait to be read again, since a webhook's values are hints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.store.encoding import as_json

# The stamp always moves forward: a contact named again while it is read is read again.
WRITE = sa.text("""
    INSERT INTO hint (contact_id, hinted_at, inbox_id)
    SELECT contact_id, :at, inbox_id
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS d(contact_id text, inbox_id bigint)
    ORDER BY contact_id COLLATE "C"
    ON CONFLICT (contact_id) DO UPDATE SET
        hinted_at = greatest(excluded.hinted_at, hint.hinted_at + interval '1 microsecond'),
        inbox_id = coalesce(excluded.inbox_id, hint.inbox_id)
""")
TAKE = sa.text("""
    SELECT contact_id, hinted_at, inbox_id FROM hint
    ORDER BY hinted_at, contact_id LIMIT :limit FOR UPDATE SKIP LOCKED
""")
DROP = sa.text("""
    DELETE FROM hint USING unnest(CAST(:ids AS text[]), CAST(:stamps AS timestamptz[])) AS taken(id, stamp)
    WHERE hint.contact_id = taken.id AND hint.hinted_at = taken.stamp
""")
FREE = sa.text("SELECT FROM hint LIMIT 1 FOR UPDATE SKIP LOCKED")
ANY = sa.text("SELECT EXISTS (SELECT FROM hint)")


@dataclass(frozen=True, slots=True)
class Hint:
    """A contact to read again, since when, and the delivery that last named it."""

    contact_id: str
    hinted_at: datetime
    inbox_id: int | None


def write(conn: sa.Connection, contacts: Mapping[str, int | None], at: datetime) -> None:
    """These contacts are to be read again: contact id -> the delivery that named it."""
    rows = [{"contact_id": name, "inbox_id": inbox_id} for name, inbox_id in contacts.items()]
    if rows:
        conn.execute(WRITE, {"rows": as_json(rows), "at": at})


def take_hints(conn: sa.Connection, limit: int) -> list[Hint]:
    """Those that have waited longest and are in nobody else's hands, ours until the transaction ends."""
    return [Hint(*row) for row in conn.execute(TAKE, {"limit": limit})]


def drop_hints(conn: sa.Connection, rows: Sequence[Hint]) -> None:
    """These were read. One that was named again since `take_hints` stays."""
    if rows:
        ids, stamps = [row.contact_id for row in rows], [row.hinted_at for row in rows]
        conn.execute(DROP, {"ids": ids, "stamps": stamps})


def any_hint(conn: sa.Connection) -> bool:
    """Whether any contact waits."""
    return bool(conn.scalar(ANY))


def can_take(conn: sa.Connection) -> bool:
    """Does a contact wait that no other worker holds?"""
    return conn.execute(FREE).first() is not None
