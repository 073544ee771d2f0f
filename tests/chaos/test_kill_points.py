"""Killed at one point and begun again in a fresh process, every job ends where it would have ended anyway."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
import sqlalchemy as sa
from psycopg import sql

from app.store.database import make_engine, psycopg_url
from jobs.__main__ import main
from tests.chaos.child import MOMENT, Death, environment_of, score_as_of
from tests.chaos.crew import ROOT, children_of, kill
from tests.chaos.end_state import differences, settled
from tests.chaos.line import Line, delivery_key, enter, environ_for
from tests.sandbox.server import Sandbox
from tests.story import environment, free_port

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC)
"""Every run's world begins at the same moment, and HubSpot's own stamps are of today."""

LEADS = 40

POINTS = {
    "a page is stored, its cursor is next": ("sync", Death("statement", "INSERT INTO cursor", 2)),
    "page and cursor are stored, their commit is next": ("sync", Death("commit", "INSERT INTO cursor", 3)),
    "a page has come, nothing is stored": ("sync", Death("answered", "GET .*/report/webinars/", 2)),
    "a lot is absorbed, its rows are next": ("absorb", Death("statement", "UPDATE inbox SET state")),
    "a lot is absorbed, its commit is next": ("absorb", Death("commit", "UPDATE inbox SET state")),
    "a lot is scored, its leads still wait": ("rescore", Death("statement", "DELETE FROM touched")),
    "properties are made": ("write_back", Death("answered", "POST .*/properties/", 3)),
    "contacts are created": ("write_back", Death("answered", "POST .*/contacts/batch/(upsert|create)")),
    "contacts are updated": ("write_back", Death("answered", "POST .*/contacts/batch/update")),
    "leads are put on a list": ("write_back", Death("answered", "PUT .*/memberships/", 2)),
    "leads are enrolled": ("write_back", Death("answered", "PUT .*/memberships/", 5)),
    "tasks are made": ("write_back", Death("answered", "POST .*/tasks/batch/create")),
    "all is written, the outcomes are next": ("write_back", Death("statement", "UPDATE ledger SET")),
}
"""In write_back: HubSpot has done it, the ledger does not know it yet."""


@pytest.fixture
def line(
    database: sa.Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Line]:
    """A line whose scores are of one moment, in this process and in its children."""
    moment = NOW + timedelta(days=1)
    with Sandbox(LEADS, 2, 7, now=NOW) as sandbox:
        environ = environ_for(sandbox, database_url, tmp_path) | {MOMENT: moment.isoformat()}
        enter(environ, monkeypatch)
        score_as_of(moment, monkeypatch.setattr)
        yield Line(sandbox, database, environ)


@pytest.fixture(scope="module")
def undisturbed(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """How the story ends when nobody dies."""
    moment = NOW + timedelta(days=1)
    with (
        empty_database(server_url) as url,
        Sandbox(LEADS, 2, 7, now=NOW) as sandbox,
        pytest.MonkeyPatch.context() as patch,
    ):
        environ = environ_for(sandbox, url, tmp_path_factory.mktemp("undisturbed"))
        enter(environ, patch)
        score_as_of(moment, patch.setattr)
        engine = make_engine(url)
        line = Line(sandbox, engine, environ)
        line.job("migrate")
        state = line.play()
        engine.dispose()
    return state


def test_an_undisturbed_story_loses_and_doubles_nothing(undisturbed: dict[str, Any]) -> None:
    assert (undisturbed["lost"], undisturbed["duplicated"]) == (0, 0)
    assert undisturbed["hubspot"]["tasks"]
    assert undisturbed["hubspot"]["enrolments"]


@pytest.mark.parametrize("point", POINTS)
def test_a_job_killed_when(point: str, line: Line, undisturbed: dict[str, Any]) -> None:
    line.at, line.death = POINTS[point]
    state = line.play()
    assert (state["lost"], state["duplicated"]) == (0, 0)
    assert state["facts"] == undisturbed["facts"]
    # Scores written by their step may differ by what a day of decay moves: see settled().
    assert list(differences(settled(undisturbed["hubspot"]), settled(state["hubspot"]))) == []


# --- unattended writing, interrupted and overtaken by what webhooks bring ---------------------------------

OVERTAKEN = {
    "the set-up of the portal": Death("answered", "POST .*/properties/", 3),
    "the first contacts": Death("answered", "POST .*/contacts/batch/(upsert|create)"),
}


@pytest.mark.parametrize("point", OVERTAKEN)
def test_a_first_plan_killed_after_this_and_overtaken_loses_nothing(
    point: str, line: Line, undisturbed: dict[str, Any]
) -> None:
    line.job("sync")
    line.job("rescore")
    line.at, line.death, line.carry_on = "write_back", OVERTAKEN[point], ("turns",)
    line.before_carrying_on = line.live_to_the_end
    line.release()
    assert_nothing_is_left(line, undisturbed)


def test_a_hot_plan_killed_after_its_contacts_makes_no_task_twice(
    line: Line, undisturbed: dict[str, Any]
) -> None:
    line.job("sync")
    line.job("rescore")
    line.release()
    line.live_to_the_end()
    line.at, line.death = "turns", Death("answered", "POST .*/contacts/batch/(upsert|create)")
    line.job("turns")
    assert_nothing_is_left(line, undisturbed)


def assert_nothing_is_left(line: Line, undisturbed: dict[str, Any]) -> None:
    """What a person still has to release is released; then the sandbox counts."""
    line.release_the_rest()
    state = line.state()
    assert (state["lost"], state["duplicated"]) == (0, 0), line.sandbox.play.counts()["details"]
    assert list(differences(settled(undisturbed["hubspot"]), settled(line.sandbox.portal.dump()))) == []


# --- the way back -----------------------------------------------------------------------------------------

TAKEN_BACK = {
    "tasks are withdrawn": Death("answered", "POST .*/tasks/batch/archive"),
    "properties are put back": Death("answered", "POST .*/contacts/batch/update"),
    "leads are taken off a list": Death("answered", "PUT .*/memberships/remove"),
    "all is taken back, the outcomes are next": Death("statement", "UPDATE ledger SET"),
}


@pytest.mark.parametrize("point", TAKEN_BACK)
def test_an_undo_killed_when_it_is_begun_again_restores_what_stood_before(point: str, line: Line) -> None:
    line.job("sync")
    line.job("rescore")
    before = standing(line)
    assert line.release()
    assert standing(line) != before
    run_id, fingerprint = shown_undo(line)
    line.at, line.death = "undo", TAKEN_BACK[point]
    line.job("undo", str(run_id), "--apply", fingerprint)
    after = standing(line)
    assert {who: after["contacts"][who] for who in before["contacts"]} == before["contacts"]
    assert (after["lists"], after["tasks"]) == (before["lists"], before["tasks"])
    created = after["contacts"].keys() - before["contacts"].keys()
    assert not [name for who in created for name in after["contacts"][who] if name.startswith("savia_")]


def standing(line: Line) -> dict[str, Any]:
    """Values, memberships and tasks; empty ones do not differ from none."""
    dump = line.sandbox.portal.dump()
    return {
        "contacts": {
            who: {name: value for name, value in row.items() if value}
            for who, row in dump["contacts"].items()
        },
        "lists": {name: members for name, members in dump["lists"].items() if members},
        "tasks": dump["tasks"],
    }


def shown_undo(line: Line) -> tuple[int, str]:
    """The newest run that wrote, and the fingerprint of the way back from it."""
    with line.database.connect() as conn:
        run_id = conn.execute(sa.text("SELECT max(run_id) FROM ledger")).scalar_one()
    assert main(["undo", str(run_id)]) == 0
    with line.database.connect() as conn:
        query = sa.text("SELECT fingerprint FROM plan WHERE undoes = :run")
        return run_id, conn.execute(query, {"run": run_id}).scalar_one()


# --- the receiver ------------------------------------------------------------------------------------------

RECEIVING = {
    "before a delivery is stored": Death("statement", "INSERT INTO inbox", 4),
    "after it is stored, before the answer": Death("unanswered", "POST /webhooks/zoom", 4),
}


@pytest.mark.parametrize("point", RECEIVING)
def test_a_delivery_survives_a_receiver_killed(point: str, line: Line, tmp_path: Path) -> None:
    death = RECEIVING[point]
    scar = tmp_path / "scar"
    mortal = Death(death.kind, death.matching, death.nth, str(scar))
    with web(line, mortal, tmp_path) as (url, _):
        deliver_all(line, url)
    assert scar.exists(), "nobody died: no such point"
    assert_each_delivery_stands_once(line)


def test_a_delivery_survives_a_receiver_killed_after_the_answer(line: Line, tmp_path: Path) -> None:
    with web(line, None, tmp_path) as (url, process):
        deliver_all(line, url)
        for pid in (*children_of(process.pid), process.pid):
            kill(pid)
    assert_each_delivery_stands_once(line)


@contextmanager
def web(line: Line, death: Death | None, folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """gunicorn with the receiver; its worker is started again by its master."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environ = {**line.environ, **environment(url), **(environment_of(death) if death else {})}
    command = [sys.executable, "-m", "gunicorn", "tests.chaos.child:make_web()"]
    bound = ["--config", "gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"]
    with (folder / "web.log").open("wb") as log:
        process = subprocess.Popen([*command, *bound], cwd=ROOT, env=environ, stdout=log, stderr=log)
    try:
        wait_for(url, process)
        yield url, process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(20)


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Until the receiver answers; its master keeps the socket open, so one patient request is enough."""
    while process.poll() is None:
        try:
            requests.get(f"{url}/healthz", timeout=20)
        except requests.ConnectionError:
            continue
        return
    raise AssertionError("gunicorn did not start")


def deliver_all(line: Line, url: str) -> None:
    """Zoom delivers the live webinar and tries again what was refused."""
    play = line.sandbox.play
    play._time_scale = 0.01
    play.deliver(url, url, seconds=1.0)
    assert play._deliverer is not None
    assert play._deliverer.wait(60)
    assert play.progress()["dropped"] == 0


def assert_each_delivery_stands_once(line: Line) -> None:
    """The inbox holds what Zoom sent, and absorbing all of it once more adds no fact."""
    wanted = {delivery_key(event) for event in line.live_events()}
    with line.database.connect() as conn:
        held = list(conn.execute(sa.text("SELECT delivery_key FROM inbox WHERE source = 'zoom'")).scalars())
    assert wanted <= set(held)
    line.job("absorb")
    absorbed = line.facts()
    line.land_live_events()
    line.job("absorb")
    assert line.facts() == absorbed


# --- the release -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "death",
    [
        Death("statement", "CREATE TABLE"),
        Death("statement", "(INSERT INTO|UPDATE) alembic_version", 2),
        Death("commit", "(INSERT INTO|UPDATE) alembic_version", 3),
    ],
    ids=["at the first table", "between two migrations", "before the commit"],
)
def test_a_migration_killed_midway_is_as_if_it_had_never_begun(
    death: Death, server_url: str, database: sa.Engine
) -> None:
    with empty_database(server_url) as url:
        environ = {**os.environ, "DATABASE_URL": url}
        assert migrate({**environ, **environment_of(death)}) == -signal.SIGKILL
        assert shape(url) == []
        assert migrate(environ) == 0
        assert migrate(environ) == 0
        assert shape(url) == shape(database.url.render_as_string(hide_password=False))


def migrate(environ: dict[str, str]) -> int:
    """`jobs migrate` in a process of its own; its exit code."""
    command = [sys.executable, "-m", "tests.chaos.child", "migrate"]
    return subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, check=False).returncode


@contextmanager
def empty_database(server_url: str) -> Iterator[str]:
    """A database without a table, dropped afterwards."""
    name = f"savia_migrated_{os.getpid()}"
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(psycopg_url(server_url), autocommit=True) as conn:
        conn.execute(drop)
        conn.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        yield sa.make_url(server_url).set(database=name).render_as_string(hide_password=False)
        conn.execute(drop)


def shape(url: str) -> list[tuple[str, ...]]:
    """Every column of every table, as PostgreSQL has it."""
    engine = make_engine(url)
    try:
        with engine.connect() as conn:
            rows = conn.execute(
                sa.text(
                    "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns "
                    "WHERE table_schema = 'public' ORDER BY 1, 2"
                )
            )
            return [tuple(row) for row in rows]
    finally:
        engine.dispose()
