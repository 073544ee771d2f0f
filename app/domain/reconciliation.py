"""After a webinar: whom Zoom counted is a contact in HubSpot, on the review list with a reason, or missing.

Pure. The sum always holds: Zoom = HubSpot + unmatched + missing - surplus.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from app.domain.occurrences import first_runs
from app.domain.records import Occurrence

Why = Literal["", "anonymous", "role_mailbox", "deleted", "no_contact"]
"""Why an attendee is on the review list; "" for one whose lead has a contact in HubSpot."""

WORDS: Mapping[str, str] = {
    "anonymous": "Zoom shows neither a registration nor an e-mail: ask the host who it was",
    "role_mailbox": "a mailbox that a team shares belongs to nobody: ask them who watched",
    "deleted": "the contact was deleted in HubSpot: restore it there, or leave it",
    "no_contact": "no contact in HubSpot has this address yet: the next plan makes one, see jobs write_back",
}


@dataclass(frozen=True, slots=True)
class ReportCount:
    """What the report of one run counted when it was read last."""

    uuid: str
    attendees: int
    is_final: bool


@dataclass(frozen=True, slots=True)
class HeldAttendee:
    """Somebody whom a report names, as we hold them. `attendee` is Zoom's name for them."""

    uuid: str
    attendee: str
    person_id: int | None
    why: Why = ""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """One occurrence. `missing` were counted by Zoom and are not held: see the quarantine. `surplus` are held
    and Zoom's report, as read last, does not count them. `leads` are the contacts behind the matched: fewer
    where one came under two names.
    """

    run: Occurrence
    zoom: int
    matched: int
    leads: int
    unmatched: tuple[HeldAttendee, ...]
    missing: int
    surplus: int
    is_final: bool

    def __str__(self) -> str:
        parts = [f"HubSpot {self.matched}"]
        parts += [f"{len(self.unmatched)} unmatched"] if self.unmatched else []
        parts += [f"{self.missing} missing"] if self.missing else []
        surplus = f" - {self.surplus} surplus" if self.surplus else ""
        return f"Zoom {self.zoom} = {' + '.join(parts)}{surplus}"


def reconcile(
    runs: Mapping[str, Occurrence], counts: Iterable[ReportCount], held: Iterable[HeldAttendee]
) -> list[Reconciled]:
    """Every occurrence of which a report was read, in order of time. `runs` are by uuid."""
    first = first_runs(runs.values())
    told: dict[str, list[ReportCount]] = {}
    for count in counts:
        if count.uuid in first:
            told.setdefault(first[count.uuid], []).append(count)
    there: dict[str, list[HeldAttendee]] = {}
    for one in held:
        there.setdefault(first.get(one.uuid, one.uuid), []).append(one)
    found = [_reconciled(runs[uuid], own, there.get(uuid, ())) for uuid, own in told.items()]
    return sorted(found, key=lambda item: (item.run.starts_at, item.run.uuid))


def _reconciled(run: Occurrence, counts: Sequence[ReportCount], held: Sequence[HeldAttendee]) -> Reconciled:
    differences = [_difference(count, held) for count in counts]
    missing = sum(max(0, difference) for difference in differences)
    surplus = sum(max(0, -difference) for difference in differences)
    once = {one.attendee: one for one in held}
    unmatched = tuple(one for _, one in sorted(once.items()) if one.why)
    matched = [one for one in once.values() if not one.why]
    return Reconciled(
        run=run,
        zoom=len(once) + missing - surplus,
        matched=len(matched),
        leads=len({one.person_id for one in matched}),
        unmatched=unmatched,
        missing=missing,
        surplus=surplus,
        is_final=all(count.is_final for count in counts),
    )


def _difference(count: ReportCount, held: Iterable[HeldAttendee]) -> int:
    """How many more the report counts than we hold of it."""
    return count.attendees - len({one.attendee for one in held if one.uuid == count.uuid})
