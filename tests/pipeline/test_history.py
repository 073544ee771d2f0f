"""The past in the store as rows to learn from: nothing that came after a cut is known at it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from app.config import Outcome
from app.pipeline.history import MOST_CUTS, Row, Taught, cuts, read_history
from app.services import Services
from app.store import facts
from tests.line import Moment, services_of
from tests.pipeline.past import DAY, act, deal, keep, live, profile, quiet

# --- the history ------------------------------------------------------------------------------------------


def test_a_history_knows_nothing_that_came_after_its_cut(services: Services, now: datetime) -> None:
    live(services.database, now, 60)
    rows = read_history(services, now, quiet).rows
    assert rows
    with services.database.connect() as conn:
        for row in rows:
            deals = facts.deals_of(conn, [row.person_id])[row.person_id]
            seen = facts.observations_of(conn, [row.person_id])[row.person_id]
            clicks = sum(item.occurred_at <= row.cut for item in seen)
            assert row.features["email_clicks"] == (clicks or None)
            assert row.features["website_visits"] is None  # HubSpot's counter is a total of today
            won = [item.closed_at for item in deals if item.closed_at]
            assert all(moment > row.cut for moment in won)
            assert row.converted == any(moment <= row.cut + 90 * DAY for moment in won)


def test_a_lead_whose_horizon_is_not_over_is_left_out(services: Services, now: datetime) -> None:
    keep(services, profile(1, now - 60 * DAY, now), act(1, 1, now - 50 * DAY), deal(1, now - 40 * DAY))
    history = read_history(services, now, quiet)
    assert (history.rows, history.censored) == ([], 1)


def test_a_shorter_horizon_and_another_event_are_obeyed(database: sa.Engine, now: datetime) -> None:
    plain = services_of(database, Moment(now))
    created = now - 200 * DAY
    keep(plain, profile(1, created, now), deal(1, now, won=False, created=now - 15 * DAY))
    for event, converted in (("deal_created", True), ("deal_won", False)):
        outcome = Outcome(event=event, horizon_days=7)  # type: ignore[arg-type]  # a loop over both
        services = replace(plain, settings=plain.settings.model_copy(update={"outcome": outcome}))
        assert any(row.converted for row in read_history(services, now, quiet).rows) is converted


@given(st.integers(1, 10**6), st.integers(0, 400), st.integers(0, 900), st.sampled_from([7, 30, 90]))
def test_of_what_a_model_was_taught_nothing_judges_it_later(
    person_id: int, days_later: int, known_for: int, horizon_days: int
) -> None:
    now, horizon = datetime(2026, 11, 1, tzinfo=UTC), timedelta(days=horizon_days)
    first = now - known_for * DAY
    then, later = (cuts(person_id, now + moved * DAY, horizon) for moved in (0, days_later))
    learnt = [cut for cut in then if first <= cut]
    rows = [Row(person_id, first, cut, {}, 0, converted=False) for cut in later if first <= cut]
    new = [row.cut for row in rows if not Taught(now, horizon).holds(row)]
    assert all(cut + horizon <= mine for cut in learnt for mine in new)
    if days_later >= 2 * horizon_days and rows:
        assert new, "in the end there is something to judge by"


def test_no_conversion_counts_twice_and_the_outcome_has_no_say_in_the_cut(now: datetime) -> None:
    for person_id in range(50):
        found = cuts(person_id, now, 90 * DAY)
        assert len(found) == MOST_CUTS
        assert all(newer - older == 90 * DAY for newer, older in pairwise(found))
        assert now - 180 * DAY < found[0] <= now - 90 * DAY


def test_a_history_is_the_same_all_day_long(services: Services, now: datetime) -> None:
    live(services.database, now, 30)
    assert read_history(services, now, quiet) == read_history(services, now + timedelta(hours=6), quiet)
