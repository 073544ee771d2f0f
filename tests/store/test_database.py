"""Any form of DATABASE_URL becomes an engine; TLS unless local; times in UTC; old servers refused."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict

from app.domain.errors import BadConfig
from app.store import database as module
from app.store.database import make_engine, psycopg_url

LIMA = timezone(timedelta(hours=-5))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_form_of_address_is_psycopgs(scheme: str) -> None:
    url = make_engine(f"{scheme}://u:p%40ss@db.example.com:5433/savia").url
    assert (url.drivername, url.password, url.port) == ("postgresql+psycopg", "p@ss", 5433)


def test_another_machine_is_spoken_to_over_tls_unless_the_address_says_otherwise() -> None:
    assert "sslmode=require" in psycopg_url("postgres://u@db.example.com/x")
    assert "sslmode=verify-full" in psycopg_url("postgresql://u@db.example.com/x?sslmode=verify-full")


def test_a_connection_to_another_machine_that_died_without_a_word_is_found_out() -> None:
    """libpq's defaults wait for two hours."""
    given = conninfo_to_dict(psycopg_url("postgres://u@db.example.com/x?keepalives_idle=99"))
    probed = int(given["keepalives_interval"]) * int(given["keepalives_count"])
    assert (given["keepalives_idle"], probed <= 20, int(given["tcp_user_timeout"]) <= 30_000) == (
        "99",
        True,
        True,
    )
    assert "keepalives_idle" not in psycopg_url("postgresql://u@localhost/x")


@pytest.mark.parametrize(
    "address", ["postgresql://u@localhost/x", "postgresql://u@/x?host=/run/pg", "postgresql://u@[::1]/x"]
)
def test_this_machine_needs_no_tls(address: str) -> None:
    assert "sslmode" not in psycopg_url(address)


@pytest.mark.parametrize("address", ["", "mysql://u:secret@db.example.com/x", "sqlite://", "nonsense"])
def test_any_other_address_is_refused_without_being_repeated(address: str) -> None:
    with pytest.raises(BadConfig) as caught:
        make_engine(address)
    assert "DATABASE_URL" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_times_come_back_in_utc(database: sa.Engine) -> None:
    with database.connect() as conn:
        moment = conn.scalar(sa.text("SELECT timestamptz '2026-07-01 12:00+02'"))
    assert (moment.hour, moment.utcoffset()) == (10, timedelta(0))


JSON_TEXTS = (
    '{"a": [1, -2.5, 1e-7, 0.1, true, null, ""], "ñ": {"emoji": "\U0001f642", "quote": "\\"\\\\"}}',
    "[123456789012345678, -9223372036854775808, 18446744073709551615]",
    '[0.1234567890123456789, 100000000000000000000.0, "1234567890123456789012345"]',
    '"one text"',
)


@pytest.mark.parametrize("text", JSON_TEXTS)
def test_json_is_read_as_python_reads_it_for_all_numbers_of_64_bits(database: sa.Engine, text: str) -> None:
    with database.connect() as conn:
        read = conn.scalar(sa.text("SELECT CAST(:text AS jsonb)"), {"text": text})
    assert json.dumps(read, sort_keys=True) == json.dumps(json.loads(text), sort_keys=True)


def test_a_number_beyond_every_fraction_is_read(database: sa.Engine) -> None:
    with database.connect() as conn:
        assert conn.scalar(sa.text("SELECT CAST('1e400' AS jsonb)")) == 10**400


def test_a_server_that_is_too_old_is_refused_and_let_go() -> None:
    closed: list[bool] = []
    old = SimpleNamespace(info=SimpleNamespace(server_version=140_011), close=lambda: closed.append(True))
    with pytest.raises(BadConfig, match="PostgreSQL 14 is too old"):
        module._refuse_an_old_server(old, None)
    assert closed == [True]


def test_no_test_reaches_beyond_this_machine() -> None:
    with socket.socket() as outside, pytest.raises(AssertionError, match="stay on this machine"):
        outside.connect(("192.0.2.1", 443))
    with socket.socket() as inside, pytest.raises(ConnectionRefusedError):
        inside.connect(("127.0.0.1", 1))


@pytest.mark.parametrize(
    ("sql", "sent"),
    [
        ("bigint[]", [3, 1, 2**62, -5]),
        ("bigint[]", [1, None, 3]),
        ("bigint[]", []),
        ("boolean[]", [True, False]),
        ("text[]", ["a,b", 'c"d', "", "NULL", "{1}"]),
        ("bigint[]", [[1, 2], [3, 4]]),
        ("numeric[]", [2**70]),
        ("text[]", ["set:1", "set:2", "NULL", "{3}"]),
        ("text[]", ["ñandú", "línea\n", "\\"]),
        ("timestamptz[]", [datetime(2026, 11, 1, 12, 30, 5, 7, UTC), datetime(1999, 1, 1, tzinfo=LIMA)]),
    ],
)
def test_lists_of_every_kind_arrive_as_they_were_sent(
    database: sa.Engine, sql: str, sent: list[object]
) -> None:
    with database.connect() as conn:
        assert conn.scalar(sa.text(f"SELECT CAST(:sent AS {sql})"), {"sent": sent}) == sent
