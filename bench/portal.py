"""`python -m bench.portal LEADS READY_FILE`: the sandbox's HubSpot, made yesterday, with its limits lifted.

A page that was shown once is shown again as it was, so that the stand-in's own time weighs on nobody.
`POST /latency/SECONDS` makes every answer take that much longer from then on.
"""

from __future__ import annotations

import json
import sys
import time
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


def make_app(leads: int) -> Flask:
    """The portal under /hubspot, with what a customer of that size holds in it."""
    since = [time.time() - DAY]
    portal = HubSpotPortal(token=HUBSPOT_TOKEN, now=lambda: since[0] if since else time.time())
    fill_portal(portal, make_world(7, leads, 1, datetime.now(UTC)))
    since.clear()  # what was made stays yesterday's: the walk of recent changes finds nothing to read twice
    portal.limits.window_max = portal.limits.search_max = portal.limits.daily_max = NO_LIMIT
    shown: dict[str, Response] = {}
    app = Flask("portal")
    app.register_blueprint(make_blueprint(portal), url_prefix="/hubspot")

    @app.post("/latency/<seconds>")
    def latency(seconds: str) -> str:
        portal.faults.latency = float(seconds)
        return seconds

    @app.before_request
    def again() -> Response | None:
        if request.full_path in shown:
            time.sleep(portal.faults.latency)
        return shown.get(request.full_path) if request.method == "GET" else None

    @app.after_request
    def remember(answer: Response) -> Response:
        if request.method == "GET" and answer.status_code == 200:
            shown.setdefault(request.full_path, answer)
        return answer

    return app


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
