from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.engagement import Engagement
from app.domain.feature_table import FEATURES, FeatureRule, FeatureTable, feature_faults
from app.domain.features import compute_features, count_facts, fold
from app.domain.records import Activity, Features, Profile
from tests.domain.shipped import FEATURE_TABLE

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOTHING = Engagement(0.0, {})
SEED_FEATURES = {
    "webinar_attendance_duration", "chat_participation", "qa_participation", "poll_participation",
    "email_opens", "email_clicks", "website_visits", "social_engagement", "company_size",
    "industry", "job_title", "budget_range", "decision_authority", "time_to_register",
    "source_traffic", "device_type",
    "geographic_location", "previous_webinars", "engagement_score", "content_consumption",
}  # fmt: skip


def act(
    kind: str, days_ago: float = 1, key: str = "a", quantity: float = 1, **attributes: object
) -> Activity:
    return Activity(kind, key, NOW - timedelta(days=days_ago), quantity, (), attributes)


def registration(days_ago: float, starts_in_days: float) -> Activity:
    starts_at = (NOW + timedelta(days=starts_in_days)).isoformat()
    return act("webinar_registration", days_ago, f"webinar {starts_in_days}", starts_at=starts_at)


def profile(source: str, days_ago: float = 1, **fields: str) -> Profile:
    return Profile(source, (), fields, NOW - timedelta(days=days_ago))


def features(*facts: Activity | Profile, engagement: Engagement = NOTHING) -> Features:
    acts = [fact for fact in facts if isinstance(fact, Activity)]
    profiles = [fact for fact in facts if isinstance(fact, Profile)]
    return compute_features(count_facts(acts, profiles, NOW), engagement, FEATURE_TABLE)


def test_the_table_holds_the_seeds_twenty_and_the_time_frame_each_with_a_source_or_supplied_by_the_customer():
    assert set(FEATURE_TABLE.features) == set(FEATURES) == SEED_FEATURES | {"purchase_time_frame"}
    assert len(FEATURES) == 21
    assert feature_faults(FEATURE_TABLE) == []
    for rule in FEATURE_TABLE.features.values():
        assert rule.activities or rule.profiles or rule.from_engagement or rule.customer_supplied
        assert rule.unit


def test_of_a_lead_we_know_nothing_of_only_engagement_is_known():
    found = features()
    assert tuple(found) == FEATURES
    assert {name: value for name, value in found.items() if value is not None} == {"engagement_score": 0.0}


def test_who_stayed_away_attended_zero_minutes_and_who_never_signed_up_is_unknown():
    assert features(act("email_click"))["webinar_attendance_duration"] is None
    assert features(registration(5, starts_in_days=-1))["webinar_attendance_duration"] == 0
    assert features(registration(5, starts_in_days=-1))["poll_participation"] == 0


def test_a_webinar_yet_to_come_says_nothing_about_attendance():
    found = features(registration(5, starts_in_days=1))
    assert found["webinar_attendance_duration"] is None
    assert found["previous_webinars"] == 0


def test_minutes_of_all_runs_add_up_and_the_runs_before_the_latest_are_counted():
    found = features(
        act("webinar_attendance", 40, "first", 30),
        act("webinar_attendance", 10, "second", 45),
        act("webinar_attendance", 1, "third", 15),
    )
    assert found["webinar_attendance_duration"] == 90
    assert found["previous_webinars"] == 2
    assert features(act("webinar_attendance"))["previous_webinars"] == 0


def test_silence_in_the_chat_proves_nothing():
    assert features(act("webinar_attendance"))["chat_participation"] is None
    assert features(act("chat_participation"), act("chat_participation", key="b"))["chat_participation"] == 2


def test_the_time_to_register_runs_from_the_earliest_registration_to_its_start():
    found = features(registration(2, starts_in_days=1), registration(10, starts_in_days=-9))
    assert found["time_to_register"] == 24
    assert features(act("webinar_registration"))["time_to_register"] is None


@pytest.mark.parametrize("starts_at", ["", "soon", "2026-11-20T10:00:00", 5, None])
def test_a_start_that_cannot_be_read_is_unknown(starts_at: object):
    assert features(act("webinar_registration", starts_at=starts_at))["time_to_register"] is None


def test_counters_and_activities_may_be_the_same_acts_and_are_never_added_up():
    held = profile("hubspot", email_clicks="4", visits="3", content_downloads="1")
    found = features(
        held,
        act("email_click"),
        act("website_visit"),
        act("content_download"),
        act("content_download", key="b"),
    )
    assert (found["email_clicks"], found["website_visits"], found["content_consumption"]) == (4, 3, 2)
    assert features(held)["email_clicks"] == 4
    assert features(held)["email_opens"] is None


def test_machines_and_the_future_do_not_count():
    found = features(act("email_open", machine=True), act("email_click", days_ago=-1))
    assert found["email_opens"] is None
    assert found["email_clicks"] is None


def test_the_most_trusted_source_wins_and_the_newest_of_its_words():
    older = profile("hubspot", 9, job_title="Analista")
    newer = profile("hubspot", 1, job_title="  Directora \n de  Marketing ", industry=" ")
    zoom = profile("zoom", 0, job_title="Jefa", industry="Retail")
    assert features(newer, zoom, older)["job_title"] == "Directora de Marketing"
    assert features(newer, zoom, older)["industry"] == "Retail"


def test_a_job_title_of_ten_kilobytes_is_cut():
    assert len(str(features(profile("zoom", job_title="Responsable " * 900))["job_title"])) == 120


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1-20", 10.5), ("21-50", 35.5), ("500-1,000", 750), ("1,001-5,000", 3000.5),
        ("More than 10,000", 10_000), ("1000+", 1000), ("5.001 – 10.000", 7500.5), ("80", 80), ("80.0", 80),
        ("1.500", 1500), ("Enterprise", 1000), ("PEQUEÑA", 25), ("muchas", None), ("9" * 400, None),
    ],
)  # fmt: skip
def test_company_sizes_are_read_as_people_write_them(text: str, size: float | None):
    assert features(profile("zoom", company_size=text))["company_size"] == size


def test_a_size_that_cannot_be_read_leaves_the_word_to_the_next_source():
    found = features(profile("hubspot", company_size="muchas"), profile("zoom", company_size="1-20"))
    assert found["company_size"] == 10.5


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "doce", "1,5,2"])
def test_a_counter_that_is_no_number_is_unknown(text: str):
    assert features(profile("hubspot", visits=text))["website_visits"] is None


@pytest.mark.parametrize("text", ["MX", "mx", "México", "MEXICO", " mexico. "])
def test_spellings_of_a_country_are_one(text: str):
    assert features(profile("zoom", country=text))["geographic_location"] == "MX"


def test_the_device_is_the_latest_and_the_source_the_earliest():
    found = features(
        act("website_visit", 9, device="desktop"),
        act("email_click", 2, device="mobile"),
        act("email_open", 1),
        act("webinar_registration", 8, tracking_source="linkedin"),
        act("webinar_registration", 2, "b", tracking_source="email"),
    )
    assert (found["device_type"], found["source_traffic"]) == ("mobile", "linkedin")
    assert features(profile("hubspot", traffic_source="PAID_SOCIAL"))["source_traffic"] == "PAID_SOCIAL"


def test_the_budget_is_the_customers_to_supply():
    assert FEATURE_TABLE.features["budget_range"].customer_supplied
    assert features(profile("hubspot", budget_range="Alto"))["budget_range"] == "Alto"


def test_the_engagement_is_the_total():
    assert features(engagement=Engagement(12.5, {"referral": 12.5}))["engagement_score"] == 12.5


@pytest.mark.parametrize(
    ("text", "folded"),
    [(" Dueño/CEO ", "dueno ceo"), ("DECISION_MAKER", "decision maker"), ("🚀", ""), ("", "")],
)
def test_folding_leaves_bare_words(text: str, folded: str):
    assert fold(text) == folded


@given(data=st.data())
def test_the_order_of_facts_does_not_matter(data: st.DataObject):
    facts = [
        registration(9, -3), registration(5, 2), act("webinar_attendance", 3, quantity=20),
        act("webinar_attendance", 3, "b", 40), act("email_click", 1, device="tablet"),
        act("website_visit", 1, device="desktop"), profile("hubspot", 1, job_title="CEO"),
        profile("hubspot", 1, job_title="CTO"), profile("zoom", 2, company_size="1-20"),
    ]  # fmt: skip
    assert features(*data.draw(st.permutations(facts))) == features(*facts)


@given(st.text(max_size=60))
def test_no_text_breaks_a_feature(text: str):
    fields = ("job_title", "company_size", "country", "visits", "email_opens", "industry")
    found = features(profile("hubspot", **dict.fromkeys(fields, text)), act("email_click", device=text))
    assert all(value != "" for value in found.values())


def test_every_fault_of_the_table_is_named_by_its_key():
    rows = dict(FEATURE_TABLE.features)
    del rows["industry"]
    rows["luck"] = replace(rows["job_title"], profiles=("job_title",))
    rows["job_title"] = FeatureRule("category", "unknown")
    rows["device_type"] = replace(rows["device_type"], attribute="")
    rows["website_visits"] = replace(rows["website_visits"], parse="category")
    assert {key for key, _ in feature_faults(FeatureTable(rows))} == {
        "features.industry", "features.luck", "features.luck.profiles", "features.job_title",
        "features.device_type.attribute", "features.website_visits.parse",
    }  # fmt: skip
