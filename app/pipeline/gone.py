"""Contacts that HubSpot has no more, found by asking for those we hold: a privacy deletion nobody told us of.

Nothing is erased on one look: who is missing is asked for again a day later, when merges and the recycle bin
have been read anew. More than a small share of all waits for a person.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from app.domain.changes import Problem
from app.domain.errors import SaviaError
from app.domain.ports import TellsGone
from app.domain.records import ContactHint
from app.pipeline.counts import contacts_counted
from app.services import Services
from app.store import cursors, facts, held_contacts
from app.store.facts import Cause

log = logging.getLogger(__name__)

PLACE = ("savia", "gone contacts")
EVERY = timedelta(days=1)
LOT = 100
LOTS = 50
"""Lots looked at in one sync: 5,000 contacts, 50 calls where all are there."""

SHARE = 0.01
FEW = 3
"""Of all contacts held, and so many at least, may be erased unasked."""


@dataclass(frozen=True, slots=True)
class Look:
    """How far the look has come. `after` is the place it goes on behind, None when it is over, which it was
    `at`; `held` is how many contacts we held, `missing` are whom HubSpot did not have. `live`: not those in
    the recycle bin alone were looked at. `released`: a person said that all who are missing may go.
    """

    at: str = ""
    after: int | None = None
    live: bool = False
    held: int = 0
    missing: tuple[str, ...] = ()
    released: bool = False

    @property
    def waits(self) -> bool:
        """Is it more than may be erased unasked?"""
        return not self.released and len(self.missing) > max(FEW, int(self.held * SHARE))


def follow_gone(services: Services, source: str, run_id: int, now: datetime, stop: Callable[[], bool]) -> int:
    """Go on with the look, where the vendor can be asked; contacts erased. A vendor that is away, or answers
    in part, leaves it where it stands.
    """
    vendor = services.sources[source]
    if not isinstance(vendor, TellsGone):
        return 0
    erased = 0
    try:
        with services.database.begin() as conn:
            look = _read(conn)
        if look.after is None:
            if look.at and now - datetime.fromisoformat(look.at) < EVERY and not look.released:
                return 0
            if look.missing:
                look, erased = _confirm(services, vendor, look, run_id, now)
                if look.missing:
                    return erased
            with services.database.connect() as conn:
                held, surplus = contacts_counted(conn, source)
            look = Look(after=0, live=surplus, held=held)
        _go_on(services, vendor, look, now, stop)
    except SaviaError as reason:
        log.warning("%s: who is gone is looked for later: %s", source, reason)
    return erased


def _go_on(
    services: Services, vendor: TellsGone, look: Look, now: datetime, stop: Callable[[], bool]
) -> None:
    """Some lots further; the place is kept with what was found on the way."""
    for _ in range(LOTS):
        with services.database.begin() as conn:
            held = held_contacts.lot(conn, look.after or 0, LOT, live=look.live)
        missing = vendor.gone([each.contact_id for each in held]) if held else set()
        look = replace(
            look, missing=tuple(sorted({*look.missing, *missing})),
            after=held[-1].place if len(held) == LOT else None, at=now.isoformat(),
        )  # fmt: skip
        with services.database.begin() as conn:
            _save(conn, look, now)
        if look.after is None or stop():
            return


def _confirm(
    services: Services, vendor: TellsGone, look: Look, run_id: int, now: datetime
) -> tuple[Look, int]:
    """Whom the second look misses, too, is erased, unless that waits for a person. The look as it is then,
    and how many were erased.
    """
    missing = vendor.gone(look.missing)
    with services.database.begin() as conn:
        held = held_contacts.still_held(conn, missing)
        look = replace(look, missing=tuple(held), at=now.isoformat())
        if not look.waits:
            hints = [ContactHint("hubspot", each, "privacy_deleted", now) for each in held]
            facts.store(conn, [(hint, Cause(run_id=run_id)) for hint in hints], now)
            look = replace(look, missing=(), released=False)
        _save(conn, look, now)
    return look, 0 if look.missing else len(held)


def gone_problems(conn: sa.Connection) -> Iterator[Problem]:
    """A warning while more contacts are gone than are erased unasked."""
    look = _read(conn)
    if look.after is None and look.missing and look.waits:
        message = (
            f"{len(look.missing)} contacts held here are in HubSpot no more, not even in its recycle bin:"
            " if they were deleted there on purpose, python -m jobs sync hubspot --erase-gone"
        )
        yield Problem("warning", "hubspot", message)


def release_gone(conn: sa.Connection, now: datetime) -> int:
    """Let the next sync erase all who are gone, however many; how many that were by the last look."""
    look = _read(conn)
    if look.after is not None or not look.missing:
        return 0
    _save(conn, replace(look, released=True), now)
    return len(look.missing)


def _read(conn: sa.Connection) -> Look:
    kept = cursors.read(conn, *PLACE) or {}
    return Look(**{**kept, "missing": tuple(kept.get("missing", ()))})


def _save(conn: sa.Connection, look: Look, now: datetime) -> None:
    cursors.save(conn, *PLACE, asdict(look), now)
