"""One guided command: how each vendor stands, what is missing, making it, and what to do next."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import asdict

from app.pipeline.setup import SetupPlan, carry_out_setup, show_setup
from app.pipeline.setup_guide import next_steps, standings
from app.services import Services
from app.wiring import open_services
from jobs.console import Console

NAME = "setup"
HELP = "Ask every vendor, say what is missing and what to do next; --apply FINGERPRINT makes what was shown."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Show or apply, and how to report."""
    parser.add_argument("--apply", metavar="FINGERPRINT", help="make what was shown under this fingerprint")
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(args: argparse.Namespace, console: Console) -> int:
    """Returns 0 where nothing is in the way of what is shown or made, 1 where a vendor that is on refuses or
    does not answer, or something else must be mended first.
    """
    with open_services(os.environ) as services:
        return _apply(services, args.apply, console) if args.apply else _show(services, console)


def _show(services: Services, console: Console) -> int:
    plan = show_setup(services, services.clock())
    vendors, steps = standings(services, plan), next_steps(services, plan)
    told = [f"{name}: {how}" for name, how in vendors.items()]
    told += [*_found(plan), _verdict(plan, connected=services.destination is not None), *_numbered(steps)]
    for line in told:
        console.line(line)
    if console.as_json:
        console.report(
            {
                "fingerprint": plan.fingerprint if plan.can_be_made else None,
                "vendors": vendors,
                "missing": [change.name for change in plan.portal.changes if hasattr(change, "name")],
                "registrations": {name: list(what) for name, what in plan.registrations.items()},
                "problems": [asdict(problem) for problem in plan.problems],
                "next": list(steps),
            }
        )
    return 1 if plan.stands_still else 0


def _found(plan: SetupPlan) -> list[str]:
    lines = [f"{problem.severity}: {problem.subject}: {problem.message}" for problem in plan.problems]
    lines += [f"  make in HubSpot: {getattr(change, 'name', '')}" for change in plan.portal.changes]
    lines += [
        f"  register with {name}: a webhook for {', '.join(what)}"
        for name, what in plan.registrations.items()
    ]
    return lines


def _verdict(plan: SetupPlan, *, connected: bool) -> str:
    if not plan.is_empty:
        return "Nothing was made yet."
    if not connected:
        return "Nothing can be made before HubSpot is connected."
    return "Nothing more can be told before that is mended." if plan.stands_still else "Nothing is missing."


def _numbered(steps: Sequence[str]) -> list[str]:
    return ["Next:", *(f"{number}. {step}" for number, step in enumerate(steps, start=1))]


def _apply(services: Services, fingerprint: str, console: Console) -> int:
    done = carry_out_setup(services, fingerprint, services.clock())
    left = show_setup(services, services.clock())
    steps = next_steps(services, left)
    console.report({**asdict(done), **({"next": list(steps)} if console.as_json else {})})
    if done.refused:
        console.error("HubSpot refused some of it: check the token's scopes, then run setup again")
    for name, why in done.failed.items():
        console.error(f"{name}: not done: {why}")
    for line in _numbered(steps):
        console.line(line)
    return 1 if done.refused or done.failed or left.stands_still else 0
