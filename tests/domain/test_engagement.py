from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.engagement import EngagementRules, KindRule, engagement, engagement_faults
from app.domain.records import Activity
from tests.domain.shipped import ENGAGEMENT

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SEED_WEIGHTS = {
    "email_open": 1, "email_click": 3, "website_visit": 2, "content_download": 5, "webinar_attendance": 10,
    "chat_participation": 8, "qa_participation": 12, "poll_participation": 6, "social_share": 4,
    "referral": 15,
}  # fmt: skip
PER_EVENT = replace(ENGAGEMENT, mode="per_event")


def act(kind: str, age: timedelta = timedelta(), key: str = "a", **attributes: object) -> Activity:
    return Activity(kind, key, NOW - age, 1.0, (), attributes)


KINDS = st.sampled_from([*SEED_WEIGHTS, "webinar_registration", "never heard of"])
AGES = st.integers(min_value=0, max_value=400 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))
ACTS = st.lists(
    st.builds(act, KINDS, AGES, st.uuids().map(str)), max_size=30, unique_by=lambda item: item.fact_key
)


def test_the_weights_are_the_seeds():
    assert {kind: ENGAGEMENT.kinds[kind].weight for kind in SEED_WEIGHTS} == SEED_WEIGHTS
    assert ENGAGEMENT.other.weight == ENGAGEMENT.kinds["webinar_registration"].weight == 1


def test_the_shipped_rules_are_without_fault():
    assert engagement_faults(ENGAGEMENT) == []


def test_an_activity_loses_half_its_weight_in_a_half_life():
    assert engagement([act("referral")], ENGAGEMENT, NOW).total == 15
    assert engagement([act("referral", timedelta(days=30))], ENGAGEMENT, NOW).total == 7.5


def test_a_kind_may_fade_at_its_own_pace():
    kinds = {"referral": KindRule(15, 3, half_life_days=60)}
    slow = replace(ENGAGEMENT, kinds=kinds)
    assert engagement([act("referral", timedelta(days=60))], slow, NOW).total == 7.5


def test_each_kind_has_its_own_share():
    found = engagement([act("referral", timedelta(30)), act("email_click", key="b")], ENGAGEMENT, NOW)
    assert found.by_kind == {"email_click": 3, "referral": 7.5}
    kinds = {**ENGAGEMENT.kinds, "referral": KindRule(15, 3, half_life_days=60)}
    slow = replace(ENGAGEMENT, kinds=kinds)
    found = engagement([act("referral", timedelta(60)), act("email_click", timedelta(30), "b")], slow, NOW)
    assert found.by_kind == pytest.approx({"email_click": 1.5, "referral": 7.5})


def test_no_activity_is_no_engagement():
    assert engagement([], ENGAGEMENT, NOW).total == 0
    assert engagement([], PER_EVENT, NOW).total == 0


@pytest.mark.parametrize("rules", [ENGAGEMENT, PER_EVENT])
def test_what_lies_ahead_or_was_done_by_a_machine_does_not_count(rules: EngagementRules):
    ignored = [act("referral", timedelta(seconds=-1)), act("email_click", machine=True)]
    assert engagement(ignored, rules, NOW).total == 0
    assert engagement([act("email_click", machine=False)], rules, NOW).total > 0


def test_beyond_its_daily_cap_a_kind_counts_no_more_that_day():
    clicks = [act("email_click", timedelta(minutes=place), str(place)) for place in range(40)]
    assert engagement(clicks, ENGAGEMENT, NOW).total == pytest.approx(9, rel=0.01)
    yesterday = act("email_click", timedelta(days=1), "yesterday")
    assert engagement([*clicks, yesterday], ENGAGEMENT, NOW).total > 11.5


def test_per_event_is_the_seeds_sum_in_order_of_time():
    acts = [
        act("qa_participation", timedelta(1)),
        act("email_open", timedelta(9)),
        act("referral", timedelta(5)),
    ]
    expected = 0.0
    for weight in (1, 15, 12):
        expected = (expected + weight) * 0.95
    assert engagement(acts, PER_EVENT, NOW).total == pytest.approx(expected)


@pytest.mark.parametrize("rules", [ENGAGEMENT, PER_EVENT])
@given(acts=ACTS, data=st.data())
def test_the_order_of_arrival_does_not_matter(
    rules: EngagementRules, acts: list[Activity], data: st.DataObject
):
    assert engagement(data.draw(st.permutations(acts)), rules, NOW) == engagement(acts, rules, NOW)


@pytest.mark.parametrize("rules", [ENGAGEMENT, PER_EVENT])
@given(acts=ACTS)
def test_engagement_is_never_negative_and_the_kinds_sum_to_it(rules: EngagementRules, acts: list[Activity]):
    found = engagement(acts, rules, NOW)
    assert found.total >= 0
    assert min(found.by_kind.values(), default=0) >= 0
    assert isclose(sum(found.by_kind.values()), found.total, abs_tol=1e-9)


@given(acts=ACTS, more=st.builds(act, KINDS, AGES))
def test_one_more_activity_never_lowers_engagement(acts: list[Activity], more: Activity):
    before, after = engagement(acts, ENGAGEMENT, NOW), engagement([*acts, more], ENGAGEMENT, NOW)
    assert after.total >= before.total - 1e-9


@given(acts=ACTS, days=st.integers(min_value=0, max_value=300))
def test_the_same_acts_whole_days_earlier_never_count_more(acts: list[Activity], days: int):
    earlier = [replace(item, occurred_at=item.occurred_at - timedelta(days=days)) for item in acts]
    assert engagement(earlier, ENGAGEMENT, NOW).total <= engagement(acts, ENGAGEMENT, NOW).total + 1e-9


@given(acts=ACTS, wait=AGES)
def test_waiting_never_raises_engagement(acts: list[Activity], wait: timedelta):
    assert engagement(acts, ENGAGEMENT, NOW + wait).total <= engagement(acts, ENGAGEMENT, NOW).total + 1e-9


@given(kind=KINDS, ages=st.lists(AGES, min_size=1, max_size=40))
def test_a_kind_never_earns_more_than_its_cap_each_day(kind: str, ages: list[timedelta]):
    acts = [act(kind, age, str(place)) for place, age in enumerate(ages)]
    rule = ENGAGEMENT.rule(kind)
    days = Counter(item.occurred_at.date() for item in acts)
    most = sum(min(count, rule.daily_cap) for count in days.values()) * rule.weight
    assert engagement(acts, ENGAGEMENT, NOW).total <= most + 1e-9


def test_every_fault_of_the_rules_is_named_by_its_key():
    wrong = EngagementRules("half_life", 0, 1.5, KindRule(-1, 1), {"email_open": KindRule(1, 0, -2)})
    assert [key for key, _ in engagement_faults(wrong)] == [
        "half_life_days", "per_event_factor", "other.weight", "kinds.email_open.daily_cap",
        "kinds.email_open.half_life_days",
    ]  # fmt: skip
