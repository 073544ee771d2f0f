"""Ask the vendors: page by page, each stored with its cursor while the next ones are on their way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.errors import BadRecord, NotForUs, PartlyRead, SaviaError, TryLater
from app.domain.records import Page
from app.pipeline.ahead import in_few, pages_ahead
from app.pipeline.counts import count
from app.pipeline.gone import follow_gone
from app.pipeline.pages import store_page
from app.services import Services
from app.store import cursors, runs

log = logging.getLogger(__name__)

ROUND = ("savia", "sync round")
"""Where the streams already pulled in the current round are remembered, among the cursors."""


def pull_source(
    services: Services,
    source: str,
    now: datetime,
    *,
    streams: Sequence[str] = (),
    stop: Callable[[], bool] = lambda: False,
) -> tuple[dict[str, int], list[str]]:
    """The streams of one source, or these of them, in order: records read by stream, and which had their turn
    before `stop`.

    What was read stays, and the run record says how far it went. Raises BadCredentials; and, when the streams
    that can be read have had their turn, NotForUs, BadRecord or TryLater for one that could not.
    """
    with services.database.begin() as conn:
        run_id = runs.start(conn, f"sync {source}", now)
    turns, error = _Turns(services, source, run_id, now, stop), None
    wanted = list(streams or services.sources[source].streams)
    try:
        turns.take(wanted)
        error = "; ".join(dict.fromkeys(map(str, turns.problems))) or None
        if turns.ended == wanted:
            turns.compare()
    except SaviaError as reason:
        error = str(reason)
        log.warning("%s: %s", source, reason)
        raise
    except Exception as reason:
        error = type(reason).__name__  # its text may hold personal data
        raise
    finally:
        complete = turns.ended == wanted and not turns.problems
        result = {"read": turns.read, "complete": complete, **turns.compared}
        with services.database.begin() as conn:
            runs.finish(conn, run_id, services.clock(), result=result, error=error)
    if turns.problems and turns.ended == wanted:
        raise max(turns.problems, key=lambda problem: not isinstance(problem, TryLater))
    return turns.read, turns.ended


@dataclass
class _Turns:
    """The turns of one source's streams: what each brought, and the problems met on the way. A stream that
    cannot be read just now, or not with our key, keeps no other from its turn; two in a row that cannot be
    read just now mean that the vendor is away.
    """

    services: Services
    source: str
    run_id: int
    now: datetime
    stop: Callable[[], bool]
    read: dict[str, int] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    problems: list[SaviaError] = field(default_factory=list)
    compared: dict[str, object] = field(default_factory=dict)

    def take(self, wanted: Sequence[str]) -> None:
        """Until all have had theirs, or `stop`. Raises TryLater for the second in a row that fails."""
        failed = False
        for stream in wanted:
            try:
                number, at_end = _pull_stream(
                    self.services, self.source, stream, self.run_id, self.now, self.stop
                )
            except PartlyRead as reason:
                log.warning("%s: of %s, some is left for later: %s", self.source, stream, reason)
                failed = False
                self.problems.append(reason)
            except (TryLater, NotForUs, BadRecord) as reason:
                if failed and isinstance(reason, TryLater):
                    raise
                log.warning("%s: %s is left for later: %s", self.source, stream, reason)
                failed = isinstance(reason, TryLater)
                self.problems.append(reason)
            else:
                failed, self.read[stream] = False, number
                if not at_end:
                    return
            self.ended.append(stream)

    def compare(self) -> None:
        """What is held against what the vendor has: the counts, and who is gone there for good."""
        if counted := count(self.services, self.source, self.read, self.now):
            self.compared["counted"] = counted
        if "contacts" in self.read and all(isinstance(each, NotForUs) for each in self.problems):
            erased = follow_gone(self.services, self.source, self.run_id, self.now, self.stop)
            self.compared |= {"erased": erased} if erased else {}


def _pull_stream(
    services: Services, source: str, stream: str, run_id: int, now: datetime, stop: Callable[[], bool]
) -> tuple[int, bool]:
    """Records read, and whether the stream came to its end. It is left only where its cursor has moved on,
    so that going on later is progress, and where more comes: what has ended is not begun again. Where the
    source does not say that more comes, the next page is read to know it, and dropped.
    """
    with services.database.begin() as conn:
        after = cursors.read(conn, source, stream)
    read, leaves, goes_on = 0, False, False
    with pages_ahead(services.sources[source].pull(stream, after, now), stop) as lots:
        for pages in lots:
            if leaves:
                return read, False
            read += _store_lot(services, source, stream, pages, run_id, now)
            goes_on = pages[-1].goes_on
            leaves = not goes_on and stop() and dict(pages[-1].cursor) != after
    return read, not goes_on


def _store_lot(
    services: Services, source: str, stream: str, pages: Sequence[Page], run_id: int, now: datetime
) -> int:
    """Records stored, in as few transactions as the pages allow. Where one cannot be stored, those before it
    are: each then has a transaction of its own.
    """
    read = 0
    for page, made_of in in_few(pages):
        try:
            read += store_page(services, source, stream, page, run_id, now).records
        except Exception:
            if len(made_of) == 1:
                raise
            log.warning("%s %s: %d pages are stored one by one", source, stream, len(made_of))
            for one in made_of:
                read += store_page(services, source, stream, one, run_id, now).records
    return read


def pull_round(services: Services, now: datetime, stop: Callable[[], bool]) -> bool:
    """Go on with the current round over every source until `stop`. True when the round is complete.

    A source that is away or refuses our key misses its turn; the others have theirs, and the problem is
    raised when the round is complete.
    """
    problem: SaviaError | None = None
    for source in services.sources:
        todo = _left_of_round(services, source)
        try:
            _, ended = pull_source(services, source, now, streams=todo, stop=stop) if todo else ({}, [])
        except SaviaError as reason:
            problem, ended = reason, todo
        _note_round(services, source, ended, now)
        if ended != todo:
            return False
    with services.database.begin() as conn:
        cursors.save(conn, *ROUND, {"done": []}, now)
    if problem is not None:
        raise problem
    return True


def _left_of_round(services: Services, source: str) -> list[str]:
    with services.database.begin() as conn:
        done = (cursors.read(conn, *ROUND) or {"done": []})["done"]
    return [stream for stream in services.sources[source].streams if f"{source}.{stream}" not in done]


def _note_round(services: Services, source: str, ended: Sequence[str], now: datetime) -> None:
    if ended:
        with services.database.begin() as conn:
            done = (cursors.read(conn, *ROUND) or {"done": []})["done"]
            cursors.save(conn, *ROUND, {"done": [*done, *(f"{source}.{name}" for name in ended)]}, now)
