"""The floor below writing to HubSpot: sessions that do nothing but make such calls, their bodies ready."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import quantiles

import requests

from bench import scored
from connectors.call_limits import RateLimit
from connectors.hubspot.client import BATCH, BURST_SECONDS, LONGEST_WAY
from tests.sandbox.server import HUBSPOT_TOKEN

SESSIONS = 8
BODIES = 20
A_WINDOW = 10.5
"""Seconds after which calls made before have left HubSpot's window."""


def kept_up(address: str, calls: int, warm_up: float, seconds: float) -> tuple[int, int]:
    """How many of the calls made in `seconds`, after `warm_up`, were taken and how many refused, by sessions
    that share a limit of `calls` in a window.
    """
    time.sleep(A_WINDOW)
    limit, began = _limit(calls), time.monotonic()
    ends = began + warm_up + seconds

    def work(_: int) -> list[tuple[float, int]]:
        return list(_calls(address, limit, ends))

    with ThreadPoolExecutor(SESSIONS) as pool:
        made = [each for part in pool.map(work, range(SESSIONS)) for each in part]
    counted = [status for at, status in made if began + warm_up <= at < ends]
    return counted.count(200), sum(status == 429 for _, status in made)


def waits_among(address: str, calls: int, seconds: float) -> tuple[float, float]:
    """Median and 95th percentile of the seconds that one more call, wanted twice a second, takes to wait for
    its place and be answered while the sessions use the limit up.
    """
    time.sleep(A_WINDOW)
    limit = _limit(calls)
    ends = time.monotonic() + A_WINDOW + seconds
    waits: list[float] = []
    with ThreadPoolExecutor(SESSIONS) as pool, _session() as session:
        for _ in range(SESSIONS):
            pool.submit(lambda: list(_calls(address, limit, ends)))
        time.sleep(A_WINDOW)
        while time.monotonic() < ends:
            wanted = time.monotonic()
            _call(session, address, limit, 0)
            waits.append(time.monotonic() - wanted)
            time.sleep(max(0.0, 0.5 - waits[-1]))
    found = quantiles(waits, n=20)
    return found[9], found[18]


def _limit(calls: int) -> RateLimit:
    return RateLimit(calls, BURST_SECONDS, longest_way=LONGEST_WAY)


def _calls(address: str, limit: RateLimit, ends: float) -> Iterator[tuple[float, int]]:
    """When each call was let go, and how it was answered."""
    with _session() as session:
        place = 0
        while time.monotonic() < ends:
            yield _call(session, address, limit, place % BODIES)
            place += 1


def _call(session: requests.Session, address: str, limit: RateLimit, number: int) -> tuple[float, int]:
    limit.wait()
    at = time.monotonic()
    status = session.post(address, data=_BODIES[number], timeout=60).status_code
    limit.answered()
    return at, status


@contextmanager
def _session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {HUBSPOT_TOKEN}"
        session.headers["Content-Type"] = "application/json"
        yield session


def _body(number: int) -> bytes:
    inputs = [
        {
            "id": str(scored.FIRST_CONTACT + BATCH * number + place),
            "properties": {
                "savia_score": str((number + place) % 100),
                "savia_engagement": str(number),
                "savia_scored_at": str(1_795_375_596_246 + number),
            },
            "objectWriteTraceId": f"savia-{place}",
        }
        for place in range(BATCH)
    ]
    return json.dumps({"inputs": inputs}).encode()


_BODIES = [_body(number) for number in range(BODIES)]
