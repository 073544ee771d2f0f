"""The plan that takes back what a run wrote: shown like any plan, and applied by its fingerprint alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.domain.changes import Change, Plan
from app.domain.errors import BadConfig, Fault
from app.domain.plan import canonical_place, fingerprint
from app.domain.portal import owned_names
from app.domain.undo import WayBack, Written, find_way_back
from app.pipeline.current import before_images
from app.pipeline.write_back import destination_of
from app.services import Services
from app.store import ledger, mirror, plans
from app.store.ledger import LedgerRow

WAITS = "an undo always waits for a person"


@dataclass(frozen=True, slots=True)
class ShownUndo:
    """The way back as shown, and by words for the operator how often something cannot be taken back."""

    plan: Plan
    remains: Mapping[str, int]


def show_undo(services: Services, run_id: int, now: datetime) -> ShownUndo:
    """Make and keep the plan that undoes `run_id`. Writes nothing to HubSpot.

    Carrying it out pauses unattended writes, since the next turn would write the same again. Raises
    BadConfig for a run that wrote nothing.
    """
    destination, mapping = destination_of(services), services.mappings.hubspot
    with services.database.connect() as conn:
        rows = ledger.of_run(conn, run_id)
        released = plans.count_released(conn)
        person_ids = sorted({row.person_id for row in rows if row.person_id})
        shown_scores = mirror.score_ids(conn, person_ids)
        stopped = ledger.stopped(conn, person_ids)
    if not rows:
        raise BadConfig(
            [Fault("undo", str(run_id), "this run wrote nothing: python -m jobs undo lists them")]
        )
    written = [_written(row) for row in rows]
    contact_ids = sorted({item.contact_id for item in written if item.contact_id})
    current = destination.read(contact_ids, owned_names(mapping))
    back: WayBack = find_way_back(written, current, mapping, stopped)
    changes: tuple[Change, ...] = tuple(sorted(back.changes, key=canonical_place))
    plan = Plan(
        changes=changes,
        fingerprint=fingerprint(changes, released),
        unsafe=(WAITS,) if changes else (),
        counts=dict(Counter(type(change).__name__ for change in changes)),
    )
    if changes:
        with services.database.begin() as conn:
            plans.save(conn, plan, shown_scores, before_images(changes, current), now, undoes=run_id)
    return ShownUndo(plan, back.remains)


def _written(row: LedgerRow) -> Written:
    return Written(row.change, row.before or {}, row.person_id or 0, row.contact_id or "")
