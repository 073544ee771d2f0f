"""Every way GA4 can fail, over real HTTP: it recovers by itself or says what a person must do."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date, timedelta
from typing import Any

import pytest
from google.auth.exceptions import RefreshError, TransportError

from app.domain.errors import BadCredentials, SaviaError, TryLater
from connectors.ga4.client import ATTEMPTS
from connectors.ga4.errors import explain
from connectors.ga4.report import Question, Report
from tests.connectors.ga4.account import NOW, client, served, visits
from tests.connectors.stand_in import Reply, StandIn, closed_port, in_turn
from tests.sandbox.ga4 import Ga4Property

ASKED = Question(date(2026, 11, 21), ("eventName",))
FINE = Reply(200, {"rowCount": 0, "metadata": {"timeZone": "Europe/Madrid"}})
SECRET = "never-to-be-shown"


def refusal(code: int, status: str, message: str = SECRET, **detail: Any) -> Reply:
    error: dict[str, Any] = {"code": code, "message": message, "status": status}
    if detail:
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", **detail}]
    return Reply(code, {"error": error})


def ask(*replies: Reply, **options: Any) -> tuple[Report | SaviaError, int]:
    """The outcome and how often the vendor was asked."""
    with StandIn(in_turn(*replies)) as vendor, client(vendor.url, **options) as made:
        try:
            return made.report(ASKED, NOW), len(vendor.asked)
        except SaviaError as error:
            return error, len(vendor.asked)


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(500, b"<html>oops</html>", {"Content-Type": "text/html"}),
        Reply(503, {"error": {"code": 503, "message": "x", "status": "UNAVAILABLE"}}),
        Reply(200, b"<html>a portal</html>", {"Content-Type": "text/html"}),
        Reply(200, {"rows": [{"dimensionValues": []}] * 50}, fault="cut"),
        Reply(200, b"\xff\xfe{}"),
        Reply(fault="hang_up"),
        refusal(429, "RESOURCE_EXHAUSTED", "Exhausted concurrent requests quota."),
    ],
    ids=["500-html", "503", "200-html", "cut", "not-text", "hang-up", "concurrent"],
)
def test_what_passes_by_itself_is_asked_again_and_in_the_end_left_for_later(trouble: Reply):
    answer, _ = ask(trouble, FINE)
    assert isinstance(answer, Report)
    error, asked = ask(trouble)
    assert isinstance(error, TryLater)
    assert asked == ATTEMPTS


@pytest.mark.parametrize(
    ("message", "after"),
    [
        ("Exhausted property tokens for a day. These quota tokens will return in under 24 hours.", 23),
        ("Exhausted property tokens for an hour. These quota tokens will return in under one hour.", 1),
        ("", 1),
    ],
)
def test_a_used_up_quota_is_not_asked_again_before_it_returns(message: str, after: int):
    error, asked = ask(refusal(429, "RESOURCE_EXHAUSTED", message))
    assert isinstance(error, TryLater)
    assert (error.after, asked) == (timedelta(hours=after), 1)


@pytest.mark.parametrize(
    ("reply", "advice"),
    [
        (refusal(400, "INVALID_ARGUMENT"), "README"),
        (refusal(401, "UNAUTHENTICATED"), "GOOGLE_CREDENTIALS_JSON"),
        (refusal(403, "PERMISSION_DENIED"), "Viewer"),
        (refusal(403, "PERMISSION_DENIED", reason="SERVICE_DISABLED"), "switch on"),
        (refusal(404, "NOT_FOUND"), "GA4_PROPERTY_ID"),
    ],
    ids=["400", "401", "403", "api-off", "404"],
)
def test_what_a_person_must_mend_is_said_in_one_line_at_once(reply: Reply, advice: str):
    error, asked = ask(reply)
    assert isinstance(error, BadCredentials)
    assert asked == 1
    assert advice in str(error)
    assert SECRET not in str(error)
    assert "\n" not in str(error)


def test_an_answer_that_never_comes_is_given_up():
    error, asked = ask(Reply(fault="hang"), timeout=0.05)
    assert isinstance(error, TryLater)
    assert asked == ATTEMPTS


def test_nobody_listening_is_for_later():
    with client(f"http://127.0.0.1:{closed_port()}") as made, pytest.raises(TryLater):
        made.report(ASKED, NOW)


def test_calls_are_counted_by_class():
    with (
        StandIn(in_turn(Reply(500, b"x"), Reply(fault="hang_up"), FINE)) as vendor,
        client(vendor.url) as made,
    ):
        made.report(ASKED, NOW)
    assert made.calls == {"5xx": 1, "no answer": 1, "2xx": 1}


@pytest.mark.parametrize("key", ["", "not json", "[]", "{}", json.dumps({"type": "authorized_user"})])
def test_a_key_that_is_none_is_told_apart_before_anything_is_sent(key: str):
    with (
        client("https://analyticsdata.googleapis.com", credentials_json=key) as made,
        pytest.raises(BadCredentials, match="GOOGLE_CREDENTIALS_JSON"),
    ):
        made.report(ASKED, NOW)


def test_the_key_is_never_used_on_an_address_that_is_not_googles():
    key = json.dumps({"type": "service_account", "private_key": SECRET})
    with StandIn(in_turn(FINE)) as vendor, client(vendor.url, credentials_json=key) as made:
        made.report(ASKED, NOW)
        assert "Authorization" not in vendor.asked[0].headers


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (RefreshError("invalid_grant"), BadCredentials),
        (RefreshError("busy", retryable=True), TryLater),
        (TransportError("reset"), TryLater),
    ],
    ids=["key revoked", "token server busy", "no connection"],
)
def test_a_token_that_cannot_be_had_is_told_from_one_that_will_never_be(
    error: Exception, meaning: type[SaviaError]
):
    assert type(explain(error, NOW)) in {meaning, *meaning.__subclasses__()}


def test_making_a_source_does_not_load_the_heavy_package():
    code = (
        "import sys; from connectors.ga4.client import Ga4Client; from connectors.ga4.pull import Ga4Source;"
        "Ga4Source(Ga4Client('1', 'https://analyticsdata.googleapis.com'));"
        "sys.exit(any(name.startswith(('google.', 'grpc')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_values_are_handed_over_as_the_text_google_sent():
    prop = Ga4Property(visits(), clock=lambda: NOW + timedelta(days=4))
    with served(prop) as endpoint, client(endpoint) as made:
        report = made.report(Question(date(2026, 11, 20), ("date", "eventName"), limit=3), NOW)
    assert [sorted(row) for row in report.rows] == [["date", "eventCount", "eventName"]] * 3
    assert all(type(value) is str for row in report.rows for value in row.values())
    assert report.tokens is not None
    assert report.tokens.day == 199_995
