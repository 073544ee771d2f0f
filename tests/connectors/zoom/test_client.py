"""Zoom's token, error codes and address rules."""

from __future__ import annotations

import threading
from datetime import timedelta
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import BadCredentials, TryLater
from connectors.zoom.client import NotReady, Refused, TooOld, run_path
from tests.connectors.stand_in import Asked, Reply
from tests.connectors.zoom.account import Account, meant, zoom


def read(client) -> object:
    return client.get("/users/me/webinars", "Medium")


def always(reply: Reply) -> Account:
    return Account(lambda endpoint, name, asked: reply)


def test_one_token_serves_until_a_minute_before_it_expires():
    account, clock = Account(), [0.0]
    with zoom(account, clock=lambda: clock[0]) as (client, _):
        for clock[0] in (0.0, 3539.0):
            read(client)
        assert account.tokens == 1
        clock[0] = 3540.0
        read(client)
    assert account.tokens == 2


def test_a_refused_token_is_replaced_once():
    def instead(endpoint: str, name: str, asked: Asked) -> Reply | None:
        stale = asked.headers["Authorization"] == "Bearer t1"
        return Reply(401, {"code": 124, "message": "Access token is expired."}) if stale else None

    account = Account(instead)
    with zoom(account) as (client, _):
        read(client)
    assert account.tokens == 2


def test_a_token_that_stays_refused_is_bad_credentials():
    account = always(Reply(401, {"code": 124, "message": "Invalid access token."}))
    with zoom(account) as (client, _), pytest.raises(BadCredentials):
        read(client)
    assert account.tokens == 2


def test_threads_share_one_token():
    account = Account()
    with zoom(account) as (client, _):
        threads = [threading.Thread(target=read, args=(client,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert client.calls == {"2xx": 9}
    assert account.tokens == 1


def test_wrong_app_credentials_name_the_settings():
    with (
        zoom(Account(), client_secret="wrong") as (client, _),
        pytest.raises(BadCredentials, match="ZOOM_CLIENT"),
    ):
        read(client)


@pytest.mark.parametrize("answer", [Reply(200, {}), Reply(200, [1]), Reply(503, {}), Reply(429, {})])
def test_no_token_just_now_is_try_later(answer):
    with zoom(lambda asked: answer) as (client, _), pytest.raises(TryLater):
        read(client)


def test_a_missing_scope_is_named():
    message = "Invalid access token, does not contain scopes:[report:read:list_webinar_polls:admin]."
    account = always(Reply(400, {"code": 4711, "message": message}))
    with (
        zoom(account) as (client, _),
        pytest.raises(BadCredentials, match="report:read:list_webinar_polls:admin"),
    ):
        read(client)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, 3001, NotReady),
        (400, 3000, NotReady),
        (404, None, NotReady),
        (400, 300, NotReady),
        (400, 12702, TooOld),
        (400, 200, Refused),
        (400, 1010, Refused),
        (403, None, Refused),
        (500, 1, TryLater),
    ],
)
def test_an_error_code_has_its_meaning_and_its_text_stays_out(status, code, error):
    account = always(Reply(status, {"code": code, "message": "ana@example.com"}))
    with zoom(account) as (client, _), pytest.raises(error) as raised:
        read(client)
    assert "ana" not in str(raised.value)


def test_a_daily_limit_is_raised_with_the_wait_zoom_asks_for():
    body = {"code": 429, "message": "You have reached the maximum daily rate limit for this API."}
    headers = {"Retry-After": "2100-01-01T00:00:00Z"}
    with zoom(always(Reply(429, body, headers))) as (client, server), pytest.raises(TryLater) as raised:
        read(client)
    assert raised.value.after > timedelta(days=1)
    assert len(server.asked) == 2


def test_a_daily_limit_without_a_date_waits_an_hour():
    body = {"code": 429, "message": "You have reached the maximum daily rate limit for this API."}
    with zoom(always(Reply(429, body))) as (client, _), pytest.raises(TryLater) as raised:
        read(client)
    assert raised.value.after == timedelta(hours=1)


def test_a_limit_per_second_is_outlived():
    replies = iter([Reply(429, {"code": 429, "message": "maximum per-second rate limit"})])
    with zoom(Account(lambda endpoint, name, asked: next(replies, None))) as (client, _):
        assert read(client)


@pytest.mark.parametrize("body", [[], "text", None, {"webinars": {}}, {"webinars": [7]}])
def test_an_answer_of_another_shape_is_try_later(body):
    with zoom(always(Reply(200, body))) as (client, _), pytest.raises(TryLater):
        list(client.pages("/users/me/webinars", "webinars", "Medium"))


@pytest.mark.parametrize(
    ("uuid", "path"),
    [
        ("aB3dE==", "aB3dE%3D%3D"),
        ("a/b+c==", "a%2Fb%2Bc%3D%3D"),
        ("/ab==", "%252Fab%253D%253D"),
        ("a//b==", "a%252F%252Fb%253D%253D"),
    ],
)
def test_a_uuid_is_encoded_twice_only_where_zoom_wants_it(uuid, path):
    assert run_path(uuid) == path


@given(st.text(alphabet=st.sampled_from("abzAZ09+/="), min_size=1))
def test_every_uuid_arrives_as_it_was_meant(uuid):
    assert "/" not in run_path(uuid)
    assert meant(run_path(uuid)) == uuid
    assert unquote(unquote(run_path(uuid))) == uuid
