"""A lead whose facts break us in a way nobody foresaw must not stop its lot: it is found, and kept apart."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from app.domain.errors import SaviaError

log = logging.getLogger(__name__)

MOST_ALONE = 20
"""When so many leads have failed and none got through, it is not the leads."""

Work = Callable[[Sequence[int]], int]


@dataclass(slots=True)
class Apart:
    """What taking a lot apart came to: how many changed, and the leads that fail alone, with the failure."""

    changed: int = 0
    through: int = 0
    failed: dict[int, Exception] = field(default_factory=dict)


def take_apart(work: Work, ids: Sequence[int]) -> Apart:
    """Do `work`, which failed for all of `ids`, in halves until it fails for one lead alone. What is wrong
    with the store or with a vendor is raised, as is a failure that lets nobody through.
    """
    done = Apart()
    waiting = list(_halves(ids)) if len(ids) > 1 else [ids]
    while waiting:
        part = waiting.pop()
        try:
            done.changed += work(part)
            done.through += len(part)
        except (SaviaError, sa.exc.OperationalError):
            raise
        except Exception as failure:
            if len(part) > 1:
                waiting += _halves(part)
                continue
            log.exception("lead %d cannot be scored", part[0])
            done.failed[part[0]] = failure
            if len(done.failed) > MOST_ALONE and not done.through:
                raise
    return done


def _halves(ids: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    middle = len(ids) // 2
    return ids[middle:], ids[:middle]
