from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.engagement import Engagement, engagement
from app.domain.feature_table import FEATURES
from app.domain.features import compute_features, count_facts
from app.domain.records import BANDS, Activity, Profile, Reason, Score
from app.domain.scoring.bands import band_of
from app.domain.scoring.points import (
    EngagementPoints,
    FeaturePoints,
    Level,
    Step,
    cross_faults,
    points_faults,
    points_grid,
    points_score,
    split,
    wording,
)
from tests.domain.shipped import ENGAGEMENT, FEATURE_TABLE, POINTS

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NO_ENGAGEMENT = Engagement(0.0, {})
REGISTERED = (("webinar_registration", 1),)
ATTENDED = (*REGISTERED, ("webinar_attendance", 60))
ANSWERED = (*ATTENDED, ("poll_participation", 1), ("poll_participation", 1))
ASKED = (*ANSWERED, ("qa_participation", 1))
CLICKED = (*ASKED, *(("email_click", 1),) * 3)


def acts(kinds: tuple[tuple[str, float], ...], age_days: float) -> list[Activity]:
    at = NOW - timedelta(days=age_days)
    starts = {"starts_at": at.isoformat()}
    return [Activity(kind, str(place), at, much, (), starts) for place, (kind, much) in enumerate(kinds)]


def score(kinds: tuple[tuple[str, float], ...], age_days: float = 3, **fields: str) -> Score:
    activities = acts(kinds, age_days)
    total = engagement(activities, ENGAGEMENT, NOW)
    profiles = [Profile("zoom", (), fields, NOW)]
    features = compute_features(count_facts(activities, profiles, NOW), total, FEATURE_TABLE)
    return points_score(features, total, POINTS)


def title_points(title: str) -> int:
    return points_score({"job_title": title}, NO_ENGAGEMENT, POINTS).value - POINTS.base


SHARES = st.dictionaries(
    st.sampled_from([*ENGAGEMENT.kinds, "new", "newer"]), st.floats(min_value=0, max_value=1e6), max_size=8
)
ENGAGEMENTS = SHARES.map(lambda by_kind: Engagement(sum(by_kind.values()), by_kind))
NUMBERS = st.none() | st.floats(min_value=0, max_value=1e6)
TEXTS = (
    st.none() | st.text(max_size=30) | st.sampled_from(["CEO", "Estudiante", "Not involved", "Alto", "MX"])
)
FEATURE_SETS = st.fixed_dictionaries(dict.fromkeys(FEATURES, NUMBERS | TEXTS))


def test_the_shipped_rules_are_without_fault():
    assert points_faults(POINTS) == []
    assert cross_faults(POINTS, FEATURE_TABLE, ENGAGEMENT) == []


@given(features=FEATURE_SETS, total=ENGAGEMENTS)
def test_the_receipt_adds_up_to_a_score_within_0_and_100(features: dict, total: Engagement):
    found = points_score(features, total, POINTS)
    assert sum(reason.points for reason in found.receipt) == found.value
    assert 0 <= found.value <= 100
    assert found.band == band_of(found.value, POINTS.bands)
    assert found.probability is None
    assert found.receipt[0] == Reason("base", POINTS.base, "base")
    assert all(reason.points for reason in found.receipt)


@given(features=FEATURE_SETS, total=ENGAGEMENTS | st.just(NO_ENGAGEMENT))
def test_a_grid_alone_is_the_one_of_the_score(features: dict, total: Engagement):
    assert points_grid(features, total, POINTS) == points_score(features, total, POINTS).grid


def test_the_best_lead_has_100_and_the_worst_has_0():
    best = {
        "job_title": "CEO", "decision_authority": "Decision Maker", "company_size": 5000.0,
        "budget_range": "Alto", "webinar_attendance_duration": 90.0,
    }  # fmt: skip
    assert points_score(best, Engagement(1e9, {"referral": 1e9}), POINTS).value == 100
    worst = {"job_title": "Estudiante", "decision_authority": "Not involved"}
    assert points_score(worst, NO_ENGAGEMENT, POINTS).value == 0


@given(
    features=FEATURE_SETS, shares=SHARES, kind=st.sampled_from([*ENGAGEMENT.kinds]), more=st.floats(0, 100)
)
def test_more_engagement_never_lowers_the_score(features: dict, shares: dict, kind: str, more: float):
    raised = {**shares, kind: shares.get(kind, 0) + more}
    before = points_score(features, Engagement(sum(shares.values()), shares), POINTS)
    after = points_score(features, Engagement(max(sum(raised.values()), before.engagement), raised), POINTS)
    assert after.value >= before.value


@given(
    older=st.integers(0, 400),
    newer=st.integers(0, 400),
    kinds=st.sampled_from([REGISTERED, ATTENDED, CLICKED]),
)
def test_the_same_acts_done_later_never_lower_the_score(older: int, newer: int, kinds: tuple):
    newer, older = sorted((newer, older))
    assert score(kinds, newer).value >= score(kinds, older).value


@given(points=st.integers(0, 100), shares=SHARES)
def test_points_are_split_whole_and_without_rest(points: int, shares: dict[str, float]):
    parts = split(points, shares)
    assert sum(parts.values()) == (points if sum(shares.values()) > 0 else 0)
    assert all(part >= 0 for part in parts.values())


def test_the_largest_remainder_gets_the_last_point():
    assert split(10, {"a": 1, "b": 1, "c": 1}) == {"a": 4, "b": 3, "c": 3}
    assert split(10, {"a": 0.26, "b": 0.74}) == {"a": 3, "b": 7}


def test_an_active_ceo_is_hot_and_a_stranger_who_stayed_away_is_unqualified():
    assert score(CLICKED, job_title="CEO").band == "hot"
    assert score(REGISTERED).band == "unqualified"


def test_typical_leads_spread_over_all_bands():
    titles = ("CEO", "Director de Marketing", "Responsable de Ventas", "Analista", "Estudiante", "")
    stories = (REGISTERED, ATTENDED, ANSWERED, ASKED, CLICKED)
    found = [score(story, job_title=title).band for title, story in product(titles, stories)]
    assert set(found) == set(BANDS)
    assert max(map(found.count, BANDS)) < len(found) / 2


@given(
    story=st.lists(st.sampled_from([*ENGAGEMENT.kinds]), max_size=60),
    age=st.floats(min_value=0, max_value=200),
    title=st.sampled_from(["CEO", "Analista", ""]),
)
def test_one_quiet_day_moves_no_score_by_more_than_a_point(story: list[str], age: float, title: str):
    kinds = tuple((kind, 60.0) for kind in story)
    today = score(kinds, age, job_title=title).value
    assert 0 <= today - score(kinds, age + 1, job_title=title).value <= 1


@pytest.mark.parametrize(
    ("title", "points"),
    [
        ("CEO & Founder", 24), ("Dueño", 24), ("DUEÑA", 24), ("Fundadora", 24), ("Co-fundador", 24),
        ("Director General", 24), ("Gerente general", 24), ("C.E.O.", 24), ("Director", 18),
        ("Directora de Marketing", 18), ("Gerente de Operaciones", 18), ("Vice President of Sales", 18),
        ("Head of Growth", 18),
        ("Responsable de Ventas", 13), ("Project Manager", 13), ("Jefe de TI", 13),
        ("Consultora independiente", 8), ("Técnico de Soporte", 5), ("Asistente de Dirección General", 4),
        ("Product Owner", 4), ("Estudiante", -3), ("Coordinadora", 13), ("Fisioterapeuta", 0), ("نور", 0),
    ],
)  # fmt: skip
def test_titles_are_told_apart_in_both_languages(title: str, points: int):
    assert title_points(title) == points


@pytest.mark.parametrize(
    ("text", "points"), [("DECISION_MAKER", 5), ("Evaluator/Recommender", 3), ("Not involved", -2)]
)
def test_zooms_and_hubspots_words_for_authority_are_known(text: str, points: int):
    found = points_score({"decision_authority": text}, NO_ENGAGEMENT, POINTS)
    assert found.value - POINTS.base == points


def test_of_steps_the_highest_reached_counts_and_of_levels_the_first_that_matches():
    steps = (Step(100, 4), Step(10, 1), Step(50, 2))
    levels = (Level(3, equals=("salud",)), Level(2, contains=("salud",)))
    features = {
        "company_size": FeaturePoints("company_size", steps=steps),
        "industry": FeaturePoints("company_size", levels=levels),
    }
    rules = replace(POINTS, base=0, features=features)
    for size, points in ((9.9, 0), (10, 1), (99, 2), (1e9, 4)):
        assert points_score({"company_size": size}, NO_ENGAGEMENT, rules).value == points
    for industry, points in (("Salud", 3), ("Salud y deporte", 2), ("Saludable", 0)):
        assert points_score({"industry": industry}, NO_ENGAGEMENT, rules).value == points


def test_the_receipt_reads_in_both_languages():
    found = score(CLICKED, job_title="CEO")
    spanish = [f"{reason.points} {wording(reason, 'es', POINTS)}" for reason in found.receipt]
    assert spanish[:3] == ["5 Puntos de partida", "24 Cargo: CEO", "13 Responde a las encuestas"]
    assert "8 Asistió 60 min a webinars" in spanish
    assert "Job title: CEO" in [wording(reason, "en", POINTS) for reason in found.receipt]


def test_values_are_put_into_the_wording_as_they_are():
    assert (
        wording(Reason("job_title", 1, "fit", "{value} {0} 🚀"), "en", POINTS) == "Job title: {value} {0} 🚀"
    )


def test_a_reason_the_rules_no_longer_know_shows_its_code():
    assert wording(Reason("gone", 1, "fit", "x"), "es", POINTS) == "gone"


def test_kinds_without_a_wording_share_one():
    found = points_score({}, Engagement(20, {"new": 12, "newer": 8}), POINTS)
    assert [reason.code for reason in found.receipt] == ["base", "other_activity"]


def test_every_fault_of_the_rules_is_named_by_its_key():
    features = {
        **POINTS.features,
        "luck": FeaturePoints("luck", steps=(Step(1, -9), Step(1, -9))),
        "industry": FeaturePoints("base"),
    }
    wordings = {code: text for code, text in POINTS.reason.items() if code != "other_activity"}
    wrong = replace(POINTS, base=6, engagement=EngagementPoints(50, 0), features=features, reason=wordings)
    assert [key for key, _ in points_faults(wrong)] == [
        "base", "base", "engagement.scale", "reason.other_activity", "features.luck", "features.luck.reason",
        "features.luck.steps", "features.industry",
    ]  # fmt: skip


def test_rules_that_do_not_fit_the_other_tables_are_named_by_their_key():
    features = {
        **POINTS.features,
        "company_size": FeaturePoints("company_size", levels=(Level(4, ("grande",)),)),
        "job_title": FeaturePoints("job_title", steps=(Step(1, 24),)),
    }
    wordings = {code: text for code, text in POINTS.reason.items() if code != "referral"}
    wrong = replace(POINTS, features=features, reason=wordings)
    assert [key for key, _ in cross_faults(wrong, FEATURE_TABLE, ENGAGEMENT)] == [
        "reason.referral", "features.job_title", "features.company_size",
    ]  # fmt: skip
