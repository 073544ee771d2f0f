"""Pages ahead: a thread asks the source for the next pages while those before them are being stored."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from queue import Empty, SimpleQueue

from app.domain.records import Page

AHEAD = 5
"""Pages that may wait, read and not yet taken: read in vain when storing fails. No lot is larger."""

LINGER = 0.02
"""Seconds that a lot waits for its next page. A vendor who answers faster is stored in fewer, larger
transactions; one who takes longer is the slower side anyway and does not feel it.
"""


@dataclass(frozen=True, slots=True)
class _Ended:
    """The source has no more pages, or failed instead of giving one."""

    failure: BaseException | None = None


@contextmanager
def pages_ahead(pages: Iterator[Page], stop: Callable[[], bool]) -> Iterator[Iterator[list[Page]]]:
    """`pages` in their order and in lots: what has come while the lot before was stored or comes at once; one
    page where storing is quicker than the vendor, and where `stop` says so.

    When `stop` says so, nothing is asked for behind a page that goes on: it is the last, and none is read in
    vain. A failure of the source is raised behind the pages that it gave. When the block is left, the page
    that is just being read is waited for and dropped: nobody calls the vendor afterwards.
    """
    ready: SimpleQueue[Page | _Ended] = SimpleQueue()
    room, left = threading.Semaphore(AHEAD), threading.Event()

    def read() -> None:
        ended = _Ended()
        try:
            while room.acquire() and not left.is_set() and (page := next(pages, None)) is not None:
                ready.put(page)
                if page.goes_on and stop():
                    break
        except BaseException as failure:  # noqa: BLE001  raised where the page was wanted
            ended = _Ended(failure)
        ready.put(ended)

    reader = threading.Thread(target=read, name="pages ahead", daemon=True)
    reader.start()
    try:
        yield _lots(ready, room, stop)
    finally:
        left.set()
        room.release()
        reader.join()


def _lots(
    ready: SimpleQueue[Page | _Ended], room: threading.Semaphore, stop: Callable[[], bool]
) -> Iterator[list[Page]]:
    ended: _Ended | None = None
    while ended is None:
        lot: list[Page] = []
        while len(lot) < AHEAD and not (lot and stop()):
            try:
                found = ready.get(timeout=LINGER if lot else None)
            except Empty:
                break
            room.release()
            if isinstance(found, _Ended):
                ended = found
                break
            lot.append(found)
        if lot:
            yield lot
    if ended.failure is not None:
        raise ended.failure


def in_few(pages: Sequence[Page]) -> Iterator[tuple[Page, list[Page]]]:
    """These consecutive pages as fewer, larger ones, each with those it is made of; a page that says what it
    replaces stays alone.
    """
    for replacing, group in groupby(pages, key=lambda page: page.replaces != ""):
        together = list(group)
        if replacing or len(together) == 1:
            yield from ((page, [page]) for page in together)
        else:
            records = tuple(record for page in together for record in page.records)
            yield Page(records, together[-1].cursor), together
