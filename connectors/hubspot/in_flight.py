"""Several batches in flight at once: a call's latency does not set the pace, and outcomes stay in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from app.domain.changes import Change, Outcome
from app.domain.errors import SaviaError

C = TypeVar("C", bound=Change)

IN_FLIGHT = 10
"""Nineteen calls a second keep ten busy at half a second each, and a lot's twenty go out in two waves; the
session keeps as many connections.
"""

Judged = tuple[C, Outcome]


def write_together(
    batches: Iterable[Sequence[C]],
    write: Callable[[Sequence[C]], Iterable[Judged[C]]],
    subject: Callable[[C], str],
) -> Iterator[Judged[C]]:
    """Every batch written by `write`, several at once, two about one subject in turn; outcomes in order.

    The first failure lets what is in flight come to its end, starts no more, and is raised after the outcomes
    that were given.
    """
    for together in _disjoint(batches, subject):
        if len(together) == 1:
            yield from write(together[0])
        else:
            yield from _together(together, write)


def _together(
    batches: Sequence[Sequence[C]], write: Callable[[Sequence[C]], Iterable[Judged[C]]]
) -> Iterator[Judged[C]]:
    with ThreadPoolExecutor(min(IN_FLIGHT, len(batches))) as pool:
        running = [pool.submit(_write, batch, write) for batch in batches]
        failure: SaviaError | None = None
        try:
            for each in running:
                if each.cancelled():
                    continue
                done, failed = each.result()
                yield from done
                if failed is not None and failure is None:
                    failure = failed
                    _start_no_more(running)
        finally:
            _start_no_more(running)
    if failure is not None:
        raise failure


def _write(
    batch: Sequence[C], write: Callable[[Sequence[C]], Iterable[Judged[C]]]
) -> tuple[list[Judged[C]], SaviaError | None]:
    """What became of a batch until it failed, and why it did."""
    done: list[Judged[C]] = []
    try:
        done.extend(write(batch))
    except SaviaError as failure:
        return done, failure
    return done, None


def _start_no_more(running: Sequence[Future[tuple[list[Judged[C]], SaviaError | None]]]) -> None:
    for each in running:
        each.cancel()
    wait(running)


def _disjoint(batches: Iterable[Sequence[C]], subject: Callable[[C], str]) -> Iterator[list[Sequence[C]]]:
    """Runs of batches in which no subject comes twice."""
    together: list[Sequence[C]] = []
    seen: set[str] = set()
    for batch in batches:
        subjects = {subject(change) for change in batch}
        if together and not seen.isdisjoint(subjects):
            yield together
            together, seen = [], set()
        together.append(batch)
        seen |= subjects
    if together:
        yield together
