"""Whose activities to look at next: recently active contacts first, then everybody in turn.

The state lives in the pull's cursor. It holds at most MOST_ACTIVE contacts by name; of the others it knows
how far the present round has come and when the last whole round began.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

MOST_ACTIVE = 500
ACTIVE_FOR = timedelta(days=14)
"""After two weeks without an act a contact waits its turn like everybody else."""

LOOK_AGAIN = timedelta(minutes=30)
OVERLAP = timedelta(days=1)
"""`after` is documented as a date; in which zone it is read is not."""


@dataclass(frozen=True, slots=True)
class Active:
    """A contact that did something lately: when, and when we looked last."""

    acted_at: datetime
    looked_at: datetime


@dataclass(frozen=True, slots=True)
class Rotation:
    """`after_id` is the last contact looked at in the round that began at `round_began` (None: no round is
    under way); `whole_round` is when the last finished round began: nobody was looked at longer ago.
    """

    active: Mapping[str, Active] = field(default_factory=dict)
    after_id: str = ""
    round_began: datetime | None = None
    whole_round: datetime | None = None

    def due(self, now: datetime) -> list[str]:
        """The active contacts to look at now, the latest act first."""
        waiting = [
            (one.acted_at, name) for name, one in self.active.items() if one.looked_at <= now - LOOK_AGAIN
        ]
        return [name for _, name in sorted(waiting, reverse=True)]

    def looked(self, contact_id: str, acted_at: datetime | None, now: datetime) -> Rotation:
        """After a look: `acted_at` is the latest act found, None where there is none."""
        known = self.active.get(contact_id)
        latest = max((at for at in (acted_at, known.acted_at if known else None) if at), default=None)
        others = {name: one for name, one in self.active.items() if name != contact_id}
        if latest and latest >= now - ACTIVE_FOR:
            others[contact_id] = Active(latest, now)
        kept = sorted(others.items(), key=lambda item: item[1].acted_at, reverse=True)[:MOST_ACTIVE]
        return Rotation(dict(kept), self.after_id, self.round_began, self.whole_round)

    def gone(self, contact_id: str) -> Rotation:
        """The contact was deleted."""
        kept = {name: one for name, one in self.active.items() if name != contact_id}
        return Rotation(kept, self.after_id, self.round_began, self.whole_round)

    def at(self, contact_id: str, now: datetime) -> Rotation:
        """The round has come past this contact."""
        return Rotation(self.active, contact_id, self.round_began or now, self.whole_round)

    def round_over(self, now: datetime) -> Rotation:
        """The last contact was passed."""
        return Rotation(self.active, "", None, self.round_began or now)

    def since(self, contact_id: str) -> datetime | None:
        """From when on this contact's activities are still unread; None for all of them."""
        known = self.active.get(contact_id)
        looked = known.looked_at if known else self.whole_round
        return looked - OVERLAP if looked else None

    def to_cursor(self, now: datetime) -> dict[str, Any]:
        """JSON, with the freshness reached: everything an active contact did before `active`, and everything
        anybody did before `everybody`, has been read ("" while the first round is under way).
        """
        oldest = min((one.looked_at for one in self.active.values()), default=now)
        return {
            "active": {
                name: [one.acted_at.isoformat(), one.looked_at.isoformat()]
                for name, one in self.active.items()
            },
            "after_id": self.after_id,
            "round_began": _text(self.round_began),
            "whole_round": _text(self.whole_round),
            "freshness": {"active": _text(oldest), "everybody": _text(self.whole_round)},
        }


def from_cursor(after: Mapping[str, Any] | None) -> Rotation:
    """The state as a cursor holds it; nothing looked at yet for None."""
    stored = after or {}
    active = {
        name: Active(datetime.fromisoformat(acted), datetime.fromisoformat(looked))
        for name, (acted, looked) in stored.get("active", {}).items()
    }
    return Rotation(
        active,
        stored.get("after_id", ""),
        _moment(stored.get("round_began", "")),
        _moment(stored.get("whole_round", "")),
    )


def _text(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
