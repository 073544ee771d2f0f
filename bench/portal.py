"""`python -m bench.portal LEADS READY_FILE`: the sandbox's HubSpot, made yesterday, with its limits lifted.

One contact in five stands in a deal. What was asked once is answered again as it was, so that the stand-in's
own time weighs on nobody. `POST /latency/SECONDS` makes every answer take that much longer from then on.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask, Response, request

from tests.sandbox.hubspot import HubSpotPortal, make_blueprint
from tests.sandbox.server import HUBSPOT_TOKEN
from tests.sandbox.serving import LocalServer
from tests.sandbox.stage import fill_portal
from tests.sandbox.world import make_world

DAY = 86_400.0
NO_LIMIT = 10**9
CONTACTS_A_DEAL = 5
READING = ("/batch/read", "/search")
"""How the paths of those POST calls end that change nothing."""


def make_app(leads: int) -> Flask:
    """The portal under /hubspot, with what a customer of that size holds in it."""
    since = [time.time() - DAY]
    portal = HubSpotPortal(token=HUBSPOT_TOKEN, now=lambda: since[0] if since else time.time())
    world = make_world(7, leads, 1, datetime.now(UTC))
    contacts = fill_portal(portal, world)
    _add_deals(portal, list(contacts.values()), len(contacts) // CONTACTS_A_DEAL - len(world.deals))
    since.clear()  # what was made stays yesterday's: the walk of recent changes finds nothing to read twice
    portal.limits.window_max = portal.limits.search_max = portal.limits.daily_max = NO_LIMIT
    shown: dict[tuple[str, bytes], Response] = {}
    app = Flask("portal")
    app.register_blueprint(make_blueprint(portal), url_prefix="/hubspot")

    @app.post("/latency/<seconds>")
    def latency(seconds: str) -> str:
        portal.faults.latency = float(seconds)
        return seconds

    @app.before_request
    def again() -> Response | None:
        known = shown.get(_asked())
        if known is not None:
            time.sleep(portal.faults.latency)
        return known

    @app.after_request
    def remember(answer: Response) -> Response:
        reads = request.method == "GET" or request.path.endswith(READING)
        if reads and answer.status_code == 200:
            shown.setdefault(_asked(), answer)
        return answer

    return app


def _asked() -> tuple[str, bytes]:
    return request.full_path, request.get_data()


def _add_deals(portal: HubSpotPortal, contacts: Sequence[str], number: int) -> None:
    """So many more deals, of contacts drawn at random."""
    chance = random.Random(7)
    for place in range(number):
        named = {"dealname": f"Implantación IA {place}", "amount": str(500 * chance.randint(1, 40))}
        portal.add_deal(
            {**named, "pipeline": "default", "dealstage": "qualifiedtobuy"}, [chance.choice(contacts)]
        )


def main() -> None:
    """Serve until ended."""
    leads, ready = int(sys.argv[1]), Path(sys.argv[2])
    server = LocalServer(make_app(leads)).start()
    fresh = ready.with_suffix(".new")
    fresh.write_text(json.dumps({"url": f"{server.url}/hubspot"}))
    fresh.rename(ready)
    while True:
        time.sleep(1)


if __name__ == "__main__":
    main()
