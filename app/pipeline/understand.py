"""Leads are scored: by their facts where these changed, by what the facts came to where only time passed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.domain.errors import SaviaError
from app.domain.summary import layout, summary_key
from app.domain.texts import reading_features
from app.pipeline.apart import take_apart
from app.pipeline.lead_reading import lead_now, read_held
from app.pipeline.leads_now import leads_now
from app.pipeline.scoring import score_lot
from app.pipeline.texts import readings
from app.services import Services
from app.store import activities, models, people, scores, standings, summaries, unscored, work_list
from app.store.people_locks import hold_to_score
from app.store.summaries import SummaryLot

FACTS_AT_ONCE = 2_500
"""Leads whose facts are read together: a lead may have hundreds."""

Work = Callable[[sa.Connection, list[int], Sequence[int] | None], set[int]]
"""Takes a lot, of these people alone where named, notes whom it took, and says whose score changed."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What one lot came to. `more` says that a full lot was taken, `held` how many leads broke scoring."""

    leads: int
    changed: int
    more: bool
    held: int = 0


def rescore_touched(services: Services, now: datetime, lot: int = FACTS_AT_ONCE) -> Understood:
    """Score again the leads whose facts changed; each then waits to be considered for a write."""

    def work(conn: sa.Connection, taken: list[int], only: Sequence[int] | None) -> set[int]:
        rows = people.take_touched(conn, lot, only)
        taken += [row.person_id for row in rows]
        changed = _from_facts(services, conn, taken, now)
        work_list.add(conn, taken, now, hot={row.person_id for row in rows if row.hot})
        people.untouch(conn, rows)
        return changed

    return _in_a_lot(services, work, lot, now)


def rescore_due(services: Services, now: datetime, lot: int = 5_000) -> Understood:
    """Score again the next leads of whose score time alone has changed what is printed.

    Only leads whose score changed wait for a write. Cost follows what is due, not how many leads there are.
    """

    def work(conn: sa.Connection, taken: list[int], only: Sequence[int] | None) -> set[int]:
        taken += standings.take_due(conn, now, lot, only)
        return _as_time_passed(services, conn, taken, now)

    return _in_a_lot(services, work, lot, now)


def rescore_after(services: Services, after: int, now: datetime, lot: int = 20_000) -> tuple[Understood, int]:
    """Score again the next lot of all leads by id, due or not.

    Only leads whose score changed wait for a write. The second answer is the last id, for the next lot.
    """
    with services.database.connect() as conn:
        ids = scores.all_person_ids(conn, after, lot)

    def work(conn: sa.Connection, taken: list[int], only: Sequence[int] | None) -> set[int]:
        taken += ids if only is None else only
        return _as_time_passed(services, conn, taken, now)

    return _in_a_lot(services, work, lot, now), ids[-1] if ids else after


def _in_a_lot(services: Services, work: Work, lot: int, now: datetime) -> Understood:
    """One lot in one transaction; where it fails in a way nobody foresaw, without the leads that break it."""
    taken: list[int] = []
    try:
        with services.database.begin() as conn:
            models.hold_scorer(conn)
            changed = work(conn, taken, None)
    except (SaviaError, sa.exc.OperationalError):
        raise
    except Exception:
        if not taken:
            raise
    else:
        return Understood(len(taken), len(changed), more=len(taken) == lot)

    def part(ids: Sequence[int]) -> int:
        with services.database.begin() as conn:
            models.hold_scorer(conn)
            return len(work(conn, [], ids))

    apart = take_apart(part, taken)
    for person_id, failure in apart.failed.items():
        _keep_apart(services, person_id, failure, now)
    return Understood(len(taken), apart.changed, more=len(taken) == lot, held=len(apart.failed))


def _keep_apart(services: Services, person_id: int, failure: Exception, now: datetime) -> None:
    """Kept for a person to see; its facts are read again when they change, or when everybody is scored."""
    with services.database.begin() as conn:
        unscored.hold(conn, person_id, type(failure).__name__, now)
        standings.never_due(conn, person_id)
        summaries.forget(conn, person_id)
        people.untouch(conn, people.take_touched(conn, 1, [person_id]))


def _from_facts(services: Services, conn: sa.Connection, ids: Sequence[int], now: datetime) -> set[int]:
    """Read all that is known of these people and score them, without those who were merged or erased
    meanwhile. Returns those whose score changed.
    """
    ids = hold_to_score(conn, ids)
    if not ids:
        return set()
    held, rules = read_held(conn, ids), services.mappings
    before = rules.features.before_the_outcome()
    leads = {person_id: lead_now(held, person_id, rules, now) for person_id in ids}
    found = {person_id: lead.summary(rules.features, before) for person_id, lead in leads.items()}
    # Beside the table: what a text says is shown, and gives no points.
    read = readings(services, conn, held.observations, held.profiles)
    shown = {
        person_id: {**one.features, **reading_features(read.get(person_id, ()))}
        for person_id, one in found.items()
    }
    activities.replace(conn, {person_id: lead.activities for person_id, lead in leads.items()})
    scores.save_features(conn, shown, now)
    summaries.write(conn, found, layout(rules.features), _key(services))
    unscored.release(conn, ids)
    return _score(services, conn, summaries.read(conn, ids, _key(services), now), now, fresh=True)


def _as_time_passed(services: Services, conn: sa.Connection, ids: Sequence[int], now: datetime) -> set[int]:
    """Score these people by their summaries; whose summary does not hold any more, from the facts. Returns
    those whose score changed; they wait for a write.
    """
    lot = summaries.read(conn, ids, _key(services), now)
    # First those who may be waited for, all at once: whoever holds a lead must wait for no other.
    others = hold_to_score(conn, sorted(set(ids).difference(lot.ids)))
    changed: set[int] = set()
    for first in range(0, len(others), FACTS_AT_ONCE):
        changed |= _from_facts(services, conn, others[first : first + FACTS_AT_ONCE], now)
    changed |= _score(services, conn, lot, now, fresh=False)
    work_list.add(conn, changed, now)
    return changed


def _score(
    services: Services, conn: sa.Connection, lot: SummaryLot, now: datetime, *, fresh: bool
) -> set[int]:
    if not lot.ids:
        return set()
    rules = services.mappings
    how = layout(rules.features)
    leads = leads_now(lot, how, rules.engagement, now)
    moved = score_lot(services, conn, leads, now, fresh=fresh)
    if not fresh:  # somebody may have scored a lead from newer facts meanwhile: that stands
        unchanged = summaries.hold_unchanged(conn, lot, sorted(moved))
        moved = {person_id: one for person_id, one in moved.items() if person_id in unchanged}
    told = {person_id: one.score for person_id, one in moved.items() if one.score is not None}
    scores.append(conn, told, now)
    standings.save(conn, moved)
    if not fresh:
        totals = {person_id: score.engagement for person_id, score in told.items()}
        scores.save_faded(conn, how.moving, totals, now)
    return set(told)


def _key(services: Services) -> str:
    rules = services.mappings
    return summary_key(rules.features, rules.engagement, rules.machine)
