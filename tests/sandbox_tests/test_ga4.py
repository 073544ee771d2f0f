"""The stand-in GA4 is as strict and as forgetful as the real one, and its visitors add up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.sandbox.ga4 import Ga4Property, Quota, make_blueprint
from tests.sandbox.visit_world import VisitWorld, contact_ids, make_visits
from tests.sandbox.world import World, make_world

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
REPORT = "/ga4/v1beta/properties/123456789:runReport?%24alt=json%3Benum-encoding%3Dint"
TODAY = [{"startDate": "7daysAgo", "endDate": "today"}]


def company(seed: int = 3) -> World:
    return make_world(seed=seed, leads=80, webinars=1, now=NOW)


def visitors(seed: int = 3) -> VisitWorld:
    world = company(seed)
    return make_visits(world, contact_ids(world))


@pytest.fixture
def prop() -> Ga4Property:
    return Ga4Property(visitors(), clock=lambda: NOW)


@pytest.fixture
def ga4(prop: Ga4Property) -> Iterator[FlaskClient]:
    app = Flask("ga4")
    app.register_blueprint(make_blueprint(prop), url_prefix="/ga4")
    with app.test_client() as client:
        yield client


def ask(ga4: FlaskClient, *dimensions: str, status: int = 200, **asked: Any) -> dict[str, Any]:
    body = {
        "dateRanges": TODAY,
        "dimensions": [{"name": name} for name in dimensions],
        "metrics": [{"name": "eventCount"}],
    }
    answer = ga4.post(REPORT, json=body | asked)
    assert answer.status_code == status, answer.text
    return dict(answer.json or {})


def total(body: dict[str, Any]) -> int:
    return sum(int(row["metricValues"][0]["value"]) for row in body.get("rows", []))


def test_values_are_text_and_the_row_count_is_of_the_whole_report(ga4: FlaskClient):
    whole = ask(ga4, "eventName")
    part = ask(ga4, "eventName", limit="2", offset="1")
    assert part["rowCount"] == whole["rowCount"] > 3
    assert part["rows"] == whole["rows"][1:3]
    assert isinstance(part["rows"][0]["metricValues"][0]["value"], str)
    assert "propertyQuota" not in part
    assert part["metadata"]["timeZone"] == "Europe/Madrid"


def test_a_row_of_nothing_but_zeros_is_dropped_unless_it_is_asked_for(ga4: FlaskClient):
    key_events = {"metrics": [{"name": "keyEvents"}]}
    few = ask(ga4, "eventName", **key_events)["rowCount"]
    assert few == 2
    assert ask(ga4, "eventName", keepEmptyRows=True, **key_events)["rowCount"] > few


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"dimensions": [{"name": "userId"}]}, "userId is not a valid dimension"),
        ({"metrics": [{"name": "conversions"}]}, "conversions is not a valid metric"),
        ({"dateRanges": []}, "between 1 and 4"),
        ({"dateRanges": [{"startDate": "soon", "endDate": "today"}]}, "Invalid date range"),
        ({"limit": "-1"}, "limit must be positive"),
        ({"dimensions": [{"name": "date"}] * 10}, "limited to 9"),
    ],
)
def test_what_google_refuses_is_an_invalid_argument(ga4: FlaskClient, asked: dict[str, Any], message: str):
    error = ask(ga4, "eventName", status=400, **asked)["error"]
    assert error["status"] == "INVALID_ARGUMENT"
    assert message in error["message"]


def test_another_property_is_forbidden(ga4: FlaskClient):
    answer = ga4.post("/ga4/v1beta/properties/5:runReport", json={})
    assert (answer.status_code, answer.json["error"]["status"]) == (403, "PERMISSION_DENIED")


def test_a_batch_holds_five_reports_at_most(ga4: FlaskClient):
    one = {"dateRanges": TODAY, "metrics": [{"name": "eventCount"}]}
    path = "/ga4/v1beta/properties/123456789:batchRunReports"
    assert len(ga4.post(path, json={"requests": [one] * 5}).json["reports"]) == 5
    assert ga4.post(path, json={"requests": [one] * 6}).status_code == 400


def test_used_up_tokens_are_refused_until_the_hour_is_over(ga4: FlaskClient, prop: Ga4Property):
    prop.quota = Quota(tokens_per_hour=12)
    left = ask(ga4, "eventName", returnPropertyQuota=True)["propertyQuota"]["tokensPerHour"]
    assert left == {"consumed": 5, "remaining": 7}
    ask(ga4, "eventName")
    ask(ga4, "eventName")
    error = ask(ga4, "eventName", status=429)["error"]
    assert error["status"] == "RESOURCE_EXHAUSTED"
    assert "for an hour" in error["message"]
    prop.clock = lambda: NOW + timedelta(hours=1)
    ask(ga4, "eventName")


def test_too_many_calls_at_once_are_refused(ga4: FlaskClient, prop: Ga4Property):
    prop.quota.running = 10
    assert "concurrent" in ask(ga4, "eventName", status=429)["error"]["message"]


def test_beyond_its_rows_a_table_rolls_the_rarest_into_other_and_loses_none(
    ga4: FlaskClient, prop: Ga4Property
):
    whole = ask(ga4, "dateHourMinute", "eventName")
    prop.most_rows = 20
    rolled = ask(ga4, "dateHourMinute", "eventName")
    assert rolled["metadata"]["dataLossFromOtherRow"] is True
    assert rolled["rowCount"] == 21
    assert total(rolled) == total(whole)


def test_the_loss_is_told_even_where_a_filter_hides_the_other_row(ga4: FlaskClient, prop: Ga4Property):
    prop.most_rows = 20
    exact = {"filter": {"fieldName": "eventName", "stringFilter": {"matchType": 1, "value": "SHARE"}}}
    body = ask(ga4, "dateHourMinute", dimensionFilter=exact)
    assert body["metadata"]["dataLossFromOtherRow"] is True


def test_a_days_rows_grow_for_two_days_and_are_then_final(ga4: FlaskClient, prop: Ga4Property):
    day = [{"startDate": "2026-11-21", "endDate": "2026-11-21"}]

    def read(after: timedelta) -> dict[str, Any]:
        prop.clock = lambda: NOW + after
        return ask(ga4, "dateHourMinute", "eventName", "pagePath", dateRanges=day)

    assert total(read(timedelta())) < total(read(timedelta(days=2)))
    assert read(timedelta(days=2)) == read(timedelta(days=9))


def test_the_metadata_lists_the_custom_dimension(ga4: FlaskClient):
    listed = ga4.get("/ga4/v1beta/properties/123456789/metadata").json["dimensions"]
    assert "customUser:hubspot_id" in [one["apiName"] for one in listed]


def test_the_same_seed_makes_the_same_visits():
    assert visitors(3) == visitors(3)
    assert visitors(3) != visitors(4)


def test_visitors_are_as_real_ones_are():
    world = visitors()
    hits = world.hits
    assert any(hit.doubled for hit in hits)
    assert any(hit.gone_from for hit in hits)
    unknown = sum(not hit.user_id for hit in hits)
    assert 0.4 < unknown / len(hits) < 0.9
    assert max(hit.shown_from - hit.at for hit in hits) > timedelta(hours=24)
    truth = world.truth("Europe/Madrid")
    assert {key for key, _ in truth} <= set(world.ids)
    assert {act for acts in truth.values() for act in acts} == {"visits", "downloads", "shares", "key_events"}
