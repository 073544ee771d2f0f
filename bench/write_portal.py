"""`python -m bench.write_portal READY_FILE`: the sandbox's HubSpot under its real limits, for writing to.

`POST /contacts/NUMBER` makes contacts, `POST /copies/BASE` shows on each what its like among the first BASE
shows. `POST /latency/SECONDS`, `POST /limit/CALLS` (in ten seconds) and `POST /others/CALLS` (another app
makes so many evenly in ten seconds, from now on) set the scene; `GET /counts` tells of the calls so far.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path

from flask import Flask

from bench.scored import FIRST_CONTACT
from tests.sandbox.hubspot import CrmRecord, HubSpotPortal, make_blueprint
from tests.sandbox.server import HUBSPOT_TOKEN
from tests.sandbox.serving import LocalServer


def make_app() -> Flask:
    """An empty portal under /hubspot, its switches beside it."""
    portal = HubSpotPortal(token=HUBSPOT_TOKEN)
    portal.limits.daily_max = 10**9
    portal.limits.window_max = portal.limits.search_max = 10**9
    app = Flask("write portal")
    app.register_blueprint(make_blueprint(portal), url_prefix="/hubspot")

    @app.post("/contacts/<int:number>")
    def contacts(number: int) -> dict[str, int]:
        made = "2026-11-01T00:00:00Z"
        for place in range(number):
            name = str(FIRST_CONTACT + place)
            values = {
                "email": f"persona.{place}@example.com",
                "hs_object_id": name,
                "hs_marketable_status": "true",
                "createdate": made,
                "lastmodifieddate": made,
            }
            portal.contacts[name] = CrmRecord(name, "contacts", values)
        return {"contacts": len(portal.contacts)}

    @app.post("/copies/<int:base>")
    def copies(base: int) -> dict[str, int]:
        for name, record in portal.contacts.items():
            model = portal.contacts[str(FIRST_CONTACT + (int(name) - FIRST_CONTACT) % base)]
            if model is not record:
                own = {key: record.properties[key] for key in ("email", "hs_object_id")}
                record.properties = {**model.properties, **own}
                for each in portal.crm.lists.of_contact(model.record_id):
                    each.members.setdefault(name, portal.now())
        return {"contacts": len(portal.contacts)}

    @app.post("/latency/<seconds>")
    def latency(seconds: str) -> dict[str, str]:
        portal.faults.latency = float(seconds)
        return {"latency": seconds}

    @app.post("/limit/<int:calls>")
    def limit(calls: int) -> dict[str, int]:
        portal.limits.window_max = portal.limits.search_max = calls
        return {"limit": calls}

    @app.get("/counts")
    def counts() -> dict[str, object]:
        with portal.lock:
            written = len(portal.crm.writes)
            portal.crm.writes.clear()
            return {"calls": dict(portal.request_counts), "values": written, "at": time.time()}

    return app


def main() -> None:
    """Serve until ended."""
    gc.disable()  # a pause of the stand-in to look through a hundred thousand contacts is no vendor's delay
    ready = Path(sys.argv[1])
    server = LocalServer(make_app()).start()
    fresh = ready.with_suffix(".new")
    fresh.write_text(json.dumps({"url": server.url}))
    fresh.rename(ready)
    while True:
        time.sleep(1)


if __name__ == "__main__":
    main()
