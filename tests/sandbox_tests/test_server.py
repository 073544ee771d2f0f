"""The sandbox as it is used: one server, its levers, and a process that stops when told to."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from tests.sandbox import server
from tests.sandbox.server import Sandbox
from tests.sandbox.stage import WORKFLOW_LISTS
from tests.sandbox_tests.receivers import receiver

ROOT = Path(__file__).parents[2]
PUBLIC = "https://savia.example.com"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(leads=60, webinars=2, seed=7, time_scale=1e-6) as running:
        yield running


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        yield opened


def _zoom(sandbox: Sandbox, session: requests.Session, path: str) -> requests.Response:
    environment = sandbox.environment(PUBLIC)
    token = session.post(
        f"{sandbox.url}/zoom/oauth/token",
        params={"grant_type": "account_credentials", "account_id": environment["ZOOM_ACCOUNT_ID"]},
        auth=(environment["ZOOM_CLIENT_ID"], environment["ZOOM_CLIENT_SECRET"]),
        timeout=5,
    ).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    return session.get(f"{sandbox.url}/zoom/v2{path}", headers=headers, timeout=5)


def test_the_configuration_points_at_the_running_server(sandbox: Sandbox) -> None:
    settings = tomllib.loads(sandbox.config_toml())
    assert settings["hubspot"] == {"base_url": f"{sandbox.url}/hubspot"}
    assert settings["zoom"]["oauth_url"] == f"{sandbox.url}/zoom/oauth/token"
    assert sandbox.environment(PUBLIC)["SAVIA_PUBLIC_URL"] == PUBLIC


def test_zoom_answers_over_real_http_double_encoded_uuids_included(
    sandbox: Sandbox, session: requests.Session
) -> None:
    hard = sandbox.world.webinars[0].uuid
    twice = quote(quote(hard, safe=""), safe="")
    assert _zoom(sandbox, session, f"/report/webinars/{twice}/qa").json()["uuid"] == hard
    once = _zoom(sandbox, session, f"/report/webinars/{quote(hard, safe='')}/qa")
    assert (once.status_code, once.json()["code"]) == (404, 3001)


def test_hubspot_has_the_contacts_the_world_says_it_has(sandbox: Sandbox, session: requests.Session) -> None:
    headers = {"Authorization": f"Bearer {server.HUBSPOT_TOKEN}"}
    url = f"{sandbox.url}/hubspot/crm/objects/2026-09/contacts"
    page = session.get(url, headers=headers, params={"limit": 100}, timeout=5).json()
    assert len(page["results"]) == sum(lead.in_hubspot for lead in sandbox.world.leads)
    assert {flow.name for flow in sandbox.portal.crm.workflows.by_id.values()} == set(WORKFLOW_LISTS)


def test_the_story_is_told_by_its_levers(session: requests.Session) -> None:
    with (
        receiver(lambda _: ("", 200)) as there,
        Sandbox(leads=40, webinars=2, seed=3, time_scale=1e-6) as sandbox,
    ):
        lever = f"{sandbox.url}/control"
        assert session.post(f"{lever}/end_webinar", timeout=5).status_code == 409
        assert session.post(f"{lever}/deliver", json={}, timeout=5).status_code == 400
        asked = {"receiver": there.url, "public_url": PUBLIC, "seconds": 0.1}
        begun = session.post(f"{lever}/deliver", json=asked, timeout=5).json()
        assert begun["events"] > 0
        assert begun["challenge"] is False
        assert session.post(f"{lever}/deliver", json=asked, timeout=5).status_code == 409
        edited = session.post(f"{lever}/hubspot_edits", json={"count": 5}, timeout=5).json()["edited"]
        _until_finished(session, lever)
        told = [event for one in there.arrivals if one.vendor == "hubspot" for event in one.json]
        assert {str(event["objectId"]) for event in told} == set(edited)
        assert session.get(f"{lever}/counts", timeout=5).json()["step"] == "live"
        session.post(f"{lever}/end_webinar", timeout=5)
        counts = session.get(f"{lever}/counts", timeout=5).json()
        assert (counts["step"], counts["duplicated"], counts["latency_p95"]) == ("ended", 0, None)
        assert counts["lost"] > 0
        assert set(session.get(f"{lever}/dump", timeout=5).json()) >= {"contacts", "lists", "tasks"}


def _until_finished(session: requests.Session, lever: str) -> None:
    for _ in range(400):
        if session.get(f"{lever}/deliveries", timeout=5).json()["finished"]:
            return
        time.sleep(0.05)
    pytest.fail("the deliveries did not come to an end")


def test_counters_of_requests_can_be_set_back(sandbox: Sandbox, session: requests.Session) -> None:
    _zoom(sandbox, session, "/users")
    assert session.get(f"{sandbox.url}/control/counts", timeout=5).json()["requests"]["zoom"] >= 2
    session.post(f"{sandbox.url}/control/reset_counters", timeout=5)
    counts = session.get(f"{sandbox.url}/control/counts", timeout=5).json()
    assert counts["requests"] == {"hubspot": 0, "zoom": 0}


def test_the_process_says_where_it_is_and_stops_on_sigterm(tmp_path: Path, session: requests.Session) -> None:
    ready = tmp_path / "ready.json"
    command = [
        sys.executable,
        "-m",
        "tests.sandbox",
        "--leads",
        "40",
        "--seed",
        "3",
        "--ready-file",
        str(ready),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = json.loads(process.stdout.readline())["port"]
            assert json.loads(ready.read_text()) == {"port": port}
            answer = session.get(f"http://127.0.0.1:{port}/control/deliveries", timeout=5)
            assert answer.json()["finished"] is False
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
