"""The web process: durable requests per second beside a bare app, latency at half of that, memory."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any

import psycopg
import requests

from app.store.database import psycopg_url
from bench import floor_receiver
from bench.figures import Figure, beside_floor, percentile
from bench.ground import PUBLIC_URL, Ground, environment, processor_seconds, resident, wait_for
from bench.traffic import as_http, drive
from tests.sandbox import signing
from tests.sandbox.server import HUBSPOT_CLIENT_SECRET, ZOOM_WEBHOOK_SECRET

ROUNDS = 12
SECONDS = 1.5
CALM_SECONDS = 10.0
EVENTS_A_DELIVERY = 10
"""HubSpot packs up to a hundred events into a delivery."""

Requests = Callable[[int], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Receiver:
    """A listening web process and the table it keeps deliveries in."""

    port: int
    pid: int
    table: str


@dataclass(frozen=True, slots=True)
class Load:
    """One round: requests per second, and microseconds of processor time each."""

    rate: float
    cost: float


def run(ground: Ground) -> Iterator[Figure]:
    """Both vendors' deliveries; then what the process weighs after all that."""
    with ExitStack() as stack:
        url = ground.fresh_database()
        with psycopg.connect(psycopg_url(url)) as conn:
            conn.execute(floor_receiver.CREATE)
            ours = _listen(stack, ground, conn, "app.wiring:web", "inbox", url)
            floor = _listen(stack, ground, conn, "bench.floor_receiver:web", "floor_inbox", url)
            for vendor, made in (("Zoom", zoom_requests), ("HubSpot", hubspot_requests)):
                rounds = [_round(conn, ours, floor, made) for _ in range(ROUNDS + 1)][
                    1:
                ]  # the first warms up
                rates = [one.rate for one, _ in rounds], [other.rate for _, other in rounds]
                yield beside_floor(f"receiver, {vendor}: durable requests", *rates, "/s", "≥ 0.8")
                yield _cost(vendor, [one.cost for one, _ in rounds], [other.cost for _, other in rounds])
                yield _calm(ours, floor, made, vendor, median(rates[0]) / 2)
        yield Figure(
            "receiver: memory of the web process",
            f"{resident(ours.pid):.0f} MB",
            f"{resident(floor.pid):.0f} MB",
            target="≤ 100 MB",
        )


def _listen(
    stack: ExitStack, ground: Ground, conn: psycopg.Connection[Any], application: str, table: str, url: str
) -> Receiver:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    bind = ["--config", "gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"]
    environ = environment(url, ground.settings())
    server = stack.enter_context(ground.process("gunicorn", application, *bind, environ=environ))
    wait_for(f"{application}: see {ground.folder}", lambda: _answers(port))
    conn.commit()
    return Receiver(port, server.pid, table)


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code in (200, 404)
    except requests.ConnectionError:
        return False


def _round(
    conn: psycopg.Connection[Any], ours: Receiver, floor: Receiver, made: Requests
) -> tuple[Load, Load]:
    """One after the other, so that what else the machine does falls on both."""
    other = _load(conn, floor, made)
    return _load(conn, ours, made), other


def _load(conn: psycopg.Connection[Any], receiver: Receiver, made: Requests) -> Load:
    """Under full load. It counts only if every accepted delivery is in its table."""
    kept, spent = _kept(conn, receiver), processor_seconds(receiver.pid)
    sent = drive(receiver.port, made(int(SECONDS * 4000)), seconds=SECONDS)
    kept, spent = _kept(conn, receiver) - kept, processor_seconds(receiver.pid) - spent
    if sent.refused or kept != len(sent.latencies):
        raise RuntimeError(f"{receiver.table} kept {kept} of {len(sent.latencies)}, refused {sent.refused}")
    return Load(sent.rate, 1e6 * spent / len(sent.latencies))


def _cost(vendor: str, ours: Sequence[float], floor: Sequence[float]) -> Figure:
    name = f"receiver, {vendor}: processor time of the web process a request"
    ratio = f"{median(floor) / median(ours):.2f}"
    return Figure(name, f"{median(ours):.0f} µs", f"{median(floor):.0f} µs", ratio)


def _calm(ours: Receiver, floor: Receiver, made: Requests, vendor: str, rate: float) -> Figure:
    waits: dict[str, list[float]] = {ours.table: [], floor.table: []}
    for _ in range(2):
        for receiver in (floor, ours):
            count = int(rate * CALM_SECONDS) + 100
            waits[receiver.table] += drive(
                receiver.port, made(count), seconds=CALM_SECONDS / 2, rate=rate
            ).latencies
    p99 = {table: 1000 * percentile(each, 0.99) for table, each in waits.items()}
    name = f"receiver, {vendor}: p99 at half of that ({rate:.0f}/s)"
    return Figure(name, f"{p99[ours.table]:.0f} ms", f"{p99[floor.table]:.0f} ms", target="≤ 50 ms")


def _kept(conn: psycopg.Connection[Any], receiver: Receiver) -> int:
    row = conn.execute(f"SELECT count(*) FROM {receiver.table}".encode()).fetchone()
    conn.commit()
    return int(row[0]) if row else 0


# --- deliveries: signed beforehand, each its own ----------------------------------------------------------

_numbers = itertools.count(1)


def zoom_requests(count: int) -> Iterator[bytes]:
    """Somebody joined a webinar, `count` times."""
    now = time.time()
    signed = [signing.zoom(zoom_event(next(_numbers), now), ZOOM_WEBHOOK_SECRET, now) for _ in range(count)]
    return iter([as_http("/webhooks/zoom", dict(each.headers), each.body) for each in signed])


def zoom_event(number: int, at: float, name: str = "joined") -> dict[str, Any]:
    """One participant's arrival, in Zoom's published shape."""
    moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    person = {
        "user_id": f"{16_778_240 + number}",
        "user_name": f"Persona {number}",
        "id": "",
        "email": f"{name}.{number}@example.com",
        "registrant_id": f"reg{number:012}",
        "participant_user_id": "",
        "participant_uuid": f"{number:08}-0000-4000-8000-000000000000",
        "join_time": moment,
    }
    webinar = {
        "id": "93398114182",
        "uuid": "4444AAAiAAAAAiAiAiiAii==",
        "host_id": "hst1yCzABCDEfg23HiJKl4",
        "topic": "Cómo elegir una plataforma de formación",
        "type": 5,
        "start_time": moment,
        "duration": 60,
        "timezone": "Europe/Madrid",
        "participant": person,
    }
    payload = {"account_id": "AAAAAABBBB", "object": webinar}
    return {"event": "webinar.participant_joined", "event_ts": int(at * 1000), "payload": payload}


def registration_event(number: int) -> dict[str, Any]:
    """Somebody known registers for a webinar: an activity that moves the score."""
    event = zoom_event(number, time.time(), name="persona")
    webinar = event["payload"]["object"]
    person = webinar.pop("participant")
    webinar["registrant"] = {
        "id": person["registrant_id"],
        "first_name": "Persona",
        "last_name": f"{number}",
        "email": person["email"],
        "create_time": person["join_time"],
    }
    return event | {"event": "webinar.registration_created"}


def hubspot_requests(count: int) -> Iterator[bytes]:
    """Ten contacts changed, `count` times."""
    now, uri = time.time(), f"{PUBLIC_URL}/webhooks/hubspot"
    signed = [
        signing.hubspot(
            [_changed(next(_numbers), now) for _ in range(EVENTS_A_DELIVERY)], HUBSPOT_CLIENT_SECRET, uri, now
        )
        for _ in range(count)
    ]
    return iter([as_http("/webhooks/hubspot", dict(each.headers), each.body) for each in signed])


def _changed(number: int, at: float) -> dict[str, Any]:
    return {
        "eventId": 1_765_889_000 + number,
        "subscriptionId": 7_660_022,
        "portalId": 247279312,
        "appId": 51879189,
        "occurredAt": int(at * 1000),
        "subscriptionType": "contact.propertyChange",
        "attemptNumber": 0,
        "objectId": 100_000 + number,
        "changeSource": "CRM_UI",
        "sourceId": "userId:98499705",
        "propertyName": "jobtitle",
        "propertyValue": f"Responsable de Innovación {number}",
    }
