"""Tiny receivers of webhooks over real HTTP: one that does as it is told, one that counts into a portal."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from flask import Flask, request

from tests.sandbox.serving import LocalServer


@dataclass
class Arrival:
    """One request as it came in."""

    vendor: str
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


Answer = Callable[[Arrival], tuple[str, int]]


@dataclass
class Receiver:
    """Its address, everything that arrived, and how many requests were under way at most."""

    answer: Answer
    url: str = ""
    arrivals: list[Arrival] = field(default_factory=list)
    busiest: int = 0
    busy: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def receive(self, vendor: str) -> tuple[str, int]:
        """Note the request and answer it."""
        arrival = Arrival(vendor, request.get_data(), dict(request.headers))
        with self.lock:
            self.arrivals.append(arrival)
            self.busy += 1
            self.busiest = max(self.busiest, self.busy)
        try:
            return self.answer(arrival)
        finally:
            with self.lock:
                self.busy -= 1


@contextmanager
def receiver(answer: Answer) -> Iterator[Receiver]:
    """A receiver that is up for the time of the block."""
    app, built = Flask("receiver"), Receiver(answer)
    app.add_url_rule("/webhooks/<vendor>", view_func=built.receive, methods=["POST"], endpoint="webhook")
    with LocalServer(app) as server:
        built.url = server.url
        yield built


@dataclass
class CountingReceiver:
    """Counts registrations and chat straight into `portal`. `doubles`: forgets to notice what it had already;
    `drops`: says 200 to every such-and-such-th event and throws it away (0: none).
    """

    portal: Any
    contact_of: dict[str, str]
    doubles: bool = False
    drops: int = 0
    seen: set[str] = field(default_factory=set)
    number: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, arrival: Arrival) -> tuple[str, int]:
        """Count one delivery."""
        with self.lock:
            about = arrival.json["payload"]["object"]
            self.number += 1
            dropped = self.drops and self.number % self.drops == 0
            if "registrant" in about:
                self._count(
                    about["registrant"]["id"],
                    about["registrant"]["email"],
                    "savia_webinars_registered",
                    dropped,
                )
            elif "chat_message" in about:
                message = about["chat_message"]
                self._count(message["message_id"], message["sender_email"], "savia_chat_messages", dropped)
        return "", 200

    def _count(self, key: str, email: str, counter: str, dropped: object) -> None:
        contact_id = self.contact_of.get(email.lower())
        if dropped or contact_id is None or (key in self.seen and not self.doubles):
            return
        self.seen.add(key)
        held = self.portal.contacts[contact_id].properties
        held[counter] = str(int(held.get(counter, "0")) + 1)
        self.portal.writes.append(
            SimpleNamespace(contact_id=contact_id, property=counter, value=held[counter], at=time.time())
        )
