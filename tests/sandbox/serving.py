"""A real HTTP server for a Flask app, in a thread of this process."""

from __future__ import annotations

import threading
import time
from typing import Any, Self

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server


class _QuietHandler(WSGIRequestHandler):
    """No access log, and no waiting for a half-full packet on kept-alive connections."""

    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 the name is werkzeug's
        """Say nothing."""


class LocalServer:
    """Serves `app` on 127.0.0.1 from `start` to `stop`, one thread a connection; port 0 takes a free one.
    The port is taken at once, so `url` is known before `start`. `clock_ahead` is how many seconds its Date
    headers are off.
    """

    def __init__(self, app: Flask, port: int = 0) -> None:
        self.clock_ahead = 0.0
        local = self

        class Handler(_QuietHandler):
            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string((timestamp or time.time()) + local.clock_ahead)

        self._server = make_server("127.0.0.1", port, app, threaded=True, request_handler=Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.port = self._server.port
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Begin to serve; returns at once."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Take no more requests and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
