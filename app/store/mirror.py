"""What HubSpot holds of ours per contact, and which leads wait to be considered for a write."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.domain.changes import Contact
from app.domain.edits import Memory
from app.store.schema import feature, ledger, unwritten
from app.store.schema import mirror as table

LIST_SIZES = sa.text("""
    SELECT name, (
        SELECT count(*) FROM (
            SELECT FROM mirror WHERE name = ANY(mirror.lists) LIMIT :at_most) AS members)
    FROM unnest(CAST(:names AS text[])) AS name
""")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A lead that waits to be considered, since when, and whether a webhook brought it."""

    person_id: int
    since: datetime
    hot: bool = False


def wait(
    conn: sa.Connection, person_ids: Collection[int], at: datetime, *, hot: Collection[int] = ()
) -> None:
    """Put leads on the work list of write_back, `hot` ones before the others; the newest moment stays."""
    rows = [{"person_id": person, "since": at, "hot": person in hot} for person in sorted(person_ids)]
    if rows:
        statement = insert(unwritten)
        conn.execute(
            statement.on_conflict_do_update(
                index_elements=[unwritten.c.person_id],
                set_={
                    "since": statement.excluded.since,
                    "hot": sa.or_(unwritten.c.hot, statement.excluded.hot),
                },
            ),
            rows,
        )


def wait_everyone(conn: sa.Connection, at: datetime) -> None:
    """Put everybody who was ever scored on the work list, behind those who wait there."""
    everyone = sa.select(feature.c.person_id, sa.literal(at), sa.false())
    conn.execute(
        insert(unwritten)
        .from_select(["person_id", "since", "hot"], everyone)
        .on_conflict_do_nothing(index_elements=[unwritten.c.person_id])
    )


def waiting(conn: sa.Connection, limit: int, *, hot_only: bool = False) -> list[Waiting]:
    """The hot leads, then those that have waited longest."""
    query = sa.select(unwritten)
    if hot_only:
        query = query.where(unwritten.c.hot)
    query = query.order_by(unwritten.c.hot.desc(), unwritten.c.since, unwritten.c.person_id).limit(limit)
    return [Waiting(row.person_id, row.since, row.hot) for row in conn.execute(query)]


def any_hot(conn: sa.Connection) -> bool:
    """Does a lead wait that a webhook spoke of?"""
    return bool(conn.execute(sa.select(sa.exists().where(unwritten.c.hot))).scalar())


def count_waiting(conn: sa.Connection) -> int:
    """How many leads wait to be considered."""
    return conn.execute(sa.select(sa.func.count()).select_from(unwritten)).scalar_one()


def count(conn: sa.Connection) -> int:
    """How many contacts HubSpot holds something of ours for."""
    return conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def drop_waiting(conn: sa.Connection, rows: Iterable[Waiting]) -> None:
    """Take leads off the work list, unless they changed again since they were read."""
    pairs = [{"of_person": row.person_id, "of_since": row.since} for row in rows]
    if pairs:
        conn.execute(
            sa.delete(unwritten).where(
                unwritten.c.person_id == sa.bindparam("of_person"),
                unwritten.c.since <= sa.bindparam("of_since"),
            ),
            pairs,
        )


def read(conn: sa.Connection, person_ids: Sequence[int]) -> dict[int, Contact]:
    """Contacts as last written or read, by person."""
    people = sa.cast(list(person_ids), sa.ARRAY(sa.BigInteger))
    query = sa.select(table).where(table.c.person_id == sa.any_(people))
    return {
        row.person_id: Contact(row.contact_id, "", row.properties, frozenset(row.lists))
        for row in conn.execute(query)
    }


def memories(conn: sa.Connection, person_ids: Sequence[int]) -> dict[int, Memory]:
    """What we remember of each person's contact, with what was sent to it and never answered."""
    people = sa.cast(list(person_ids), sa.ARRAY(sa.BigInteger))
    query = sa.select(ledger.c.person_id, ledger.c.change).where(
        ledger.c.state == "intent", ledger.c.person_id == sa.any_(people)
    )
    unsettled: dict[int, dict[str, set[str]]] = {}
    for person_id, change in conn.execute(query):
        for name, value in change.get("properties", {}).items():
            unsettled.setdefault(person_id, {}).setdefault(name, set()).add(value)
    rows = conn.execute(sa.select(table).where(table.c.person_id == sa.any_(people)))
    return {
        row.person_id: Memory(row.contact_id, row.properties, row.edited, unsettled.get(row.person_id, {}))
        for row in rows
    }


def note_edits(conn: sa.Connection, edits: Mapping[int, Mapping[str, str]]) -> None:
    """Replace what is known of other people's edits, by person: property -> value; {} for none."""
    rows = [{"of_person": person_id, "found": dict(found)} for person_id, found in sorted(edits.items())]
    if rows:
        found = sa.bindparam("found", type_=table.c.edited.type)
        conn.execute(
            sa.update(table)
            .where(table.c.person_id == sa.bindparam("of_person"), table.c.edited != found)
            .values(edited=found),
            rows,
        )


def list_sizes(conn: sa.Connection, names: Sequence[str], at_most: int) -> dict[str, int]:
    """The members of each of these lists, as last written or read. Counting ends at `at_most`: how large a
    larger list is does not matter, and is not worth a walk through it.
    """
    rows = conn.execute(LIST_SIZES, {"names": list(names), "at_most": at_most})
    return {name: members for name, members in rows}  # noqa: C416 - dict() of rows does not type-check


def score_ids(conn: sa.Connection, person_ids: Sequence[int]) -> dict[int, int]:
    """The score each person's contact shows."""
    people = sa.cast(list(person_ids), sa.ARRAY(sa.BigInteger))
    query = sa.select(table.c.person_id, table.c.score_id).where(
        table.c.person_id == sa.any_(people), table.c.score_id.is_not(None)
    )
    return {row.person_id: row.score_id for row in conn.execute(query)}


def save(
    conn: sa.Connection,
    contacts: Mapping[int, Contact],
    score_ids: Mapping[int, int],
    at: datetime,
) -> None:
    """Replace what is known of these contacts, by person, with the score their values now show."""
    rows: list[dict[str, Any]] = [
        {
            "contact_id": contact.contact_id,
            "person_id": person_id,
            "properties": dict(contact.properties),
            "lists": sorted(contact.lists),
            "score_id": score_ids.get(person_id),
            "updated_at": at,
        }
        for person_id, contact in sorted(contacts.items())
    ]
    if rows:
        statement = insert(table)
        conn.execute(
            statement.on_conflict_do_update(
                index_elements=[table.c.contact_id],
                set_={name: statement.excluded[name] for name in rows[0] if name != "contact_id"},
            ),
            rows,
        )
