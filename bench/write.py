"""Writing to HubSpot under its own limit, beside bare sessions that make the same calls under the same limit.

`BENCH_WRITE` names the scenes to play, BENCH_WRITE_SECONDS is how long a limit is held.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import requests

from app.config import load_settings
from app.pipeline import steps
from app.services import Services
from app.store import freshness, inbox, work_list
from app.wiring import make_line, make_services
from bench import scored, write_floor
from bench.figures import Figure, missed_counts
from bench.ground import Ground, environment, highest, processor_seconds, wait_for
from bench.receiver import registration_event
from connectors.hubspot.client import BATCH, BURST_SECONDS, calls_of
from tests.sandbox.server import HUBSPOT_TOKEN

SECONDS = float(os.environ.get("BENCH_WRITE_SECONDS", 6 * BURST_SECONDS))
"""Whole windows: calls come in waves, and part of one would count too many of them or too few."""

LIMIT = 190
CEILING = LIMIT / 10 * BATCH
"""Contacts a second that HubSpot's limit allows."""

LATENCY = 0.1
WARM_UP = 11.0
"""The first window may be used up at once: what can be kept up shows after it."""

FEW = 10_000
PROBED, VISITS = 20.0, 80
"""Seconds for which the floor of the freshness is taken."""

UPDATE = "POST /crm/objects/2026-09/contacts/batch/update"
NO_BRAKE = """[write_back]
max_new_contacts = 1000000
max_list_joins = 1000000
max_band_moves = 1.0
max_clears = 1.0
max_list_leaves = 1.0
max_mean_score_move = 100.0
"""


@dataclass(frozen=True, slots=True)
class Scene:
    """A portal, the store of a customer who has written to it before, and how to run processes on both."""

    ground: Ground
    portal: str
    services: Services
    environ: dict[str, str]

    def counts(self) -> dict[str, int]:
        """Calls so far by "METHOD /path", "total" and "http_429"."""
        found: dict[str, int] = requests.get(f"{self.portal}/counts", timeout=60).json()["calls"]
        return found

    def set(self, switch: str, value: object) -> None:
        """Turn one of the portal's switches."""
        requests.post(f"{self.portal}/{switch}/{value}", timeout=60).raise_for_status()


def run(ground: Ground) -> Iterator[Figure]:
    """Every scene, or those that were asked for."""
    scenes: dict[str, Callable[[Ground], Iterator[Figure]]] = {
        "requests": _requests,
        "limit": _limit,
        "two": _two_workers,
        "reserve": _reserve,
        "fresh": _fresh,
    }
    for name in os.environ.get("BENCH_WRITE", ",".join(scenes)).split(","):
        yield from scenes[name](ground)


@contextmanager
def _scene(ground: Ground, leads: int, reserve: float = 0.0) -> Iterator[Scene]:
    ready = ground.folder / "write_portal.json"
    ready.unlink(missing_ok=True)
    with ground.process("bench.write_portal", str(ready)):
        wait_for("the portal", ready.exists)
        portal = json.loads(ready.read_text())["url"]
        settings = ground.settings(f"{portal}/hubspot", f"keep_free = {reserve}\n{NO_BRAKE}")
        environ = environment(ground.fresh_database(), settings)
        services = make_services(load_settings(environ), environ["DATABASE_URL"])
        scored.settle_in(services, portal, leads)
        yield Scene(ground, portal, services, environ)
        services.database.dispose()


def _requests(ground: Ground) -> Iterator[Figure]:
    """Calls per 1,000 changed contacts, whatever they are for; then the same again."""
    with _scene(ground, 2 * FEW) as scene:
        for words, moved, most in (("properties", False, 11), ("properties and lists", True, 12)):
            scored.change_scores(scene.services, FEW, step=5, moved=moved)
            used, seconds = _turns(scene)
            calls = 1_000 * used["total"] / FEW
            missed = missed_counts((calls, most, "calls"), (used.get("http_429", 0), 0, "x 429"))
            name = f"write: calls per 1,000 of {FEW:,} changed contacts, {words}"
            yield Figure(name, f"{calls:.2f}", f"{1_000 / BATCH:.0f}", target=f"≤ {most}", missed=missed)
            shown = f"{1e6 * seconds / FEW:.0f} µs"
            yield Figure("write: our processor time per contact, planned and written", shown)
        with scene.services.database.begin() as conn:
            work_list.add_everyone(conn, scene.services.clock())
        used, _ = _turns(scene)
        again = used.get("total", 0)
        yield Figure(
            "write: calls when everybody is looked at again",
            f"{again}",
            target="0",
            missed=missed_counts((again, 0, "calls")),
        )


def _turns(scene: Scene) -> tuple[dict[str, int], float]:
    """Turns of writing until nobody waits: the calls they took, and our processor time."""
    before, began = scene.counts(), time.process_time()
    while steps.write_back(scene.services, scene.services.clock()):
        pass
    seconds = time.process_time() - began
    return _since(before, scene.counts()), seconds


def _since(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: count - before.get(name, 0) for name, count in after.items() if count > before.get(name, 0)}


def _limit(ground: Ground) -> Iterator[Figure]:
    """One worker at the limit, then bare sessions."""
    leads = round(CEILING * (SECONDS + 2 * WARM_UP), -3)
    with _scene(ground, int(leads)) as scene:
        done = _held(scene, workers=1)
        bare, refused = _bare(scene, LIMIT)
        yield Figure(
            f"write: {SECONDS:.0f} s at {LIMIT} calls in 10 s, {1_000 * LATENCY:.0f} ms each, one worker",
            f"{done.contacts:,.0f} contacts/s, {done.contacts / CEILING:.1%} of the ceiling, "
            f"{done.refused} x 429, {done.weight:.0f} MB, {done.processor:.0%} of a core",
            f"{bare:,.0f} contacts/s, {refused} x 429",
            f"{done.contacts / bare:.2f}",
            "≥ 97 % of 1,900/s, 0 x 429, ≤ 150 MB",
            missed_counts((done.refused, 0, "x 429")),
        )


def _two_workers(ground: Ground) -> Iterator[Figure]:
    leads = round(CEILING * (SECONDS + 2 * WARM_UP), -3)
    with _scene(ground, int(leads)) as scene:
        done = _held(scene, workers=2)
        bare, refused = _bare(scene, LIMIT)
        yield Figure(
            "write: the same with two workers",
            f"{done.contacts:,.0f} contacts/s, {done.contacts / CEILING:.1%}, {done.refused} x 429",
            f"{bare:,.0f} contacts/s, {refused} x 429",
            f"{done.contacts / bare:.2f}",
            "one budget, 0 x 429",
            missed_counts((done.refused, 0, "x 429")),
        )


def _reserve(ground: Ground) -> Iterator[Figure]:
    """The default reserve, while another app makes as many calls as it leaves."""
    reserve = load_settings({}).hubspot.keep_free
    theirs = LIMIT - calls_of(LIMIT, 1 - reserve)
    leads = round(CEILING * (SECONDS + 2 * WARM_UP), -3)
    with _scene(ground, int(leads), reserve) as scene, _another_app(scene, theirs) as answers:
        done = _held(scene, workers=1)
        refused, made = sum(status == 429 for status in answers), len(answers)
        bare, _ = _bare(scene, LIMIT - theirs)
        shown = f"{done.contacts:,.0f} contacts/s, {done.contacts / CEILING / (1 - reserve):.1%} of our share"
        yield Figure(
            f"write: a reserve of {reserve:.0%}, another app makes {theirs} calls in 10 s",
            f"{shown}; of its {made} calls {refused} got a 429, of ours {done.refused - refused}",
            f"{bare:,.0f} contacts/s",
            f"{done.contacts / bare:.2f}",
            "0 x 429",
            missed_counts((done.refused, 0, "x 429")),
        )


@contextmanager
def _another_app(scene: Scene, calls: int) -> Iterator[list[int]]:
    """Somebody else's calls, evenly, until the block ends: the answers' statuses."""
    statuses: list[int] = []
    ended = threading.Event()

    def call() -> None:
        address = f"{scene.portal}/hubspot/crm/objects/2026-09/contacts?limit=1"
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {HUBSPOT_TOKEN}"
            while not ended.wait(10.05 / calls):
                statuses.append(session.get(address, timeout=60).status_code)

    other = threading.Thread(target=call)
    other.start()
    try:
        yield statuses
    finally:
        ended.set()
        other.join()


@dataclass(frozen=True, slots=True)
class Held:
    """What was kept up: contacts a second, refusals, and what a worker weighs and uses."""

    contacts: float
    refused: int
    weight: float
    processor: float


def _held(scene: Scene, workers: int) -> Held:
    """Everybody's score changes and workers write; counted over `SECONDS` after the first window."""
    scored.change_scores(scene.services, 10**9, step=7)
    scene.set("limit", LIMIT)
    scene.set("latency", LATENCY)
    with ExitStack() as stack:
        running = [stack.enter_context(scene.ground.worker(scene.environ)) for _ in range(workers)]
        make_line(scene.services).defer("write_back")
        first = scene.counts().get(UPDATE, 0)
        wait_for("the first write", lambda: scene.counts().get(UPDATE, 0) > first, 120)
        time.sleep(WARM_UP)
        used = -sum(processor_seconds(each.pid) for each in running)
        before, began = scene.counts(), time.monotonic()
        time.sleep(SECONDS)
        after, seconds = scene.counts(), time.monotonic() - began
        used += sum(processor_seconds(each.pid) for each in running)
        weight = max(highest(each.pid) for each in running)
    contacts = BATCH * (after[UPDATE] - before[UPDATE]) / seconds
    return Held(contacts, scene.counts().get("http_429", 0), weight, used / seconds)


def _fresh(ground: Ground) -> Iterator[Figure]:
    """Somebody known does something every half second, while everybody is written."""
    leads = 100_000
    with _scene(ground, leads) as scene:
        scored.change_scores(scene.services, 10**9, step=7)
        scene.set("limit", LIMIT)
        scene.set("latency", LATENCY)
        began = scene.services.clock()
        with scene.ground.worker(scene.environ):
            first = scene.counts().get(UPDATE, 0)
            make_line(scene.services).defer("write_back")
            wait_for("the first write", lambda: scene.counts().get(UPDATE, 0) > first, 120)
            left = _visits(scene, leads)
            time.sleep(8)
            with scene.services.database.connect() as conn:
                found = freshness.measure(conn, began)
        p50, p95 = write_floor.waits_among(_address(scene), LIMIT, PROBED)
        yield Figure(
            f"write: webhook to HubSpot while {leads:,} contacts are written",
            f"{found}, of {VISITS} visits; {left:,} of {leads:,} leads still waited then",
            f"a bare call in the same queue: p50 {p50:.1f} s, p95 {p95:.1f} s",
            target="p95 ≤ 5 s",
            missed=missed_counts((VISITS - found.writes, 0, f"of {VISITS} visits not written")),
        )


def _address(scene: Scene) -> str:
    return f"{scene.portal}/hubspot/crm/objects/2026-09/contacts/batch/update"


def _bare(scene: Scene, calls: int) -> tuple[float, int]:
    """Contacts a second of bare sessions, and how many of their calls were refused."""
    kept_up, refused = write_floor.kept_up(_address(scene), calls, WARM_UP, SECONDS)
    return BATCH * kept_up / SECONDS, refused


def _visits(scene: Scene, leads: int) -> int:
    """Webhooks of people who wait in the bulk, for as long as it lasts: how many leads are left of it."""
    for number in range(1, VISITS + 1):
        event = registration_event(leads - 17 * number)
        with scene.services.database.begin() as conn:
            inbox.land(conn, "zoom", json.dumps(event).encode(), scene.services.clock())
        time.sleep(0.5)
    with scene.services.database.connect() as conn:
        return work_list.count(conn)
