"""The month's hardships are there, and the stand-in Zoom tells of them as Zoom does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask

from tests.line import Moment
from tests.sandbox.cast import Webinar
from tests.sandbox.month_world import make_month
from tests.sandbox.traffic import Traffic, watch
from tests.sandbox.world import Story, World
from tests.sandbox.zoom import make_blueprint
from tests.sandbox.zoom_account import ZoomAccount, ZoomCredentials
from tests.sandbox.zoom_events import webinar_events

BEGINS = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def world() -> World:
    return make_month(7, 60, 6, BEGINS)


class Zoom:
    """A stand-in Zoom that is asked at a moment."""

    def __init__(self, world: World) -> None:
        self.clock = Moment(BEGINS)
        self.account = ZoomAccount(
            Story(world),
            ZoomCredentials("account", "client", "secret"),
            report_delay=timedelta(minutes=20),
            report_grows=timedelta(hours=3),
            clock=self.clock.timestamp,
        )
        app = Flask(__name__)
        app.register_blueprint(make_blueprint(self.account), url_prefix="/zoom")
        self._client = app.test_client()

    def __call__(self, path: str) -> Any:
        self.clock.move(seconds=1)
        token = {"Authorization": f"Bearer {self.account.issue_token()}"}
        return self._client.get(f"/zoom/v2{path}", headers=token, query_string={"page_size": "300"}).json


@pytest.fixture
def ask(world: World) -> Zoom:
    return Zoom(world)


def of_kind(world: World, kind: Callable[[Webinar], bool]) -> list[Webinar]:
    return [webinar for webinar in world.webinars if kind(webinar)]


def encoded(uuid: str) -> str:
    once = quote(uuid, safe="")
    return quote(once, safe="") if uuid.startswith("/") or "//" in uuid else once


def test_the_same_seed_makes_the_same_month(world: World) -> None:
    assert make_month(7, 60, 6, BEGINS) == world
    assert make_month(8, 60, 6, BEGINS) != world


def test_a_series_shares_its_id_and_its_registrations(world: World) -> None:
    series = of_kind(world, lambda webinar: bool(webinar.occurrence_id))
    assert len(series) == 2
    assert {(one.webinar_id, one.series_uuid, one.registrations) for one in series} == {
        (series[0].webinar_id, series[0].series_uuid, series[0].registrations)
    }
    assert len({one.uuid for one in series}) == len({one.occurrence_id for one in series}) == 2


def test_a_host_who_drops_out_throws_everybody_out(world: World) -> None:
    dropped = of_kind(world, lambda webinar: webinar.restarted_at is not None)
    assert dropped
    for webinar in dropped:
        sides = Counter(webinar.uuid_at(one.joined_at) for one in webinar.segments)
        assert sides.keys() == {webinar.uuid, webinar.restart_uuid}
        assert webinar.restarted_at is not None
        assert not [one for one in webinar.segments if one.joined_at < webinar.restarted_at < one.left_at]
        assert all(one.joined_at < one.left_at for one in webinar.segments)


def test_zoom_lists_a_series_by_occurrence_and_knows_its_held_runs_alone(world: World, ask: Zoom) -> None:
    first, second = of_kind(world, lambda webinar: bool(webinar.occurrence_id))
    listed = [row for row in ask("/users/me/webinars")["webinars"] if row["id"] == first.webinar_id]
    assert {row["type"] for row in listed} == {9}
    assert {row["uuid"] for row in listed} == {first.series_uuid}
    assert len({row["start_time"] for row in listed}) == 2
    assert len(ask(f"/webinars/{first.webinar_id}")["occurrences"]) == 2
    ask.clock.now = second.starts_at - timedelta(hours=1)
    runs = ask(f"/past_webinars/{first.webinar_id}/instances")["webinars"]
    assert [run["uuid"] for run in runs] == [uuid for uuid, _ in first.runs]


def test_each_run_of_a_broken_webinar_has_a_report_of_its_own_which_grows(world: World, ask: Zoom) -> None:
    webinar = of_kind(world, lambda webinar: webinar.restarted_at is not None)[0]
    ask.clock.now = webinar.ends_at + timedelta(minutes=5)
    assert ask(f"/report/webinars/{encoded(webinar.uuid)}/participants")["code"] == 3001
    totals = []
    for wait in (timedelta(minutes=30) + webinar.report_delay, timedelta(hours=5) + webinar.report_delay):
        ask.clock.now = webinar.ends_at + wait
        answers = [ask(f"/report/webinars/{encoded(uuid)}/participants") for uuid, _ in webinar.runs]
        totals.append([answer["total_records"] for answer in answers])
    assert sum(totals[1]) == len(webinar.segments)
    assert sum(totals[0]) < sum(totals[1])


def test_guests_are_shown_by_name_alone(world: World) -> None:
    for webinar in world.webinars:
        guests = [one for one in webinar.segments if one.role == "attendee" and not one.lead_key]
        assert {(one.registrant_id, one.email) for one in guests} == {("", "")}
        assert len({one.name for one in guests}) == 2


def test_every_event_names_the_run_it_happened_in(world: World) -> None:
    webinar = of_kind(world, lambda webinar: webinar.restarted_at is not None)[0]
    events = webinar_events(world, webinar, "account")
    started = [event for event in events if event.name == "webinar.started"]
    assert [event.body["payload"]["object"]["uuid"] for event in started] == [
        uuid for uuid, _ in webinar.runs
    ]
    joined = [event for event in events if event.name == "webinar.participant_joined"]
    assert all(
        event.body["payload"]["object"]["uuid"] == webinar.uuid_at(event.occurred_at) for event in joined
    )


def test_registrations_for_a_series_are_told_once(world: World) -> None:
    first, second = of_kind(world, lambda webinar: bool(webinar.occurrence_id))
    told = [
        Counter(event.name for event in webinar_events(world, one, "account"))["webinar.registration_created"]
        for one in (first, second)
    ]
    assert told == [len(first.registrations), 0]


# --- the door ----------------------------------------------------------------------------------------------


@pytest.fixture
def traffic() -> Traffic:
    return Traffic()


@pytest.fixture
def door(traffic: Traffic) -> Any:
    app = Flask(__name__)
    watch(app, traffic)
    app.add_url_rule("/zoom/<name>", "zoom", lambda name: {"name": name}, methods=["GET", "POST"])
    app.add_url_rule("/control", "control", dict)
    return app.test_client()


def test_every_call_is_counted_by_its_outcome(door: Any, traffic: Traffic) -> None:
    door.get("/zoom/x")
    door.get("/zoom/")
    door.get("/control")
    assert traffic.taken() == {("zoom", "2xx"): 1, ("zoom", "4xx"): 1}
    assert traffic.taken() == {}


def test_a_vendor_that_is_down_answers_with_a_page_and_is_counted_apart(door: Any, traffic: Traffic) -> None:
    traffic.down = {"zoom"}
    answer = door.get("/zoom/x")
    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert traffic.taken() == {("zoom", "down"): 1}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/zoom/undefined", None),
        ("/zoom/x?email=", None),
        ("/zoom/x?email=None", None),
        ("/zoom/x", {"properties": {"email": ""}}),
        ("/zoom/x", {"properties": {"email": None}}),
        ("/zoom/x", {"inputs": [{"id": "null"}]}),
        ("/zoom/x", {"idProperty": "email", "inputs": [{"id": ""}]}),
    ],
)
def test_a_call_that_speaks_of_nobody_is_seen(door: Any, traffic: Traffic, path: str, body: Any) -> None:
    door.post(path, json=body)
    assert len(traffic.undefined) == 1


def test_a_call_that_speaks_of_somebody_is_none_of_them(door: Any, traffic: Traffic) -> None:
    door.post("/zoom/x?email=ana@example.com", json={"idProperty": "email", "inputs": [{"id": "1"}]})
    assert traffic.undefined == []
