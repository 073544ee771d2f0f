"""The way to a running installation: how each vendor stands, and what an operator does next, in order."""

from __future__ import annotations

from collections.abc import Iterator

from app.config import VENDOR_SECRETS
from app.pipeline.setup import SetupPlan
from app.services import Services
from app.store import inbox

FIRST = "HubSpot"
"""Without it nothing is read or written; every other vendor may be left out."""


def standings(services: Services, plan: SetupPlan) -> dict[str, str]:
    """Vendor -> one line: on, off with what to set, or in trouble as told by the problems."""
    troubled = {problem.subject.casefold() for problem in (*plan.problems, *plan.in_the_way)}
    found = {}
    for vendor in VENDOR_SECRETS:
        if vendor in services.off:
            found[vendor] = (
                f"off: set {', '.join(services.off[vendor])}; {_page(vendor)} says where to find it"
            )
        else:
            found[vendor] = "on, see below" if vendor.casefold() in troubled else "on"
    return found


def next_steps(services: Services, plan: SetupPlan) -> tuple[str, ...]:
    """What is left to do, the next thing first. `check` and the first plan come when nothing else is left."""
    steps = [*_to_mend(plan), *_to_connect(services), *_to_make(services, plan)]
    if FIRST in services.off or plan.stands_still or plan.can_be_made:
        return (*steps, "Run python -m jobs setup again")
    return (
        *steps,
        "See that all is well: python -m jobs check",
        "Read what the vendors hold: python -m jobs sync (the worker does it by itself from then on)",
        "See the first plan of what is written to HubSpot: python -m jobs write_back",
    )


def _to_mend(plan: SetupPlan) -> Iterator[str]:
    errors = {problem for problem in plan.problems if problem.severity == "error"} | set(plan.in_the_way)
    if errors:
        subjects = ", ".join(sorted({problem.subject for problem in errors}))
        yield f"Mend what is told above of {subjects}"


def _to_connect(services: Services) -> Iterator[str]:
    if FIRST in services.off:
        yield f"Connect {FIRST}, without which nothing is written: set {', '.join(services.off[FIRST])}"
    others = [vendor for vendor in services.off if vendor != FIRST]
    if others:
        yield f"Connect those of {', '.join(others)} that you use: set what stands beside each above"


def _to_make(services: Services, plan: SetupPlan) -> Iterator[str]:
    address = services.settings.public_url
    if plan.can_be_made:
        yield f"Make what is missing: python -m jobs setup --apply {plan.fingerprint}"
    if plan.to_build:
        yield f"Build or mend the workflows told above, step by step with pictures: {address}/setup/hubspot"
    if silent := _silent(services, plan):
        yield f"Enter our webhook addresses at {', '.join(silent)}: {address}/setup shows them"


def _silent(services: Services, plan: SetupPlan) -> list[str]:
    """Vendors that are to call us, have never done so, and are not registered with by us."""
    if any(problem.subject == "database" for problem in plan.in_the_way):
        return []
    registered = {registration.name for registration in services.registrations}
    with services.database.connect() as conn:
        return [
            name
            for name in services.webhooks
            if name not in registered and inbox.last_received(conn, name) is None
        ]


def _page(vendor: str) -> str:
    return f"connectors/{vendor.split(maxsplit=1)[0].lower()}/README.md"
