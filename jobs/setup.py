"""One guided command: what the vendors still need, and making it."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict

from app.pipeline.setup import SetupPlan, carry_out_setup, show_setup
from app.services import Services
from app.wiring import open_services
from jobs.console import Console

NAME = "setup"
HELP = "Show which HubSpot properties, lists and webhooks are missing; --apply FINGERPRINT makes them."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Show or apply, and how to report."""
    parser.add_argument("--apply", metavar="FINGERPRINT", help="make what was shown under this fingerprint")
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(args: argparse.Namespace, console: Console) -> int:
    """Returns 0 for a plan shown or made in full, 1 when something stands in the way or was refused."""
    with open_services(os.environ) as services:
        return _apply(services, args.apply, console) if args.apply else _show(services, console)


def _show(services: Services, console: Console) -> int:
    plan = show_setup(services, services.clock())
    for line in _describe(plan, services):
        console.line(line)
    if console.as_json:
        console.report(
            {
                "fingerprint": None if plan.is_empty else plan.fingerprint,
                "missing": [change.name for change in plan.portal.changes if hasattr(change, "name")],
                "registrations": {name: list(what) for name, what in plan.registrations.items()},
                "problems": [asdict(problem) for problem in plan.problems],
            }
        )
    return 1 if any(problem.severity == "error" for problem in plan.problems) else 0


def _describe(plan: SetupPlan, services: Services) -> list[str]:
    lines = [f"off: {vendor} lacks {', '.join(names)}" for vendor, names in services.off.items()]
    lines += [f"{problem.severity}: {problem.subject} {problem.message}" for problem in plan.problems]
    lines += [f"  make in HubSpot: {getattr(change, 'name', '')}" for change in plan.portal.changes]
    lines += [
        f"  register with {name}: a webhook for {', '.join(what)}"
        for name, what in plan.registrations.items()
    ]
    if plan.is_empty:
        return [*lines, "Nothing is missing."]
    return [*lines, "Nothing was made yet.", f"To make it: python -m jobs setup --apply {plan.fingerprint}"]


def _apply(services: Services, fingerprint: str, console: Console) -> int:
    done = carry_out_setup(services, fingerprint, services.clock())
    console.report(asdict(done))
    if done.refused:
        console.error("HubSpot refused some of it: check the token's scopes, then run setup again")
        return 1
    console.line("Next: build the workflows, step by step, with pictures, at /setup/hubspot")
    return 0
