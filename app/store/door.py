"""The receiver's way into the inbox: one statement a delivery, on connections that serve nothing else.

`inbox.land` in a transaction of the common pool costs three more round trips (is the connection alive, begin,
commit) and as much again in Python; a vendor waits for all of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from weakref import WeakKeyDictionary

import psycopg
import sqlalchemy as sa

from app.store.database import psycopg_url
from app.store.inbox import delivery_key

CONNECTIONS = 4
"""Kept open, as many as the web process has threads."""

LAND = """
    INSERT INTO inbox (delivery_key, source, body, received_at, state) VALUES (%s, %s, %s, %s, 'new')
    ON CONFLICT (delivery_key) DO NOTHING
"""

_pools: WeakKeyDictionary[sa.Engine, sa.Pool] = WeakKeyDictionary()


def land(database: sa.Engine, source: str, body: bytes, received_at: datetime) -> None:
    """Keep a delivery, committed when this returns; one that is known already is kept once.

    A connection that the server cut is found out by using it, and the next is tried: repeating the statement
    is harmless. Raises OperationalError when the database is away.
    """
    values = [delivery_key(source, body), source, body, received_at]
    pool = _pools.get(database) or _open(database)
    try:
        for _ in range(CONNECTIONS):
            if _executed(pool, values):
                return
        _executed(pool, values)
    except psycopg.OperationalError as error:
        raise sa.exc.OperationalError(LAND, None, error) from error


def _executed(pool: sa.Pool, values: list[object]) -> bool:
    """False when the connection turned out to be cut; it is then out of the pool."""
    pooled = pool.connect()
    try:
        connection = cast("psycopg.Connection", pooled.driver_connection)
        try:
            connection.execute(LAND, values)
        except psycopg.OperationalError:
            if not connection.broken:
                raise
            pooled.invalidate()
            return False
        return True
    finally:
        pooled.close()


def _open(database: sa.Engine) -> sa.Pool:
    address = psycopg_url(database.url.render_as_string(hide_password=False))

    def connect() -> Any:
        return psycopg.connect(address, autocommit=True, connect_timeout=10, application_name="savia web")

    pool = _pools.setdefault(database, sa.QueuePool(connect, pool_size=CONNECTIONS, reset_on_return=None))
    sa.event.listen(database, "engine_disposed", lambda _: pool.dispose())
    return pool
