"""The work list of write_back: which leads wait to be considered for a write, and since when."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from app.store.schema.decided import unwritten as table
from app.store.schema.understood import feature

ADD = sa.text("""
    INSERT INTO unwritten (person_id, since, hot)
    SELECT person_id, :at, hot
    FROM unnest(CAST(:ids AS bigint[]), CAST(:hot AS boolean[])) AS d(person_id, hot)
    ON CONFLICT (person_id) DO UPDATE SET
        since = excluded.since, hot = unwritten.hot OR excluded.hot
""")
DROP = sa.text("""
    DELETE FROM unwritten USING unnest(CAST(:ids AS bigint[]), CAST(:stamps AS timestamptz[])) AS seen(id, at)
    WHERE unwritten.person_id = seen.id AND unwritten.since = seen.at
""")
STAMP = sa.text("""
    UPDATE unwritten SET since = :at FROM (
        SELECT person_id FROM unwritten
        JOIN unnest(CAST(:ids AS bigint[]), CAST(:stamps AS timestamptz[])) AS seen(person_id, since)
            USING (person_id, since)
        ORDER BY person_id FOR UPDATE OF unwritten) AS held
    WHERE unwritten.person_id = held.person_id
""")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A lead that waits to be considered, since when, and whether a webhook brought it."""

    person_id: int
    since: datetime
    hot: bool = False


def add(conn: sa.Connection, person_ids: Collection[int], at: datetime, *, hot: Collection[int] = ()) -> None:
    """Put leads on the work list, `hot` ones before the others; the newest moment stays."""
    if person_ids:
        ids = sorted(person_ids)
        conn.execute(ADD, {"ids": ids, "hot": [person in hot for person in ids], "at": at})


def add_everyone(conn: sa.Connection, at: datetime) -> None:
    """Put everybody who was ever scored on the work list, behind those who wait there."""
    everyone = sa.select(feature.c.person_id, sa.literal(at), sa.false())
    conn.execute(
        insert(table)
        .from_select(["person_id", "since", "hot"], everyone)
        .on_conflict_do_nothing(index_elements=[table.c.person_id])
    )


def first(
    conn: sa.Connection, limit: int, *, hot: bool | None = None, but: Collection[int] = ()
) -> list[Waiting]:
    """The hot leads, then those that have waited longest, without those in `but`; only those that are `hot`,
    or are not, where that is told.
    """
    query = sa.select(table).where(
        table.c.person_id != sa.all_(sa.literal(sorted(but), ARRAY(sa.BigInteger)))
    )
    if hot is not None:
        query = query.where(table.c.hot == hot)
    query = query.order_by(table.c.hot.desc(), table.c.since, table.c.person_id).limit(limit)
    return [Waiting(row.person_id, row.since, row.hot) for row in conn.execute(query)]


def any_hot(conn: sa.Connection) -> bool:
    """Does a lead wait that a webhook spoke of?"""
    return bool(conn.execute(sa.select(sa.exists().where(table.c.hot))).scalar())


def count(conn: sa.Connection) -> int:
    """How many leads wait to be considered."""
    return conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def stamp(conn: sa.Connection, rows: Iterable[Waiting], at: datetime) -> None:
    """These leads are in a plan made `at`: they bear its moment, unless they changed since they were read."""
    pairs = [(row.person_id, row.since) for row in rows]
    if pairs:
        ids, stamps = zip(*pairs, strict=True)
        conn.execute(STAMP, {"ids": list(ids), "stamps": list(stamps), "at": at})


def drop(conn: sa.Connection, rows: Iterable[Waiting]) -> None:
    """Take leads off the work list, unless they changed again since they were read. An earlier moment is a
    change as well: whoever told it began before the reading and ended after it.
    """
    pairs = [(row.person_id, row.since) for row in rows]
    if pairs:
        ids, stamps = zip(*pairs, strict=True)
        conn.execute(DROP, {"ids": list(ids), "stamps": list(stamps)})
