"""Health, readiness and the set-up page: true only when it is, names only, never values."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from app.config import VENDOR_SECRETS, Secrets, Settings
from app.store.database import make_engine
from app.web import create_app
from tests.conftest import ROOT
from tests.line import services_of

HEAVY = (
    "sklearn",
    "numpy",
    "scipy",
    "openai",
    "google.analytics",
    "grpc",
    "hubspot",
    "procrastinate",
    "apscheduler",
)


def beat(database: sa.Engine, at: datetime) -> None:
    with database.begin() as conn:
        conn.execute(sa.text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (:at)"), {"at": at})


@pytest.fixture
def empty_database(database_url: str) -> Iterator[sa.Engine]:
    """An engine that sees no table of ours: its search path leads elsewhere."""
    engine = make_engine(database_url)
    sa.event.listen(
        engine, "connect", lambda raw, _: raw.execute("SET search_path TO pg_temp") and raw.commit()
    )
    yield engine
    engine.dispose()


def test_a_process_that_answers_is_alive(web: FlaskClient) -> None:
    answer = web.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_ready_needs_database_tables_and_a_worker(
    web: FlaskClient, database: sa.Engine, now: datetime
) -> None:
    beat(database, now - timedelta(seconds=5))
    answer = web.get("/readyz")
    assert answer.status_code == 200
    assert {"database": True, "migrations": True, "worker": True}.items() <= answer.json.items()


@pytest.mark.parametrize("seconds", [None, 31, 3_600])
def test_without_a_recent_sign_of_a_worker_it_is_not_ready(
    web: FlaskClient, database: sa.Engine, now: datetime, seconds: int | None
) -> None:
    if seconds is not None:
        beat(database, now - timedelta(seconds=seconds))
    answer = web.get("/readyz")
    assert (answer.status_code, answer.json) == (503, {"database": True, "migrations": True, "worker": False})


def test_without_tables_it_is_not_ready(empty_database: sa.Engine, now: datetime) -> None:
    answer = create_app(services_of(empty_database, lambda: now)).test_client().get("/readyz")
    assert (answer.status_code, answer.json) == (
        503,
        {"database": True, "migrations": False, "worker": False},
    )


def page_of(database: sa.Engine, now: datetime, **secrets: str) -> FlaskClient:
    settings = Settings(secrets=Secrets(**secrets))
    return create_app(services_of(database, lambda: now, settings=settings, webhooks={})).test_client()


def test_the_set_up_page_names_everything_that_is_missing(database: sa.Engine, now: datetime) -> None:
    text = page_of(database, now).get("/setup").get_data(as_text=True)
    missing = {name for names in VENDOR_SECRETS.values() for name in names}
    assert {name for name in missing if name not in text} == set()


def test_the_set_up_page_never_shows_a_value(database: sa.Engine, now: datetime) -> None:
    secrets = {name: f"value-of-{name}" for name in Secrets.model_fields if name != "savia_admin_password"}
    text = page_of(database, now, **secrets).get("/setup").get_data(as_text=True)
    shown = {name for name, value in secrets.items() if value in text}
    assert shown <= {"savia_public_url"}  # an address vendors must be told is no secret
    assert "HUBSPOT_ACCESS_TOKEN" not in text


@pytest.mark.parametrize(
    ("given", "status"), [(None, 401), ("wrong", 401), ("", 401), ("ñandú", 200), ("ñandu", 401)]
)
def test_once_a_password_is_set_it_is_asked_for(
    database: sa.Engine, now: datetime, given: str | None, status: int
) -> None:
    web = page_of(database, now, savia_admin_password="ñandú")
    pair = b64encode(f"admin:{given}".encode()).decode()
    answer = web.get("/setup", headers={} if given is None else {"Authorization": f"Basic {pair}"})
    assert answer.status_code == status
    if status == 401:
        assert "WWW-Authenticate" in answer.headers
        assert b"HUBSPOT" not in answer.data


@pytest.mark.parametrize("header", ["Bearer x", "Basic", "Basic %%%", "Digest username=x", ""])
def test_an_authorization_that_is_no_password_is_refused(
    database: sa.Engine, now: datetime, header: str
) -> None:
    web = page_of(database, now, savia_admin_password="secret")
    assert web.get("/setup", headers={"Authorization": header}).status_code == 401


def test_the_home_page_leads_to_set_up(web: FlaskClient) -> None:
    answer = web.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/setup")


PROBE = """
import sys
from app.wiring import web
import psutil
assert web.test_client().get("/healthz").status_code == 200
heavy = [name for name in {heavy!r} if name in sys.modules]
print(heavy, psutil.Process().memory_info().rss // 2**20)
"""


@pytest.mark.xdist_group("processes")
def test_the_web_process_loads_nothing_heavy(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    environ = {
        "PATH": "",
        "SAVIA_CONFIG": "config.example.toml",
        "DATABASE_URL": database_url,
        **{
            name.upper(): "x"
            for name in Secrets.model_fields
            if name not in {"database_url", "savia_public_url"}
        },
        "SAVIA_PUBLIC_URL": "https://savia.example.com",
        "ACTIVECAMPAIGN_URL": "https://account.example.com",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(heavy=HEAVY)],
        env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded, _, megabytes = done.stdout.strip().rpartition(" ")
    with capsys.disabled():
        print(f"\nthe web process holds {megabytes} MB")
    assert loaded == "[]"
    assert int(megabytes) < 100
