"""A small load generator: ready-made requests over kept connections, as fast as answered or at a set pace."""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

PATIENCE_S = 10.0


@dataclass(slots=True)
class Traffic:
    """What came of it. `latencies` in seconds, from the moment a request was due."""

    seconds: float = 0.0
    refused: int = 0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Accepted requests per second."""
        return (len(self.latencies) - self.refused) / self.seconds if self.seconds else 0.0


def as_http(path: str, headers: dict[str, str], body: bytes) -> bytes:
    """One POST in the bytes it travels in."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def drive(
    port: int, requests: Iterator[bytes], *, seconds: float, connections: int = 16, rate: float = 0.0
) -> Traffic:
    """Send for `seconds`; `rate` 0 sends whenever a connection is free. An answer fits one packet here.

    At a set rate a request that had to wait for a free connection has that wait in its latency.
    """
    done, due_at = Traffic(), {}
    with ExitStack() as stack:
        poll = stack.enter_context(selectors.DefaultSelector())
        idle = deque(stack.enter_context(_connection(port)) for _ in range(connections))
        for each in idle:
            poll.register(each, selectors.EVENT_READ)
        began = next_due = time.perf_counter()
        while (now := time.perf_counter()) < began + seconds or due_at:
            while idle and now < began + seconds and next_due <= now:
                chosen = idle.popleft()
                chosen.sendall(next(requests))
                due_at[chosen] = next_due if rate else now
                next_due += 1 / rate if rate else 0.0
            wait = max(0.0, next_due - now) if rate and idle else PATIENCE_S
            for key, _ in poll.select(wait):
                answered = key.fileobj
                assert isinstance(answered, socket.socket)
                done.refused += _status(answered) // 100 != 2
                done.latencies.append(time.perf_counter() - due_at.pop(answered))
                idle.append(answered)
        done.seconds = time.perf_counter() - began
    return done


def _connection(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _status(answered: socket.socket) -> int:
    head = answered.recv(65_536)
    if not head.startswith(b"HTTP/1.1 "):
        raise ConnectionError("the server closed a connection under load: look at its log")
    return int(head[9:12])
