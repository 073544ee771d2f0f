"""Summaries packed into rows, and read back by the lot as a few columns beside what is printed of each lead.

A lot comes as one row of bytes and text: a row per lead would cost more to read than to score.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

import sqlalchemy as sa

from app.domain.records import Band
from app.domain.standing import Printed
from app.domain.summary import BETWEEN, Layout, Summary

LEAD = "\x1e"
"""Between two leads' texts; as BETWEEN no category and no kind holds it."""

NEVER = 2**63 - 1
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HEAD = struct.Struct(">6q2di")

WRITE = sa.text("""
    INSERT INTO summary (person_id, rules, holds_from, holds_until, look_at, worth_at, kinds, worths, numbers,
        words)
    SELECT person_id, :rules, holds_from, holds_until, look_at, worth_at, kinds, worths, numbers, words
    FROM unnest(CAST(:ids AS bigint[]), CAST(:froms AS timestamptz[]), CAST(:untils AS timestamptz[]),
        CAST(:looks AS timestamptz[]), CAST(:worth_ats AS timestamptz[]), CAST(:kinds AS text[]),
        CAST(:worths AS bytea[]), CAST(:numbers AS bytea[]), CAST(:words AS text[])
    ) AS d(person_id, holds_from, holds_until, look_at, worth_at, kinds, worths, numbers, words)
    ORDER BY person_id
    ON CONFLICT (person_id) DO UPDATE SET
        rules = excluded.rules, holds_from = excluded.holds_from, holds_until = excluded.holds_until,
        look_at = excluded.look_at, worth_at = excluded.worth_at, kinds = excluded.kinds,
        worths = excluded.worths, numbers = excluded.numbers, words = excluded.words
""")
# A row's xmin says who wrote it: it is another one as soon as anybody has written the row again.
READ = sa.text(r"""
    SELECT string_agg(head, ''::bytea) AS heads, string_agg(worths, ''::bytea) AS worths,
        string_agg(numbers, ''::bytea) AS numbers, string_agg(kinds, E'\x1e') AS kinds,
        string_agg(words, E'\x1e') AS words, string_agg(printed, E'\x1e') AS printed
    FROM (
        SELECT int8send(s.person_id) || int8send(s.xmin::text::bigint)
                || int8send(coalesce(t.xmin::text::bigint, 0)) || timestamptz_send(s.worth_at)
                || timestamptz_send(coalesce(s.look_at, 'infinity'))
                || timestamptz_send(coalesce(t.due_at, 'infinity'))
                || float8send(coalesce(t.standing, 'NaN')) || float8send(coalesce(t.engagement, 0))
                || int4send(coalesce(t.value, -1)) AS head,
            s.worths, s.numbers, s.kinds, s.words, coalesce(t.band || E'\x1f' || t.method, '') AS printed
        FROM summary s LEFT JOIN standing t USING (person_id)
        WHERE s.person_id = ANY(CAST(:ids AS bigint[])) AND s.rules = :rules
            AND s.holds_from <= :now AND (s.holds_until > :now OR s.holds_until IS NULL)
        ORDER BY s.person_id
    ) AS lot
""")
FORGET = sa.text("DELETE FROM summary WHERE person_id = :id")
HOLD = sa.text("""
    SELECT t.person_id, s.xmin::text::bigint AS summary_by, t.xmin::text::bigint AS standing_by
    FROM standing t JOIN summary s USING (person_id)
    WHERE t.person_id = ANY(CAST(:ids AS bigint[])) ORDER BY t.person_id
    FOR UPDATE OF t SKIP LOCKED
""")


@dataclass(frozen=True, slots=True)
class SummaryLot:
    """Some leads' summaries, a column each: the same place is the same lead. Moments count microseconds from
    2000 on, UTC; NEVER where there is none. `numbers` holds one `width` of floats after the other, `worths`
    as many as each lead has kinds. `held` is what is printed of each, None before the first score.
    """

    ids: Sequence[int]
    written_by: Sequence[tuple[int, int]]
    worth_at: Sequence[int]
    look_at: Sequence[int]
    due_at: Sequence[int]
    standing: Sequence[float]
    held: Sequence[Printed | None]
    kinds: Sequence[str]
    worths: Sequence[float]
    numbers: bytes
    words: Sequence[str]


EMPTY = SummaryLot((), (), (), (), (), (), (), (), (), b"", ())


def write(conn: sa.Connection, summaries: Mapping[int, Summary], how: Layout, rules: str) -> None:
    """These are now the summaries of these people, made by `rules`."""
    if not summaries:
        return
    packed = [how.pack(one) for one in summaries.values()]
    found = list(summaries.values())
    values = {
        "rules": rules,
        "ids": list(summaries),
        "froms": [one.held.since for one in found],
        "untils": [one.held.until for one in found],
        "looks": [one.held.look_at for one in found],
        "worth_ats": [one.worth.at for one in found],
        "kinds": ["".join(kind + BETWEEN for kind in one.worth.by_kind) for one in found],
        "worths": [_packed(tuple(one.worth.by_kind.values())) for one in found],
        "numbers": [_packed(numbers) for numbers, _ in packed],
        "words": [words for _, words in packed],
    }
    conn.execute(WRITE, values)


def read(conn: sa.Connection, person_ids: Sequence[int], rules: str, now: datetime) -> SummaryLot:
    """The summaries of those of these people whose own was made by `rules` and holds at `now`, by id."""
    row = conn.execute(READ, {"ids": list(person_ids), "rules": rules, "now": now}).one()
    if row.heads is None:
        return EMPTY
    ids, summary_by, standing_by, worth_at, look_at, due_at, standing, engagement, value = zip(
        *_HEAD.iter_unpack(row.heads), strict=True
    )
    held = [
        Printed(score, cast(Band, band), method, round(said)) if method else None
        for score, (band, _, method), said in zip(
            value, (text.partition(BETWEEN) for text in row.printed.split(LEAD)), engagement, strict=True
        )
    ]
    return SummaryLot(
        ids=ids,
        written_by=list(zip(summary_by, standing_by, strict=True)),
        worth_at=worth_at,
        look_at=look_at,
        due_at=due_at,
        standing=standing,
        held=held,
        kinds=row.kinds.split(LEAD),
        worths=struct.unpack(f"<{len(row.worths) // 8}d", row.worths),
        numbers=row.numbers,
        words=row.words.split(LEAD),
    )


def hold_unchanged(conn: sa.Connection, lot: SummaryLot, person_ids: Sequence[int]) -> set[int]:
    """Those of these people of the lot whom nobody has scored since it was read, nor is scoring now. They are
    ours until the transaction ends.
    """
    read_as = dict(zip(lot.ids, lot.written_by, strict=True))
    rows = conn.execute(HOLD, {"ids": list(person_ids)})
    return {row.person_id for row in rows if read_as[row.person_id] == (row.summary_by, row.standing_by)}


def forget(conn: sa.Connection, person_id: int) -> None:
    """The next score of this person is made from the facts."""
    conn.execute(FORGET, {"id": person_id})


def microseconds(moment: datetime) -> int:
    """A moment as a lot counts them."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(count: int) -> datetime | None:
    """A lot's count as a moment; None for NEVER."""
    return None if count == NEVER else _EPOCH + count * _MICROSECOND


def _packed(values: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)
