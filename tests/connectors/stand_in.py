"""A small real HTTP server that answers as a test tells it to, faults included; and a clock for waits."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit


class StoryTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True)
class Asked:
    """One request as it arrived. `path` is raw: nothing is decoded."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """`fault`: never answer, close without a word, send half of the body, or its bytes one by one, slowly."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: Literal["", "hang", "hang_up", "cut", "trickle"] = ""


Script = Callable[[Asked], Reply]


class _Server(ThreadingHTTPServer):
    """Has room for a test's threads to call at once: the five of the library drop some on a busy machine."""

    request_queue_size = 128
    daemon_threads = True


class Served:
    """A server of this machine at `port`, for as long as the block lasts; `closing` is set at its end."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), handler)
        self.port = self._server.server_port

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class StandIn(Served):
    """The server; `asked` is what it was sent, in order. Use as a context manager."""

    def __init__(self, script: Script) -> None:
        self.asked: list[Asked] = []
        super().__init__(self._handler(script))
        self.url = f"http://127.0.0.1:{self.port}"

    def _handler(self, script: Script) -> type[BaseHTTPRequestHandler]:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65_536  # headers and body in one packet: two would wait 40 ms for an acknowledgement

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                split = urlsplit(self.path)
                query = dict(parse_qsl(split.query, keep_blank_values=True))
                asked = Asked(self.command, split.path, query, self.headers, self.rfile.read(length))
                stand_in.asked.append(asked)
                stand_in._send(self, script(asked))

            def do_GET(self) -> None:
                self.answer()

            def do_POST(self) -> None:
                self.answer()

            def do_PATCH(self) -> None:
                self.answer()

            def do_PUT(self) -> None:
                self.answer()

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _send(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        handler.close_connection = bool(reply.fault)
        if reply.fault == "hang":
            self.closing.wait(20)
        if reply.fault in {"hang", "hang_up"}:
            return
        body = _encoded(reply.body)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))} | dict(reply.headers)
        handler.send_response(reply.status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        if reply.fault == "trickle":
            self._trickle(handler, body)
        else:
            handler.wfile.write(body[: len(body) // 2] if reply.fault == "cut" else body)

    def _trickle(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """A byte now and then: no time-out that counts from byte to byte ever ends this."""
        try:
            for place in range(len(body)):
                handler.wfile.write(body[place : place + 1])
                handler.wfile.flush()
                if self.closing.wait(0.1):
                    return
        except OSError:  # the client had enough
            return


def _encoded(body: Any) -> bytes:
    if body is None:
        return b""
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def in_turn(*replies: Reply) -> Script:
    """Each reply once, then the last one for ever."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
