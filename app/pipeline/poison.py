"""Finds by halving which records of a page break us, so that one of them does not keep back the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from app.domain.records import Record

Poison = Mapping[int, str]
"""Place of a record in its page -> the kind of failure it causes."""


def find_poison(
    records: Sequence[Record], failure_of: Callable[[Sequence[Record]], str], start: int = 0
) -> dict[int, str]:
    """The records that fail even alone; places count from `start`. `failure_of` tries some records, leaves
    nothing behind and names the failure, "" where there is none.
    """
    failure = failure_of(records)
    if not failure:
        return {}
    if len(records) == 1:
        return {start: failure}
    half = len(records) // 2
    first = find_poison(records[:half], failure_of, start)
    return first | find_poison(records[half:], failure_of, start + half)
