"""What the one HTTP session promises, against real local servers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import BadCredentials, BadRecord, SaviaError, TryLater
from connectors.call_limits import RateLimit
from connectors.http import HttpSession, PageLoopGuard, retry_after
from tests.connectors.stand_in import Reply, Script, StandIn, StoryTime, closed_port, in_turn

OK = Reply(body={"ok": True})
BUSY = Reply(429, {"message": "slow down"})
DATE = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def explain(status: int, body: object, headers: object) -> SaviaError | None:
    if status == 404:
        return None
    if status == 401:
        return BadCredentials("vendor: renew the key")
    return TryLater("vendor: later") if status == 429 or status >= 500 else BadRecord("body", "refused")


class Bench:
    """A session before a stand-in; `slept` is every wait it asked for."""

    def __init__(self, stack: ExitStack, script: Script, **options) -> None:
        self.slept: list[float] = []
        self.server = stack.enter_context(StandIn(script))
        given = {"auth": lambda: {"Authorization": "Bearer t"}, "explain": explain, "timeout": (1, 0.2)}
        self.session = HttpSession("vendor", self.server.url, sleep=self.slept.append, **(given | options))
        stack.callback(self.session.close)

    @property
    def arrived(self) -> int:
        return len(self.server.asked)


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    with ExitStack() as stack:
        yield lambda *replies, **options: Bench(stack, in_turn(*replies), **options)


def test_an_answer_is_parsed_and_its_headers_disregard_case(bench):
    answer = bench(Reply(200, {"a": [1]}, {"X-Left": "7"})).session.call("GET", "/x")
    assert (answer.status, answer.body, answer.headers["x-left"]) == (200, {"a": [1]}, "7")


def test_an_empty_answer_has_no_body(bench):
    assert bench(Reply(204)).session.call("POST", "/x").body is None


def test_207_is_an_answer_and_so_is_a_failure_that_explain_wants(bench):
    one = bench(Reply(207, {"numErrors": 1}), Reply(404, {"gone": True}))
    assert one.session.call("POST", "/x", json={}).status == 207
    assert one.session.call("GET", "/x").body == {"gone": True}


def test_params_json_and_form_travel_and_the_call_is_signed(bench):
    one = bench(OK)
    one.session.call("POST", "/a%252Fb", params={"q": "1"}, json={"n": 1})
    one.session.call("POST", "/form", form={"grant": "x"})
    first, second = one.server.asked
    assert (first.path, first.query, first.body) == ("/a%252Fb", {"q": "1"}, b'{"n":1}')
    assert first.headers["Content-Type"] == "application/json"
    assert second.body == b"grant=x"
    assert first.headers["Authorization"] == "Bearer t"
    assert first.headers["User-Agent"].startswith("savia/")


@pytest.mark.parametrize(
    "value", ["á \ud800", 2**70, "línea\n"], ids=["half-a-pair", "more-than-64-bits", "text"]
)
def test_whatever_can_be_said_in_json_is_sent(bench, value):
    one = bench(OK)
    one.session.call("POST", "/a", json={"v": value})
    assert json.loads(one.server.asked[0].body) == {"v": value}


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"v": "\\ud800"}', "\ud800"),
        (b'{"v": 9007199254740993}', 9007199254740993),
    ],
    ids=["half-a-pair", "a-long-id"],
)
def test_an_answer_is_read_as_python_would(bench, body, value):
    one = bench(Reply(200, body))
    assert one.session.call("GET", "/a").body == {"v": value}


@pytest.mark.parametrize(
    "passing",
    [
        Reply(503, {"message": "away"}),
        BUSY,
        Reply(502, b"<html>", {"Content-Type": "text/html"}),
        Reply(200, b'{"cut": '),
        Reply(200, b"<html>", {"Content-Type": "text/html"}),
        Reply(200, {"long": "x" * 100}, fault="cut"),
        Reply(fault="hang"),
        Reply(fault="hang_up"),
    ],
    ids=["503", "429", "html-502", "cut-json", "html-200", "cut-body", "time-out", "hang-up"],
)
def test_a_passing_fault_is_outlived_by_a_repeatable_call(bench, passing):
    one = bench(passing, passing, OK)
    assert one.session.call("GET", "/x").body == {"ok": True}
    assert one.arrived == 3
    assert 0 < one.slept[0] < one.slept[1] <= 2.5


def test_a_lasting_fault_is_raised_after_the_last_attempt(bench):
    one = bench(Reply(503, {}), attempts=3)
    with pytest.raises(TryLater):
        one.session.call("GET", "/x")
    assert (one.arrived, len(one.slept)) == (3, 2)


@pytest.mark.parametrize(
    "doubtful",
    [
        Reply(500, {"message": "oops"}),
        Reply(502, b"<html>", {"Content-Type": "text/html"}),
        Reply(200, b'{"cut": '),
        Reply(200, {"long": "x" * 100}, fault="cut"),
        Reply(fault="hang"),
        Reply(fault="hang_up"),
    ],
    ids=["500", "html-502", "cut-json", "cut-body", "time-out", "hang-up"],
)
def test_a_call_that_may_have_been_applied_is_not_sent_again(bench, doubtful):
    one = bench(doubtful, OK)
    with pytest.raises(TryLater) as raised:
        one.session.call("POST", "/x", json={}, repeatable=False)
    assert raised.value.maybe_applied
    assert (one.arrived, one.slept) == (1, [])


def test_a_429_was_not_applied_and_is_sent_again(bench):
    one = bench(BUSY, OK)
    assert one.session.call("POST", "/x", json={}, repeatable=False).body == {"ok": True}
    assert one.arrived == 2


def test_a_refused_connection_was_not_applied_and_is_tried_again():
    slept: list[float] = []
    address = f"http://127.0.0.1:{closed_port()}"
    session = HttpSession("vendor", address, auth=dict, explain=explain, attempts=3, sleep=slept.append)
    with pytest.raises(TryLater) as raised:
        session.call("POST", "/x?secret=1", json={}, repeatable=False)
    session.close()
    assert not raised.value.maybe_applied
    assert len(slept) == 2
    assert session.calls == {"no answer": 3}
    assert "127.0.0.1" not in str(raised.value)
    assert "secret" not in str(raised.value)


def _forms(seconds: int) -> dict[str, dict[str, str]]:
    until, date = DATE + timedelta(seconds=seconds), format_datetime(DATE, usegmt=True)
    return {
        "seconds": {"Retry-After": str(seconds)},
        "http-date": {"Retry-After": format_datetime(until, usegmt=True), "Date": date},
        "iso-8601": {"Retry-After": f"{until:%Y-%m-%dT%H:%M:%SZ}", "Date": date},
    }


@pytest.mark.parametrize("form", ["seconds", "http-date", "iso-8601"])
def test_the_wait_that_is_asked_for_is_kept(bench, form):
    # The server adds its own Date of today; a date-time to come is read against that.
    ahead = datetime.now(UTC) + timedelta(seconds=20)
    asked = {
        "seconds": "20",
        "http-date": format_datetime(ahead, usegmt=True),
        "iso-8601": f"{ahead:%Y-%m-%dT%H:%M:%SZ}",
    }[form]
    one = bench(Reply(429, {}, {"Retry-After": asked}), OK)
    one.session.call("GET", "/x")
    assert 15 <= one.slept[0] <= 25.5


def test_a_wait_over_a_minute_is_raised_at_once(bench):
    one = bench(Reply(429, {}, {"Retry-After": "3600"}), OK)
    with pytest.raises(TryLater) as raised:
        one.session.call("GET", "/x")
    assert raised.value.after == timedelta(hours=1)
    assert (one.arrived, one.slept) == (1, [])


@given(st.integers(0, 10**6))
def test_every_form_of_retry_after_means_the_same_wait(seconds):
    waits = {retry_after(headers) for headers in _forms(seconds).values()}
    assert waits == {timedelta(seconds=seconds)}


@given(st.text())
def test_no_text_in_retry_after_breaks_anything(text):
    wait = retry_after({"Retry-After": text})
    assert wait is None or wait >= timedelta(0)


def test_a_moment_past_is_no_wait():
    headers = {"Retry-After": "2020-01-01T00:00:00Z"}
    assert retry_after(headers) == timedelta(0)


def test_a_401_earns_one_new_token_and_one_more_try(bench):
    tokens = iter(["old", "new"])
    held = [next(tokens)]
    one = bench(Reply(401, {}), OK, auth=lambda: {"Authorization": held[0]})
    one.session.call("GET", "/x", on_unauthorized=lambda: held.__setitem__(0, next(tokens)))
    assert [asked.headers["Authorization"] for asked in one.server.asked] == ["old", "new"]


def test_a_second_401_is_bad_credentials(bench):
    one = bench(Reply(401, {}))
    dropped: list[int] = []
    with pytest.raises(BadCredentials):
        one.session.call("GET", "/x", on_unauthorized=lambda: dropped.append(1))
    assert (one.arrived, dropped) == (2, [1])


def test_an_error_that_is_not_passing_is_raised_at_once(bench):
    one = bench(Reply(400, {}))
    with pytest.raises(BadRecord):
        one.session.call("POST", "/x")
    assert one.arrived == 1


def test_a_redirect_never_carries_the_token_elsewhere(bench):
    elsewhere = bench(OK)
    one = bench(Reply(302, None, {"Location": f"{elsewhere.server.url}/x"}))
    with pytest.raises(BadCredentials):
        one.session.call("GET", "/x")
    assert elsewhere.arrived == 0


def test_a_netrc_file_signs_nothing(bench, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    one = bench(OK, auth=dict)
    one.session.call("GET", "/x")
    assert "Authorization" not in one.server.asked[0].headers


def test_cookies_are_not_kept(bench):
    one = bench(Reply(200, {}, {"Set-Cookie": "who=me"}))
    one.session.call("GET", "/x")
    one.session.call("GET", "/x")
    assert "Cookie" not in one.server.asked[1].headers


def test_a_message_holds_neither_body_nor_query(bench):
    one = bench(Reply(502, b"<p>ana@example.com</p>", {"Content-Type": "text/html"}), attempts=1)
    with pytest.raises(TryLater) as raised:
        one.session.call("GET", "/x", params={"email": "ana@example.com"})
    assert "ana" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_answers_are_counted_by_class(bench):
    one = bench(OK, BUSY, Reply(503, {}), Reply(404, {}))
    one.session.call("GET", "/x")
    one.session.call("GET", "/x")
    assert one.session.calls == {"2xx": 1, "429": 1, "5xx": 1, "4xx": 1}


def test_eight_threads_share_one_session(bench):
    one = bench(OK, timeout=(5, 5))
    threads = [
        threading.Thread(target=lambda: [one.session.call("GET", "/x") for _ in range(5)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert one.session.calls == {"2xx": 40}


def test_every_limit_is_waited_for_the_longest_first(bench):
    waited: list[float] = []

    class Noted(RateLimit):
        def wait(self) -> None:
            waited.append(self.seconds)

    bench(OK).session.call("GET", "/x", limits=(Noted(1, 1), Noted(1, 10)))
    assert waited == [10, 1]


def test_each_attempt_waits_for_its_place(bench):
    time = StoryTime()
    limit = RateLimit(1, 7, clock=time.clock, sleep=time.sleep)
    bench(BUSY, OK).session.call("GET", "/x", limits=(limit,))
    assert time.now == 7


def test_a_repeated_page_token_raises_try_later():
    guard = PageLoopGuard("vendor")
    guard.check("a")
    guard.check("b")
    with pytest.raises(TryLater):
        guard.check("a")
