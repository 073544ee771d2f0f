"""The stand-in Zoom account is as strict as Zoom: tokens, pages, limits, uuids, reports not there yet."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.sandbox.world import Story, World, make_world
from tests.sandbox.zoom import make_blueprint
from tests.sandbox.zoom_account import ZoomAccount, ZoomCredentials
from tests.sandbox.zoom_events import live_events

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CREDENTIALS = ZoomCredentials("account", "client", "secret")
SAMPLES = Path(__file__).parents[3] / "shared" / "contracts" / "payloads" / "zoom"


class Hands:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = NOW.timestamp()

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(seed=7, leads=200, webinars=2, now=NOW)


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def account(world: World, clock: Hands) -> ZoomAccount:
    return ZoomAccount(Story(world), CREDENTIALS, clock=clock)


@pytest.fixture
def client(account: ZoomAccount) -> FlaskClient:
    app = Flask(__name__)
    app.register_blueprint(make_blueprint(account), url_prefix="/zoom")
    return app.test_client()


Get = Callable[..., TestResponse]


@pytest.fixture
def get(account: ZoomAccount, client: FlaskClient) -> Get:
    headers = {"Authorization": f"Bearer {account.issue_token()}"}

    def ask(path: str, **query: object) -> TestResponse:
        return client.get(f"/zoom/v2{path}", headers=headers, query_string=query or None)

    return ask


def _basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def _ask_token(client: FlaskClient, secret: str = "secret", **query: str) -> TestResponse:
    asked = {"grant_type": "account_credentials", "account_id": "account"} | query
    return client.post("/zoom/oauth/token", headers=_basic("client", secret), query_string=asked)


def test_a_token_is_given_for_the_right_credentials_and_opens_the_door(client: FlaskClient) -> None:
    given = _ask_token(client)
    assert given.status_code == 200
    assert given.json is not None
    assert given.json["expires_in"] == 3600
    headers = {"Authorization": f"Bearer {given.json['access_token']}"}
    assert client.get("/zoom/v2/users", headers=headers).status_code == 200


def test_wrong_credentials_are_refused_each_in_its_way(client: FlaskClient) -> None:
    assert _ask_token(client, secret="wrong").status_code == 401
    assert _ask_token(client, grant_type="password").json["error"] == "unsupported_grant_type"
    assert _ask_token(client, account_id="other").status_code == 400


def test_an_expired_or_unknown_token_is_a_401(
    client: FlaskClient, account: ZoomAccount, clock: Hands
) -> None:
    headers = {"Authorization": f"Bearer {account.issue_token()}"}
    clock.seconds += 3600
    expired = client.get("/zoom/v2/users", headers=headers)
    unknown = client.get("/zoom/v2/users", headers={"Authorization": "Bearer nobody"})
    assert (expired.status_code, expired.json) == (401, {"code": 124, "message": "Access token is expired."})
    assert (unknown.status_code, unknown.json) == (401, {"code": 124, "message": "Invalid access token."})


def test_the_host_has_all_webinars_and_others_none(get: Get, world: World) -> None:
    for name in ("me", world.host.user_id, world.host.email):
        assert [row["uuid"] for row in get(f"/users/{name}/webinars").json["webinars"]] == [
            webinar.uuid for webinar in world.webinars
        ]
    assert get(f"/users/{world.panelists[0].user_id}/webinars").json["webinars"] == []
    assert get("/users/nobody/webinars").json["code"] == 1001
    assert get("/users").json["users"][0]["email"] == world.host.email


def test_walking_all_pages_gives_every_registrant_once(get: Get, world: World) -> None:
    webinar = world.webinars[0]
    found, token = [], ""
    while True:
        page = get(f"/webinars/{webinar.webinar_id}/registrants", page_size=30, next_page_token=token).json
        found += [row["id"] for row in page["registrants"]]
        token = page["next_page_token"]
        if not token:
            break
    assert found == [one.registrant_id for one in webinar.registrations if one.status == "approved"]
    assert page["total_records"] == len(found)


def test_a_page_token_goes_stale_and_fits_no_other_question(get: Get, world: World, clock: Hands) -> None:
    path = f"/webinars/{world.webinars[0].webinar_id}/registrants"
    token = get(path, page_size=10).json["next_page_token"]
    assert get(path, next_page_token=token, status="denied").json["code"] == 300
    clock.seconds += 900
    stale = get(path, page_size=10, next_page_token=token)
    assert (stale.status_code, stale.json["code"]) == (400, 300)


@pytest.mark.parametrize("size", ["0", "301", "many"])
def test_a_page_holds_one_to_three_hundred(get: Get, size: str) -> None:
    assert get("/users", page_size=size).json["code"] == 300


def test_the_live_webinar_has_registrants_only_once_the_story_reaches_it(
    get: Get, account: ZoomAccount, world: World
) -> None:
    path = f"/webinars/{world.last.webinar_id}/registrants"
    assert get(path).json["total_records"] == 0
    account.story.go_live()
    assert get(path).json["total_records"] == len(world.last.registrations)


def test_a_report_is_there_only_after_the_end_and_its_delay(
    get: Get, account: ZoomAccount, world: World, clock: Hands
) -> None:
    account.report_delay = timedelta(minutes=15)
    path = f"/report/webinars/{world.last.webinar_id}/participants"
    account.story.go_live()
    assert (get(path).status_code, get(path).json["code"]) == (404, 3001)
    assert get(f"/past_webinars/{world.last.webinar_id}/instances").json == {"webinars": []}
    account.story.end(NOW)
    assert get(path).status_code == 404
    clock.seconds += 900
    assert get(path).json["total_records"] == len(world.last.segments)
    assert (
        get(f"/past_webinars/{world.last.webinar_id}/instances").json["webinars"][0]["uuid"]
        == world.last.uuid
    )


def test_the_report_has_one_row_per_connection_and_registrants_only_when_asked(
    get: Get, world: World
) -> None:
    webinar = world.webinars[0]
    path = f"/report/webinars/{webinar.webinar_id}/participants"
    plain = get(path, page_size=300).json["participants"]
    named = get(path, page_size=300, include_fields="registrant_id").json["participants"]
    assert len(plain) == len(webinar.segments)
    assert all("registrant_id" not in row for row in plain)
    assert [row["registrant_id"] for row in named] == [one.registrant_id for one in webinar.segments]


def test_a_uuid_with_leading_or_doubled_slashes_must_come_encoded_twice(get: Get, world: World) -> None:
    hard, easy = world.webinars
    once = quote(hard.uuid, safe="")
    assert get(f"/report/webinars/{quote(once, safe='')}/polls").status_code == 200
    refused = get(f"/report/webinars/{once}/polls")
    assert (refused.status_code, refused.json["code"]) == (404, 3001)
    assert get(f"/past_webinars/{quote(easy.uuid, safe='')}/instances").status_code == 200


def test_polls_and_questions_name_people_and_hide_the_anonymous(get: Get, world: World) -> None:
    webinar = world.webinars[0]
    polls = get(f"/report/webinars/{webinar.webinar_id}/polls").json["questions"]
    asked = get(f"/report/webinars/{webinar.webinar_id}/qa").json["questions"]
    assert sum(len(row["question_details"]) for row in polls) == len(webinar.poll_answers)
    assert sum(len(row["question_details"]) for row in asked) == len(webinar.questions)
    assert {row["name"] for row in polls + asked if not row["email"]} == {"Anonymous Attendee"}


def test_absentees_are_the_registered_who_never_came(get: Get, world: World) -> None:
    webinar = world.webinars[0]
    double = quote(quote(webinar.uuid, safe=""), safe="")
    absent = {
        row["id"] for row in get(f"/past_webinars/{double}/absentees", page_size=300).json["registrants"]
    }
    approved = {one.registrant_id for one in webinar.registrations if one.status == "approved"}
    assert absent == approved - {one.registrant_id for one in webinar.segments}


def test_unknown_webinars_are_code_3001(get: Get) -> None:
    for path in ("/webinars/1", "/webinars/1/registrants", "/webinars/1/panelists", "/report/webinars/1/qa"):
        assert (get(path).status_code, get(path).json["code"]) == (404, 3001)


def test_too_many_heavy_calls_in_a_second_are_refused_and_counted(
    get: Get, account: ZoomAccount, world: World, clock: Hands
) -> None:
    path = f"/report/webinars/{world.webinars[0].webinar_id}/polls"
    assert {get(path).status_code for _ in range(40)} == {200}
    refused = get(path)
    assert (refused.status_code, refused.json["code"]) == (429, 429)
    assert "per-second rate limit" in refused.json["message"]
    assert refused.headers["X-RateLimit-Category"] == "Heavy"
    assert get("/users").status_code == 200
    clock.seconds += 1
    assert get(path).status_code == 200
    assert account.http_429 == 1
    assert account.request_counts["GET /report/webinars/{name}/polls"] == 42


def _fields(value: object) -> object:
    """The names and kinds in a JSON value, rows by their first."""
    if isinstance(value, dict):
        return {name: _fields(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_fields(value[0])] if value else []
    return type(value).__name__


def _sample(path: str) -> dict[str, object]:
    if not SAMPLES.exists():
        pytest.skip("the vendors' published samples (../shared) are not here")
    return json.loads((SAMPLES / path).read_text())


@pytest.mark.parametrize(
    ("path", "sample"),
    [
        (
            "/report/webinars/{id}/participants?include_fields=registrant_id",
            "report-webinars-webinarId-participants",
        ),
        ("/report/webinars/{id}/polls", "report-webinars-webinarId-polls"),
        ("/report/webinars/{id}/qa", "report-webinars-webinarId-qa"),
        ("/past_webinars/{id}/instances", "past_webinars-webinarId-instances"),
        ("/webinars/{id}/registrants", "webinars-webinarId-registrants"),
    ],
)
def test_answers_have_the_published_fields_and_kinds(get: Get, world: World, path: str, sample: str) -> None:
    wanted = _fields(_sample(f"endpoints/{sample}_GET.json"))
    got = _fields(get(path.replace("{id}", str(world.webinars[0].webinar_id))).json)
    assert isinstance(wanted, dict)
    wanted.pop("page_number", None)
    assert got == wanted


@pytest.mark.parametrize(
    ("name", "left_out"),
    [
        ("webinar.participant_joined", {"customer_key", "phone_number"}),
        ("webinar.participant_left", {"customer_key", "phone_number"}),
        ("webinar.registration_created", {"occurrences", "tracking_source"}),
        ("webinar.ended", {"practice_session"}),
        ("webinar.started", set()),
    ],
)
def test_webhooks_have_the_published_fields_and_kinds(world: World, name: str, left_out: set[str]) -> None:
    event = next(one for one in live_events(world, "account") if one.name == name)
    wanted, got = _sample(f"webhooks/{name}.json"), event.body
    assert _without(_fields(got), left_out) == _without(_fields(wanted), left_out)


def _without(value: object, names: set[str]) -> object:
    if not isinstance(value, dict):
        return value
    return {name: _without(inner, names) for name, inner in value.items() if name not in names}
