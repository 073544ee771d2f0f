"""HubSpot's failed answers become the error that says how to recover."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import BadCredentials, BadRecord, NotForUs, SaviaError, TryLater
from connectors.hubspot.errors import AlreadyExists, NotFound, explain, reason_of

SHARED = Path(__file__).parents[4] / "shared" / "contracts" / "payloads" / "hubspot"


def limited(policy: str) -> dict[str, str]:
    return {"status": "error", "errorType": "RATE_LIMIT", "policyName": policy, "message": "limit"}


@pytest.mark.parametrize(
    ("policy", "wait"),
    [
        ("TEN_SECONDLY_ROLLING", timedelta(seconds=10)),
        ("SECONDLY", timedelta(seconds=1)),
        ("DAILY", timedelta(hours=1)),
        ("NEW_POLICY", timedelta(seconds=10)),
    ],
)
def test_a_429_waits_as_long_as_its_policy_asks(policy: str, wait: timedelta):
    error = explain(429, limited(policy), {})
    assert isinstance(error, TryLater)
    assert error.after == wait


def test_a_429_without_a_policy_is_read_from_its_message():
    body = {"category": "RATE_LIMITS", "message": "You have reached your ten_secondly_rolling limit."}
    assert explain(429, body, {}).after == timedelta(seconds=10)


def test_retry_after_outweighs_the_table():
    assert explain(429, limited("DAILY"), {"Retry-After": "30"}).after == timedelta(seconds=30)
    assert explain(477, None, {"Retry-After": "86400"}).after == timedelta(days=1)


def test_a_locked_record_waits_two_seconds_at_least():
    assert explain(423, {}, {"Retry-After": "0"}).after == timedelta(seconds=2)


@pytest.mark.parametrize("status", [408, 477, 500, 502, 503, 504, 521, 523, 524])
def test_an_absent_hubspot_is_tried_again(status: int):
    assert isinstance(explain(status, None, {}), TryLater)


def test_a_missing_scope_is_named():
    body = {
        "status": "error",
        "category": "MISSING_SCOPES",
        "errors": [{"message": "…", "context": {"requiredGranularScopes": ["crm.lists.write"]}}],
    }
    error = explain(403, body, {})
    assert isinstance(error, BadCredentials)
    assert "crm.lists.write" in str(error)


def test_a_refused_token_names_the_variable_to_set():
    error = explain(401, {"category": "INVALID_AUTHENTICATION", "message": "token pat-eu1-secret"}, {})
    assert isinstance(error, BadCredentials)
    assert "HUBSPOT_ACCESS_TOKEN" in str(error)
    assert "pat-eu1" not in str(error)


def test_a_404_outside_the_api_is_a_wrong_address_and_inside_it_a_missing_thing():
    assert isinstance(explain(404, None, {}), BadCredentials)
    assert isinstance(explain(404, {"status": "error", "category": "OBJECT_NOT_FOUND"}, {}), NotFound)
    assert isinstance(explain(409, {"category": "OBJECT_ALREADY_EXISTS"}, {}), AlreadyExists)


def test_a_validation_error_names_properties_and_codes_only():
    body = {
        "category": "VALIDATION_ERROR",
        "message": "invalid: ana@example.com",
        "errors": [
            {
                "message": "discount was not a valid number: ana@example.com",
                "code": "INVALID_INTEGER",
                "context": {"propertyName": ["discount"]},
            }
        ],
    }
    error = explain(400, body, {})
    assert isinstance(error, BadRecord)
    assert (error.path, error.reason) == ("properties.discount", "VALIDATION_ERROR: discount INVALID_INTEGER")


def test_the_list_hidden_in_a_message_is_read():
    message = (
        'Property values were not valid: [{"message":"x","error":"PROPERTY_DOESNT_EXIST","name":"missing"}]'
    )
    error = {"category": "VALIDATION_ERROR", "message": message}
    assert reason_of(error) == "VALIDATION_ERROR: missing PROPERTY_DOESNT_EXIST"


def test_prose_with_a_bracket_leaves_the_category():
    assert (
        reason_of({"category": "VALIDATION_ERROR", "message": "names in use: [Savia hot]"})
        == "VALIDATION_ERROR"
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["category", "errors", "context", "message", "name", "propertyName", "scopes"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(status=st.integers(400, 599), body=JSON)
def test_whatever_the_body_an_error_of_one_line_comes_back(status: int, body: object):
    error = explain(status, body, {})
    assert isinstance(error, SaviaError)
    assert "\n" not in str(error)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the vendor payloads are not beside this checkout")
def test_the_published_error_bodies_are_read():
    def read(name: str) -> dict:
        return json.loads((SHARED / name).read_text())

    assert explain(400, read("error_validation.json"), {}).path == "properties.discount"
    assert explain(429, read("error_429_ten_secondly.json"), {}).after == timedelta(seconds=10)
    assert explain(429, read("error_429_search_secondly.json"), {}).after == timedelta(seconds=1)
    assert explain(429, read("error_429_daily.json"), {}).after == timedelta(hours=1)
    error = read("batch_create_207.json")["errors"][0]
    assert reason_of(error) == "VALIDATION_ERROR: missing PROPERTY_DOESNT_EXIST"


def test_what_a_rule_of_the_portal_wants_is_named_with_what_to_do():
    unset = {"category": "VALIDATION_ERROR", "context": {"properties": ["[industry, jobtitle]"]}}
    assert reason_of(unset) == (
        "VALIDATION_ERROR: industry REQUIRED, jobtitle REQUIRED; "
        "a rule of this portal wants it: have it filled in HubSpot, or relax the rule"
    )
    value = {"category": "VALIDATION_ERROR", "context": {"properties": ["ana@example.com wrote this"]}}
    assert reason_of(value) == "VALIDATION_ERROR"


@pytest.mark.parametrize(("status", "body"), [(403, {"category": "MISSING_SCOPES"}), (404, None)])
def test_a_call_that_is_not_open_to_us_is_told_apart_from_a_refused_token(status: int, body: Any):
    assert isinstance(explain(status, body, {}), NotForUs)
    assert not isinstance(explain(401, {"category": "INVALID_AUTHENTICATION"}, {}), NotForUs)
