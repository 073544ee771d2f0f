"""Scored by its summary a lead is what its facts say, to the last digit; before it is due nothing moves."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import nan

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.decay import engagement_steps, next_change, points_level
from app.domain.engagement import EngagementRules, KindRule
from app.domain.occurrences import runs_of
from app.domain.records import IdentityKey, Occurrence
from app.domain.scoring.lead_scores import LeadColumns, ModelRules, ScoredLead, score_by_model
from app.domain.scoring.lead_table import lead_table
from app.domain.scoring.points import points_score
from app.domain.standing import printed
from app.domain.summary import BETWEEN, Summary, layout, summary_key
from app.pipeline.lead_columns import lead_columns
from app.pipeline.lead_reading import Held, Lead, lead_now
from app.pipeline.leads_now import LeadsNow, leads_now
from app.store import standings, summaries
from app.store.facts import StoredObservation, StoredProfile
from app.store.standings import Standing
from app.store.summaries import NEVER, SummaryLot, microseconds
from mappings.load import Mappings
from tests.scoring.lead_model import MAPPINGS, TABLE, blended_rules, model_rules

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOW = layout(MAPPINGS.features)
KEY = summary_key(MAPPINGS.features, MAPPINGS.engagement, MAPPINGS.machine)
MINUTES = st.integers(-60 * 24 * 60, 3 * 24 * 60)
"""When something was seen, counted from NOW: two months back, and as much ahead as clocks and plans go."""

KINDS = (
    "email_sent", "email_open", "email_click", "website_visit", "content_download", "chat_message",
    "poll_answer", "qa_question", "registration", "registration_cancelled", "webinar_join", "webinar_leave",
    "webinar_segment", "never_heard_of",
)  # fmt: skip
SIGHTS = st.tuples(
    st.sampled_from(KINDS), MINUTES, st.integers(0, 7200), st.sampled_from(["w1", "w2"]), MINUTES
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "job_title": st.sampled_from(["CEO", "Directora", " analista  de datos ", ""]),
        "company_size": st.sampled_from(["1-20", "small", "?"]),
        "visits": st.sampled_from(["3", "x"]),
        "email_opens": st.sampled_from(["0", "12"]),
        "country": st.sampled_from(["España", "FR"]),
        "decision_authority": st.sampled_from(["DECISION_MAKER", "none of these"]),
    },
)
HISTORY = st.tuples(st.lists(SIGHTS, max_size=12), FIELDS, st.none() | MINUTES)
LATER = st.integers(0, 90 * 24 * 60 * 60).map(lambda seconds: timedelta(seconds=seconds))

Told = tuple[Sequence[tuple[str, int, int, str, int]], dict[str, str], int | None]


def held_of(histories: Sequence[Told]) -> Held:
    """The facts of so many leads; all were in the same two runs, of which the first may have a known end."""
    ends = histories[0][2]
    ended = None if ends is None else NOW + timedelta(minutes=ends)
    runs = {"w1": Occurrence("zoom", "w1", "1", "t", NOW - timedelta(days=9), ended)}
    return Held(
        {number: list(_seen(one[0])) for number, one in enumerate(histories)},
        {number: list(_said(one[1])) for number, one in enumerate(histories)},
        runs_of(runs),
    )


def _seen(sights: Sequence[tuple[str, int, int, str, int]]) -> list[StoredObservation]:
    found = []
    for place, (kind, minutes, seconds, scope, starts) in enumerate(sights):
        at = NOW + timedelta(minutes=minutes)
        attributes = {"session": scope, "device": "movil" if seconds % 2 else "mesa", "link": str(seconds)}
        if kind == "registration":
            attributes["starts_at"] = (NOW + timedelta(minutes=starts)).isoformat()
        quantity = float(seconds) if kind == "webinar_segment" else 1.0
        found.append(
            StoredObservation(place, "x", kind, f"{place}", at, quantity, scope, attributes, None, None)
        )
    return sorted(found, key=lambda seen: (seen.occurred_at, seen.id))


def _said(fields: dict[str, str]) -> list[StoredProfile]:
    return [StoredProfile("hubspot", (IdentityKey("any", "email", "a@example.com"),), fields, NOW)]


def leads_at(histories: Sequence[Told], at: datetime, mappings: Mappings = MAPPINGS) -> list[Lead]:
    """By their facts."""
    held = held_of(histories)
    return [lead_now(held, number, mappings, at) for number in range(len(histories))]


def summaries_of(leads: Sequence[Lead]) -> list[Summary]:
    return [lead.summary(MAPPINGS.features, TABLE) for lead in leads]


def lot_of(found: Sequence[Summary]) -> SummaryLot:
    """As the store packs them and gives them back."""
    packed = [HOW.pack(one) for one in found]
    worths = [value for one in found for value in one.worth.by_kind.values()]
    return SummaryLot(
        ids=range(len(found)),
        written_by=[(0, 0)] * len(found),
        worth_at=[microseconds(one.worth.at) for one in found],
        look_at=[microseconds(at) if (at := one.held.look_at) else NEVER for one in found],
        due_at=[NEVER] * len(found),
        standing=[nan] * len(found),
        held=[None] * len(found),
        kinds=["".join(kind + BETWEEN for kind in one.worth.by_kind) for one in found],
        worths=worths,
        numbers=b"".join(struct.pack(f"<{len(numbers)}d", *numbers) for numbers, _ in packed),
        words=[words for _, words in packed],
    )


def holding(found: Sequence[Summary], at: datetime) -> list[int]:
    """The places of those that hold at this moment."""
    return [
        place
        for place, one in enumerate(found)
        if one.held.since <= at and (one.held.until is None or at < one.held.until)
    ]


TWO_PACES = EngagementRules(
    "half_life", 30.0, 0.95, MAPPINGS.engagement.other, {"email_click": KindRule(3, 3, half_life_days=7)}
)
PER_EVENT = EngagementRules("per_event", 30.0, 0.95, MAPPINGS.engagement.other, MAPPINGS.engagement.kinds)


@pytest.mark.parametrize("rules", [MAPPINGS.engagement, TWO_PACES, PER_EVENT])
@settings(max_examples=60)
@given(histories=st.lists(HISTORY, min_size=1, max_size=4), later=LATER)
def test_features_engagement_and_points_are_those_of_the_facts(
    rules: EngagementRules, histories: Sequence[Told], later: timedelta
) -> None:
    mappings = Mappings(
        **{name: getattr(MAPPINGS, name) for name in Mappings.__slots__} | {"engagement": rules}
    )
    found = summaries_of(leads_at(histories, NOW, mappings))
    at = NOW + later
    truth = leads_at(histories, at, mappings)
    kept = holding(found, at)
    now = leads_now(lot_of([found[place] for place in kept]), HOW, rules, at)
    for place, number in enumerate(kept):
        lead = truth[number]
        assert now.features(place) == (lead.features(MAPPINGS.features), lead.features(TABLE))
        assert now.engagement(place) == lead.engagement
        assert points_score(now.features(place)[0], now.engagement(place), MAPPINGS.scoring) == points_score(
            lead.features(MAPPINGS.features), lead.engagement, MAPPINGS.scoring
        )


@settings(max_examples=40)
@given(histories=st.lists(HISTORY, min_size=1, max_size=6), later=LATER)
def test_probability_score_and_band_are_those_of_the_facts(
    histories: Sequence[Told], later: timedelta
) -> None:
    found = summaries_of(leads_at(histories, NOW))
    at = NOW + later
    truth = leads_at(histories, at)
    kept = holding(found, at)
    if not kept:
        return
    now = leads_now(lot_of([found[place] for place in kept]), HOW, MAPPINGS.engagement, at)
    nothing = [None] * len(kept)
    for rules in (model_rules(), blended_rules()):
        by_summary = score_by_model(lead_columns(now), nothing, rules)
        by_facts = score_by_model(columns_of([truth[number] for number in kept]), nothing, rules)
        assert np.array_equal(by_summary.probability, by_facts.probability)
        assert by_summary.scores == by_facts.scores


def columns_of(leads: Sequence[Lead]) -> LeadColumns:
    """Lead by lead, from the facts."""
    learnt = [lead.features(TABLE) for lead in leads]
    alone = [
        ScoredLead(lead.features(MAPPINGS.features), known, lead.engagement)
        for lead, known in zip(leads, learnt, strict=True)
    ]
    totals = np.array([lead.engagement.total for lead in leads])
    return LeadColumns(lead_table(learnt, TABLE), totals, alone.__getitem__)


@settings(max_examples=40)
@given(histories=st.lists(HISTORY, min_size=1, max_size=6), share=st.floats(0, 1, exclude_max=True))
def test_who_is_not_due_would_get_no_other_score(histories: Sequence[Told], share: float) -> None:
    """By points, by a model of trees or curves alone, and by a blend: looked at anywhere before it is due."""
    leads = leads_at(histories, NOW)
    found = summaries_of(leads)
    open_stays = {place for place, one in enumerate(found) if one.held.since == NOW != one.held.until}
    now = leads_now(lot_of(found), HOW, MAPPINGS.engagement, NOW)
    steps = engagement_steps(MAPPINGS.scoring, HOW.moving)
    levels = {place: points_level(now.totals[place], MAPPINGS.scoring, steps) for place in range(len(found))}
    _nobody_moves_before(histories, now, levels, None, share, open_stays)
    for rules in (model_rules(), blended_rules()):
        scored = score_by_model(lead_columns(now), [None] * len(found), rules)
        _nobody_moves_before(histories, now, scored.levels, rules, share, open_stays)


def _nobody_moves_before(
    histories: Sequence[Told],
    now: LeadsNow,
    levels: dict[int, float],
    rules: ModelRules | None,
    share: float,
    left_out: set[int],
) -> None:
    for place in sorted(set(levels) - left_out):
        look_at = summaries.moment_of(now.lot.look_at[place])
        due = next_change(now.engagement(place), levels[place], MAPPINGS.engagement, NOW, look_at)
        until = NOW + timedelta(days=4000) if due is None else due
        before = NOW + max((until - NOW) * share - timedelta(seconds=1), timedelta())
        assert _printed(histories, place, before, rules) == _printed(histories, place, NOW, rules)


def _printed(histories: Sequence[Told], place: int, at: datetime, rules: ModelRules | None) -> object:
    lead = leads_at(histories, at)[place]
    if rules is None:
        return printed(points_score(lead.features(MAPPINGS.features), lead.engagement, MAPPINGS.scoring))
    return printed(score_by_model(columns_of([lead]), [None], rules).scores[0])


def test_a_stay_that_goes_on_is_looked_at_again_within_minutes() -> None:
    told: Told = ([("webinar_join", -10, 0, "w1", 0)], {}, 50)
    [lead] = leads_at([told], NOW)
    assert lead.held.look_at == NOW + timedelta(minutes=5)
    assert lead.held.until is not None
    assert lead.held.until <= NOW + timedelta(microseconds=1)
    [later] = leads_at([told], NOW + timedelta(minutes=48))
    assert later.held.look_at == NOW + timedelta(minutes=50)
    [over] = leads_at([told], NOW + timedelta(minutes=50))
    assert (over.held.until, over.held.look_at) == (None, None)


# --- as rows ----------------------------------------------------------------------------------------------


def test_a_lot_is_read_as_it_was_written(database: sa.Engine) -> None:
    histories: list[Told] = [
        (
            [("email_click", -600, 0, "w1", 0), ("webinar_segment", -900, 1800, "w1", 0)],
            {"job_title": "CEO"},
            None,
        ),
        ([], {"visits": "3", "country": "España"}, None),
        ([("registration", -60, 0, "w2", 90)], {}, None),
    ]
    found = dict(enumerate(summaries_of(leads_at(histories, NOW)), start=0))
    score = points_score({}, leads_at(histories, NOW)[0].engagement, MAPPINGS.scoring)
    with database.begin() as conn:
        summaries.write(conn, found, HOW, KEY)
        standings.save(conn, {0: Standing(0.25, NOW, score), 1: Standing(0.5, None)})
        lot = summaries.read(conn, [0, 1, 2, 3], KEY, NOW)
        packed = lot_of(list(found.values()))
        assert (list(lot.ids), list(lot.worth_at), list(lot.look_at)) == (
            [0, 1, 2],
            packed.worth_at,
            packed.look_at,
        )
        assert (lot.kinds, list(lot.worths), lot.numbers) == (packed.kinds, packed.worths, packed.numbers)
        assert lot.words == packed.words
        assert lot.held == [printed(score), None, None]
        assert list(lot.due_at) == [microseconds(NOW), NEVER, NEVER]
        assert list(lot.standing[:2]) == [0.25, 0.5]


def test_a_summary_of_other_rules_or_of_another_time_is_not_read(database: sa.Engine) -> None:
    told: Told = ([("registration", -60, 0, "w2", 90)], {}, None)
    [found] = summaries_of(leads_at([told], NOW))
    begins = NOW + timedelta(minutes=90)
    with database.begin() as conn:
        summaries.write(conn, {1: found}, HOW, KEY)
        moments = {NOW: 1, begins - timedelta(seconds=1): 1, begins: 0, NOW - timedelta(hours=2): 0}
        for at, leads in moments.items():
            assert len(summaries.read(conn, [1], KEY, at).ids) == leads
        assert summaries.read(conn, [1], "other rules", NOW).ids == ()


def test_other_rules_have_another_key() -> None:
    rules = MAPPINGS.engagement
    other = EngagementRules(rules.mode, 31.0, rules.per_event_factor, rules.other, rules.kinds)
    assert summary_key(MAPPINGS.features, other, MAPPINGS.machine) != KEY
    assert summary_key(TABLE, rules, MAPPINGS.machine) != KEY
