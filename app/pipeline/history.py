"""The store as a history to learn from: each lead as it was at a cut date, and whether it converted after it.

Cut dates of one lead lie a horizon apart, from a phase of its own, so that no conversion counts twice, leads
of every age and season are among them, and nothing that came later had a say in where the cut falls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.domain.outcome import conversion_at, converted_within
from app.domain.records import Deal, Features
from app.domain.scoring.points import points_score
from app.pipeline.lead_reading import Held, Lead, lead_as_of, read_held
from app.services import Services
from app.store import cursors, facts, scores

MOST_CUTS = 8
MOST_LEADS = 30_000
"""Beyond this a fixed share of the leads is learnt from: more would cost memory and teach little."""

LOT = 500

# Multipliers that send neighbouring ids far apart; two, so that who is chosen says nothing of the phase.
_SPREAD_OUT = 2_654_435_761
_CHOOSE = 2_246_822_519


@dataclass(frozen=True, slots=True)
class Row:
    """A lead at a cut: what a model may know, what points gave it then, and whether it converted. It was
    first heard of at `known_since`.
    """

    person_id: int
    known_since: datetime
    cut: datetime
    features: Features
    points: int
    converted: bool


@dataclass(frozen=True, slots=True)
class Taught:
    """What a model was taught: outcomes that were known until then, each of them a horizon long."""

    outcomes_through: datetime
    horizon: timedelta

    def holds(self, row: Row) -> bool:
        """May the model have learnt from a part of what this row's outcome looks at? Cut dates move along
        with what is known: of a lead that it learnt from, only what lies a whole horizon later is new.
        """
        last = cuts(row.person_id, self.outcomes_through, self.horizon)[0]
        return row.cut < (last + self.horizon if row.known_since <= last else last)


def taught(report: Mapping[str, Any]) -> Taught:
    """Out of a model's training report."""
    horizon = timedelta(days=report["outcome"]["horizon_days"])
    told = report.get("outcomes_through")
    if told is None:  # a report of an earlier release: its last cut lies a horizon before
        return Taught(datetime.fromisoformat(report["trained_through"]) + horizon, horizon)
    return Taught(datetime.fromisoformat(told), horizon)


@dataclass(slots=True)
class History:
    """Rows to learn from, outcomes being known until then, and how many leads gave none: not old enough, or
    customers before every cut.
    """

    known_until: datetime
    rows: list[Row] = field(default_factory=list)
    censored: int = 0


def read_history(
    services: Services,
    now: datetime,
    progress: Callable[[str], None],
    *,
    but: Taught | None = None,
    only: Sequence[int] | None = None,
) -> History:
    """Every lead of the store at its cuts; with `but` those alone that it does not hold, with `only` these
    leads.
    """
    with services.database.connect() as conn:
        known_until = outcomes_known_until(conn, now)
        history = History(known_until)
        for ids in _lots(conn, only):
            held, deals = read_held(conn, ids), facts.deals_of(conn, ids)
            for person_id in ids:
                rows = list(_rows(services, held, person_id, deals[person_id], known_until))
                history.censored += not rows
                history.rows += [row for row in rows if but is None or not but.holds(row)]
            progress(f"{len(history.rows)} rows of history")
    return history


def outcomes_known_until(conn: sa.Connection, now: datetime) -> datetime:
    """Up to when conversions are known: the last reading of HubSpot's deals, by whole days, so that the
    history is the same all day long.
    """
    read_at = cursors.saved_at(conn).get(("hubspot", "deals"), now)
    return min(read_at, now).replace(hour=0, minute=0, second=0, microsecond=0)


def cuts(person_id: int, known_until: datetime, horizon: timedelta) -> list[datetime]:
    """A lead's cut dates, newest first; the horizon of each is over, so its outcome is known."""
    phase = _fraction(person_id, _SPREAD_OUT)
    newest = known_until - horizon * (1 + phase)
    return [newest - place * horizon for place in range(MOST_CUTS)]


def _fraction(person_id: int, multiplier: int) -> float:
    """A number from 0 to 1 that is always the same for the same person."""
    return (person_id * multiplier % 2**32) / 2**32


def _lots(conn: sa.Connection, only: Sequence[int] | None) -> Iterator[Sequence[int]]:
    if only is not None:
        yield from (only[first : first + LOT] for first in range(0, len(only), LOT))
        return
    share = MOST_LEADS / max(scores.count_people(conn), MOST_LEADS)
    after = 0
    while ids := scores.all_person_ids(conn, after, LOT):
        yield [one for one in ids if _fraction(one, _CHOOSE) < share]
        after = ids[-1]


def _rows(
    services: Services, held: Held, person_id: int, deals: Sequence[Deal], known_until: datetime
) -> Iterator[Row]:
    outcome = services.settings.outcome
    horizon = timedelta(days=outcome.horizon_days)
    began, first = _known_since(held, person_id), conversion_at(deals, outcome.event)
    for cut in cuts(person_id, known_until, horizon):
        if began is None or began > cut or (first is not None and first <= cut):
            continue
        lead = lead_as_of(held, person_id, services.mappings, cut)
        converted = converted_within(deals, cut, outcome.event, horizon)
        yield _row(services, person_id, began, lead, converted)


def _row(services: Services, person_id: int, began: datetime, lead: Lead, converted: bool) -> Row:
    rules = services.mappings
    points = points_score(lead.features(rules.features), lead.engagement, rules.scoring).value
    features = lead.features(rules.features.before_the_outcome())
    return Row(person_id, began, lead.at, features, points, converted)


def _known_since(held: Held, person_id: int) -> datetime | None:
    """When anybody first heard of the lead: seen to act, or made a contact in HubSpot."""
    moments = [item.occurred_at for item in held.observations.get(person_id, ())]
    for profile in held.profiles.get(person_id, ()):
        if profile.source == "hubspot" and (text := profile.fields.get("created_at")):
            moments += _moment(text)
    return min(moments, default=None)


def _moment(text: str) -> list[datetime]:
    """HubSpot writes ISO 8601 or milliseconds since 1970; anything else says nothing."""
    try:
        read = (
            datetime.fromtimestamp(int(text) / 1000, UTC) if text.isdigit() else datetime.fromisoformat(text)
        )
    except (ValueError, OverflowError):
        return []
    return [read] if read.tzinfo else []
