"""A privacy deletion in what is kept as it came or as it was shown: held records, deliveries, plans.

What is told of others in the same delivery or plan stays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote

import sqlalchemy as sa

from app.domain.mentions import NamedPerson

# The text of a body, as far as it is ASCII: enough to find who may be named; Python looks closely.
HELD = sa.text("""
    SELECT id, source, payload FROM quarantine
    WHERE payload IS NOT NULL AND lower(payload::text) ~ :names
""")
DROP_HELD = sa.text("DELETE FROM quarantine WHERE id = ANY(:ids)")
# Waits for deliveries in other hands: absorbed after us they would make the person anew.
DELIVERED = sa.text("""
    SELECT id, source, body FROM inbox
    WHERE lower(encode(body, 'escape')) ~ :names ORDER BY id FOR UPDATE
""")
SHORTEN = sa.text("UPDATE inbox SET body = :body WHERE id = :id")
EMPTY = sa.text("""
    UPDATE inbox SET body = '', state = 'done', settled_at = coalesce(settled_at, :at) WHERE id = ANY(:ids)
""")
DROP_UNREADABLE = sa.text("DELETE FROM quarantine WHERE payload IS NULL AND inbox_id = ANY(:ids)")
PLANS = sa.text("""
    SELECT fingerprint, state, changes, before, score_ids FROM plan
    WHERE lower(changes::text) ~ :names ORDER BY fingerprint FOR UPDATE
""")
DROP_PLAN = sa.text("DELETE FROM plan WHERE fingerprint = :fingerprint")
SHORTEN_PLAN = sa.text("""
    UPDATE plan SET changes = CAST(:changes AS jsonb), before = CAST(:before AS jsonb),
        score_ids = CAST(:score_ids AS jsonb)
    WHERE fingerprint = :fingerprint
""")


def erase_raw(
    conn: sa.Connection, person: NamedPerson, person_ids: Collection[int], at: datetime
) -> dict[str, int]:
    """Take the people out of held records, deliveries and plans. Returns rows changed, by table."""
    names = _looked_for(person)
    return {
        "quarantine": _erase_held(conn, person, names),
        "inbox": _erase_delivered(conn, person, names, at),
        "plan": _erase_planned(conn, person, names, {str(person_id) for person_id in person_ids}),
    }


def _looked_for(person: NamedPerson) -> str:
    """A pattern of every spelling of a name in JSON and in form fields, as PostgreSQL shows a body's bytes:
    all names in one pass, since a lot may forget a hundred people.
    """
    plain = person.emails | person.contact_ids | person.other_ids
    written = plain | {json.dumps(name)[1:-1] for name in plain} | {quote(name, safe="") for name in plain}
    shown = {_escaped(name).lower() for name in written}
    return "|".join(re.sub(r"([^\w])", r"\\\1", name) for name in sorted(plain | shown))


def _escaped(text: str) -> str:
    """The text as `encode(bytes, 'escape')` shows it."""
    return "".join(
        chr(byte) if byte < 128 else f"\\{byte:03o}" for byte in text.encode("utf-8", "replace")
    ).replace("\\u", "\\\\u")


def _erase_held(conn: sa.Connection, person: NamedPerson, names: str) -> int:
    rows = conn.execute(HELD, {"names": names})
    ids = [row.id for row in rows if person.is_in(row.payload, contact_ids=row.source == "hubspot")]
    return conn.execute(DROP_HELD, {"ids": ids}).rowcount


def _erase_delivered(conn: sa.Connection, person: NamedPerson, names: str, at: datetime) -> int:
    emptied, shortened = [], 0
    for row in conn.execute(DELIVERED, {"names": names}).all():
        body = bytes(row.body)
        rest = _without(body, person, contact_ids=row.source == "hubspot")
        if not rest:
            emptied.append(row.id)
        elif rest != body:
            conn.execute(SHORTEN, {"id": row.id, "body": rest})
            shortened += 1
    conn.execute(EMPTY, {"ids": emptied, "at": at})
    conn.execute(DROP_UNREADABLE, {"ids": emptied})
    return len(emptied) + shortened


def _without(body: bytes, person: NamedPerson, *, contact_ids: bool) -> bytes:
    """The body without what names the person: of a list of events the others stay."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return b"" if person.is_in_body(body.decode(errors="replace")) else body
    events = read if isinstance(read, list) else [read]
    others = [event for event in events if not person.is_in(event, contact_ids=contact_ids)]
    if len(others) == len(events):
        return body
    return json.dumps(others).encode() if others else b""


def _erase_planned(conn: sa.Connection, person: NamedPerson, names: str, person_ids: set[str]) -> int:
    changed = 0
    for row in conn.execute(PLANS, {"names": names}).all():
        theirs = {each["key"] for each in row.changes if _is_theirs(each, person)}
        if not theirs:
            continue
        changed += 1
        if row.state == "shown":  # its fingerprint stands for all of it: the next plan does without them
            conn.execute(DROP_PLAN, {"fingerprint": row.fingerprint})
            continue
        values = {
            "fingerprint": row.fingerprint,
            "changes": json.dumps([each for each in row.changes if each["key"] not in theirs]),
            "before": json.dumps({key: held for key, held in row.before.items() if key not in theirs}),
            "score_ids": json.dumps({key: row.score_ids[key] for key in row.score_ids.keys() - person_ids}),
        }
        conn.execute(SHORTEN_PLAN, values)
    return changed


def _is_theirs(change: Mapping[str, Any], person: NamedPerson) -> bool:
    contact_id = cast("str", change.get("contact_id") or "")
    return contact_id in person.contact_ids or person.is_in(change, contact_ids=False)
