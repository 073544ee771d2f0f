"""A bad way to a vendor: a real HTTP server that hands calls on to a stand-in and spoils some of them."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from typing import Any, Literal
from urllib.parse import urlsplit

from tests.connectors.stand_in import Served

HTML = b"<!doctype html><html><body><h1>Bad gateway</h1>secret-in-a-body ana@example.com</body></html>"
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"})

Way = Literal["answer", "hang", "reset", "lose", "cut"]


@dataclass(frozen=True, slots=True)
class Spoilt:
    """What becomes of a call. "answer": this answer instead of the vendor's, which never hears of the call;
    "hang": no answer for longer than anyone waits; "reset": the connection is torn down before the vendor
    hears; "lose": the vendor does it and its answer is lost; "cut": half of it comes.
    """

    way: Way = "answer"
    status: int = 500
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class BadWay:
    """Spoils the calls number `at` to `at + times - 1` of those whose "METHOD path" contains `matching`."""

    spoilt: Spoilt | None = None
    at: int = 1
    times: int = 1
    matching: str = ""
    seen: int = 0
    struck: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def strike(self, spoilt: Spoilt, *, at: int = 1, times: int = 1, matching: str = "") -> None:
        """From now on, until `heal`."""
        with self.lock:
            self.spoilt, self.at, self.times, self.matching = spoilt, at, times, matching
            self.seen = self.struck = 0

    def heal(self) -> None:
        """The way is good again."""
        with self.lock:
            self.spoilt = None

    def fate(self, call: str) -> Spoilt | None:
        """What becomes of this call, counted by asking."""
        with self.lock:
            if self.spoilt is None or self.matching not in call:
                return None
            self.seen += 1
            if not self.at <= self.seen < self.at + self.times:
                return None
            self.struck += 1
            return self.spoilt


class Trouble(Served):
    """The server before `upstream`; `url` stands for it, path and all. Use as a context manager."""

    def __init__(self, upstream: str, hang: float = 1.0) -> None:
        self.way = BadWay()
        split = urlsplit(upstream)
        self._upstream = (split.hostname or "127.0.0.1", split.port or 80)
        self._hang = hang
        super().__init__(self._handler())
        self.url = f"http://127.0.0.1:{self.port}{split.path}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        trouble = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65_536

            def hand_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                trouble._answer(self, body, trouble.way.fate(f"{self.command} {self.path}"))

            def do_GET(self) -> None:
                self.hand_on()

            def do_POST(self) -> None:
                self.hand_on()

            def do_PUT(self) -> None:
                self.hand_on()

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _answer(self, handler: BaseHTTPRequestHandler, body: bytes, spoilt: Spoilt | None) -> None:
        way = spoilt.way if spoilt else ""
        handler.close_connection = bool(way)
        if way == "hang":
            self.closing.wait(self._hang)
        elif way == "reset":
            _tear_down(handler.connection)
        elif spoilt and way == "answer":
            _send(handler, spoilt.status, _encoded(spoilt.body), _typed(spoilt))
        else:
            status, answer, headers = self._ask(handler, body)
            if way == "lose":
                return
            _send(handler, status, answer, headers, cut=way == "cut")

    def _ask(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        connection = HTTPConnection(*self._upstream, timeout=30)
        try:
            headers = {
                name: value for name, value in handler.headers.items() if name.lower() not in HOP_BY_HOP
            }
            connection.request(handler.command, handler.path, body or None, headers)
            answer = connection.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
            return answer.status, answer.read(), kept
        finally:
            connection.close()


def _send(
    handler: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    headers: Mapping[str, str],
    *,
    cut: bool = False,
) -> None:
    handler.send_response(status)
    if handler.close_connection:
        handler.send_header("Connection", "close")
    for name, value in headers.items():
        handler.send_header(name, value)
    if status != 204:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2] if cut else body)


def _typed(spoilt: Spoilt) -> dict[str, str]:
    kind = "text/html" if isinstance(spoilt.body, bytes) else "application/json"
    return {"Content-Type": kind, **spoilt.headers}


def _encoded(body: Any) -> bytes:
    return body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()


def _tear_down(connection: socket.socket) -> None:
    """Closed with a reset instead of an end, as a failing router does it."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
