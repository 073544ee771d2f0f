"""The engine: one address in, a pool of connections to PostgreSQL 15 or newer out."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from psycopg.abc import Buffer
from psycopg.types.array import ListDumper

from app.domain.errors import BadConfig, Fault
from app.store.encoding import as_json

OLDEST_SERVER = 15
OPTIONS = "-c timezone=UTC -c plan_cache_mode=force_custom_plan"
"""A statement is planned for the tables as they are: one that is kept from when they were nearly empty reads
them whole, slower with every page, until PostgreSQL happens to gather statistics.
"""

LOST = (sa.exc.DBAPIError, sa.exc.TimeoutError, sa.exc.PendingRollbackError)
"""What a database that is away, or was away a moment ago, is known by."""

AWAY_FROM_HERE = {
    "sslmode": "require",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
"""For a server on another machine: TLS, and a connection that died without a word is found out in half a
minute, not after the two hours of the operating system.
"""

LOCAL_HOSTS = frozenset({"", "localhost", "127.0.0.1", "::1"})


def make_engine(url: str, *, pool_size: int = 5) -> sa.Engine:
    """An engine for `DATABASE_URL` in any of its forms: `postgres://`, `postgresql://`, with a driver or not.

    `pool_size` is the most connections it opens. A server on another machine is spoken to over TLS, on
    connections that are probed while they wait, unless the address itself says otherwise. Times come back in
    UTC. Raises BadConfig for an address that is not PostgreSQL's, and on the first connection to a server
    that is too old.
    """
    engine = sa.create_engine(
        _address(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=20,
        pool_pre_ping=True,
        json_serializer=as_json,
        json_deserializer=_from_json,
        hide_parameters=True,  # an error's text ends in logs, its parameters are people's names and words
        connect_args={"application_name": "savia", "connect_timeout": 10, "options": OPTIONS},
    )
    sa.event.listen(engine, "connect", _refuse_an_old_server)
    sa.event.listen(engine, "connect", _send_lists_at_once)
    return engine


def _from_json(text: bytes) -> Any:
    """A JSONB column, of which a row has several, in a fifth of the time of Python's own reader. A whole
    number of more than 64 bits comes back as the nearest fraction: no vendor sends an id so long but as text,
    and to look for one took longer than to read the rest.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:  # a number beyond every fraction
        return json.loads(text)


def psycopg_url(url: str) -> str:
    """The same address in the form that psycopg itself, and so the job engine, reads."""
    return _address(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _address(url: str) -> sa.URL:
    try:
        address = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise _not_usable("is not an address: expected postgresql://user:password@host/name") from None
    if address.drivername.partition("+")[0] not in {"postgres", "postgresql"}:
        raise _not_usable("must be a PostgreSQL address, postgresql://user:password@host/name")
    if not _is_local(address):
        missing = {name: value for name, value in AWAY_FROM_HERE.items() if name not in address.query}
        address = address.update_query_dict(missing)
    return address.set(drivername="postgresql+psycopg")


def _is_local(address: sa.URL) -> bool:
    hosts = address.query.get("host", address.host or "")
    names = hosts.split(",") if isinstance(hosts, str) else hosts
    return all(name.startswith("/") or name in LOCAL_HOSTS for name in names)


def _refuse_an_old_server(connection: Any, _record: object) -> None:
    version = connection.info.server_version // 10_000
    if version < OLDEST_SERVER:
        connection.close()
        raise _not_usable(f"PostgreSQL {version} is too old: upgrade the server to {OLDEST_SERVER} or newer")


class _ListsAtOnce(ListDumper):
    """Lists of ids and moments, of which every bulk statement has some, in a tenth of the time it takes to
    write them one by one.
    """

    def dump(self, obj: list[Any]) -> Buffer | None:
        kinds = set(map(type, obj))
        if kinds == {int}:
            return b"{%b}" % repr(obj)[1:-1].encode()
        if kinds == {datetime} or (kinds == {str} and _is_plain("".join(obj))):
            return b'{"%b"}' % '","'.join(map(str, obj)).encode()
        return super().dump(obj)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and '"' not in text and "\\" not in text


def _send_lists_at_once(connection: Any, _record: object) -> None:
    connection.adapters.register_dumper(list, _ListsAtOnce)


def _not_usable(message: str) -> BadConfig:
    return BadConfig([Fault("environment", "DATABASE_URL", message)])
