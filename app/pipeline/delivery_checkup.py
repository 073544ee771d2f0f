"""What the operator should know of webhooks: do they arrive, are they accepted, do they tell everything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from app.domain.changes import Problem
from app.domain.errors import BadRecord
from app.services import Services
from app.store import inbox, refused, untold
from app.store.refused import Refused

LONGEST_SILENCE = timedelta(days=7)
"""A week without a delivery of a vendor that is on is worth a look; fewer days can be a holiday."""

REMEMBERED = timedelta(days=1)
"""A refusal is told so long, unless a delivery was accepted since."""

LOOKED_BACK = timedelta(days=1)
"""Contacts that HubSpot made in the last day are compared with what its webhooks told."""

ON_THEIR_WAY = timedelta(hours=1)
"""Deliveries may take so long; younger contacts prove nothing."""

FEWEST_CONTACTS = 3
NEW_CONTACT = "contact.creation"

SECRETS = {
    "hubspot": "set HUBSPOT_CLIENT_SECRET to the client secret on the app's Auth tab (not the token)",
    "zoom": "set ZOOM_WEBHOOK_SECRET to the secret token on the app's Feature page",
    "activecampaign": "delete the old webhook in ActiveCampaign and run python -m jobs setup",
}


def delivery_state(conn: sa.Connection, services: Services) -> dict[str, object]:
    """When each vendor last delivered, and how HubSpot is connected."""
    return {
        "last delivery": {name: inbox.last_received(conn, name) for name in services.webhooks},
        "HubSpot connection": _connection(services),
    }


def delivery_problems(conn: sa.Connection, services: Services, now: datetime) -> Iterator[Problem]:
    """Webhooks that are on and do not work, by vendor."""
    faults = {name: _faults(conn, name, now) for name in services.webhooks}
    for name in services.webhooks:
        last = inbox.last_received(conn, name)
        for fault in faults[name]:
            yield _refusal(fault, services.settings.public_url)
        if faults[name]:
            continue
        if last is None:
            message = "webhooks are on and nothing was ever delivered: see /setup for the address to register"
            yield Problem("warning", name, message)
        elif now - last > LONGEST_SILENCE:
            yield Problem("warning", name, f"nothing was delivered since {last:%Y-%m-%d}: is the webhook on?")
        elif name == "hubspot":
            yield from _untold(conn, services, now)


def _connection(services: Services) -> str:
    if "hubspot" not in services.sources:
        return "none"
    if "hubspot" in services.webhooks:
        return "project app: webhooks, and polling beside them"
    every = services.settings.schedule.sync_minutes
    return f"service key: polling alone, so changes arrive within {every} minutes"


def _faults(conn: sa.Connection, name: str, now: datetime) -> list[Refused]:
    last = inbox.last_received(conn, name)
    return [
        fault
        for fault in refused.since(conn, now - REMEMBERED)
        if fault.source == name and (last is None or fault.last_at > last)
    ]


def _refusal(fault: Refused, public_url: str) -> Problem:
    told = f"{fault.count} deliveries were refused since {fault.first_at:%Y-%m-%d %H:%M} UTC"
    if fault.reason == "address":
        message = f"{told}: they go to {fault.address}, SAVIA_PUBLIC_URL is {public_url}: make both the same"
    elif fault.reason == "stamp":
        message = f"{told}: they are signed at another time than our clock shows: set the clock by NTP"
    else:
        message = f"{told}: they are signed with another secret: {SECRETS[fault.source]}"
    return Problem("error", fault.source, message)


def _untold(conn: sa.Connection, services: Services, now: datetime) -> Iterator[Problem]:
    """Contacts that a pull found and no webhook told of. HubSpot lets nobody read a project app's
    subscriptions, so what is missing shows in what does not arrive.
    """
    made = untold.contacts_made(conn, now - LOOKED_BACK, now - ON_THEIR_WAY)
    if made.count < FEWEST_CONTACTS or made.first_at is None:
        return
    last = inbox.last_received(conn, "hubspot")
    kinds = _kinds_told(conn, services, made.first_at)
    if last is not None and last < made.first_at:
        message = (
            f"made {made.count} contacts since {made.first_at:%Y-%m-%d %H:%M} UTC and delivered nothing: the "
            "webhooks are paused or the app is not installed; run hs project upload again"
        )
        yield Problem("warning", "hubspot", message)
    elif NEW_CONTACT not in kinds:
        message = (
            f"made {made.count} contacts since {made.first_at:%Y-%m-%d %H:%M} UTC and told of none: take the "
            "subscription object.creation from connectors/hubspot/project and run hs project upload again"
        )
        yield Problem("warning", "hubspot", message)


def _kinds_told(conn: sa.Connection, services: Services, since: datetime) -> set[str]:
    kinds: set[str] = set()
    for body in untold.bodies_since(conn, "hubspot", since):
        try:
            kinds |= {record.stream for record in services.webhooks["hubspot"].parse(body)}
        except BadRecord:
            continue  # the quarantine tells of it
    return kinds
