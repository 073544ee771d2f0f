"""Calls that end in time: requests' time-outs count from byte to byte, so an answer could trickle for ever.

Each call's connection is shut when its time is over, wherever the call stands; after that nothing more of it
is sent. One thread per session looks four times a second.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

LOOK_EVERY = 0.25


@dataclass(slots=True, eq=False)
class Call:
    """A call under way: until when it may last, on which connection it is. `over`: it lasted too long."""

    due_at: float
    clock: Callable[[], float]
    connection: socket.socket | None = None
    over: bool = False

    def use(self, connection: socket.socket) -> None:
        """The next bytes go out here. Raises TimeoutError when it is too late for them."""
        self.connection = connection
        if self.over or self.clock() > self.due_at:
            raise TimeoutError("the call lasted too long")

    def end(self) -> None:
        """Shut the connection; whoever waits for it finds it closed."""
        self.over = True
        if self.connection is not None:
            with contextlib.suppress(OSError):  # closed already
                # Not SSLSocket's own shutdown: it would take the encryption away from whoever reads just now.
                socket.socket.shutdown(self.connection, socket.SHUT_RDWR)


_here = threading.local()
"""The call that this thread makes now, as `_here.call`."""


class Deadlines:
    """The calls under way of one session. `close` it at the end."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._calls: set[Call] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._looking: threading.Thread | None = None

    @contextlib.contextmanager
    def until(self, due_at: float) -> Iterator[Call]:
        """The calls this thread makes in the block end by `due_at`, of `clock`."""
        call = Call(due_at, self.clock)
        with self._lock:
            self._calls.add(call)
            if self._looking is None:
                self._looking = threading.Thread(target=self._look, name="deadlines", daemon=True)
                self._looking.start()
        _here.call = call
        try:
            yield call
        finally:
            _here.call = None
            with self._lock:
                self._calls.discard(call)

    def close(self) -> None:
        self._closed.set()

    def _look(self) -> None:
        while not self._closed.wait(LOOK_EVERY):
            now = self.clock()
            with self._lock:  # a call that is done has given its connection back: it must not be shut
                for call in self._calls:
                    if now > call.due_at:
                        call.end()


class _TimedConnection(HTTPConnection):
    """A connection that says which call it serves before it sends."""

    def connect(self) -> None:
        super().connect()
        _say(self.sock)

    def send(self, data: Any) -> None:
        if self.sock is not None:
            _say(self.sock)
        super().send(data)


class _TimedHTTPSConnection(HTTPSConnection):
    """The same over TLS."""

    def connect(self) -> None:
        super().connect()
        _say(self.sock)

    def send(self, data: Any) -> None:
        if self.sock is not None:
            _say(self.sock)
        super().send(data)


def _say(connection: Any) -> None:
    call: Call | None = getattr(_here, "call", None)
    if call is not None:
        call.use(connection)


class _TimedPool(HTTPConnectionPool):
    ConnectionCls = _TimedConnection


class _TimedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _TimedHTTPSConnection


class TimedAdapter(HTTPAdapter):
    """requests' adapter on these connections, through a proxy as well."""

    def init_poolmanager(self, *given: Any, **named: Any) -> None:
        super().init_poolmanager(*given, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _TimedPool, "https": _TimedHTTPSPool}

    def proxy_manager_for(self, proxy: Any, **named: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **named)
        manager.pool_classes_by_scheme = {"http": _TimedPool, "https": _TimedHTTPSPool}
        return manager
