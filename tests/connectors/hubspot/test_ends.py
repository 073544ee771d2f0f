"""Which published ends concern us, by the API version in use."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

import pytest

from connectors.hubspot.ends import ENDS, published_ends
from connectors.hubspot.health import problems_told

SCOPES = {"what `check` asks of the token's scopes": date(2027, 9, 1)}
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MAIL_LOG = {"the mail log (email events v1)": date(2027, 9, 1)}


def names(version: str, *, enrols_by_v2: bool = False) -> dict[str, date]:
    return {end.what: end.ends_on for end in published_ends(version, enrols_by_v2=enrols_by_v2)}


def test_the_dated_version_has_its_own_end_beside_the_calls_without_a_dated_form():
    assert names("2026-09") == {**SCOPES, **MAIL_LOG, "API version 2026-09": date(2028, 3, 1)}


def test_the_v2_enrolment_is_watched_where_a_workflow_uses_it():
    assert names("2026-09", enrols_by_v2=True)["the v2 enrolment call"] == date(2027, 9, 1)


def test_v3_ends_in_september_2027_and_its_associations_before():
    assert names("v3") == {
        **SCOPES,
        **MAIL_LOG,
        "associations v4": date(2027, 3, 30),
        "the v3 API": date(2027, 9, 1),
    }


def test_pipelines_v1_is_known_and_never_in_use():
    assert any(end.what == "pipelines v1" for _, end in ENDS)
    assert "pipelines v1" not in {**names("2026-09"), **names("v3")}


@pytest.mark.parametrize(("seconds", "word"), [(90, "behind"), (-90, "ahead of")])
def test_a_clock_that_is_off_is_told_with_the_way(seconds: int, word: str):
    headers = {"Date": format_datetime(NOW + timedelta(seconds=seconds))}
    (problem,) = problems_told(headers, NOW, 190)
    assert f"90 s {word} HubSpot's" in problem.message


def test_a_limit_above_the_plans_is_told_with_the_right_number():
    (problem,) = problems_told({"X-HubSpot-RateLimit-Max": "100"}, NOW, 190)
    assert "calls_per_10_seconds = 100" in problem.message


def test_a_quota_nearly_used_up_is_told():
    headers = {"X-HubSpot-RateLimit-Daily": "250000", "X-HubSpot-RateLimit-Daily-Remaining": "24999"}
    (problem,) = problems_told(headers, NOW, 100)
    assert "24999 of the day's 250000" in problem.message


@pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}, {"X-HubSpot-RateLimit-Max": "many"}])
def test_headers_that_say_nothing_trouble_nobody(headers: dict[str, str]):
    assert list(problems_told(headers, NOW, 190)) == []
