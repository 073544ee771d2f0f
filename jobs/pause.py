"""Stop every write to HubSpot, but for what somebody asks for by hand from now on."""

from __future__ import annotations

import argparse
import os

from app.store import switches
from app.wiring import open_services
from jobs.console import Console

NAME = "pause"
HELP = "Stop writes to HubSpot at the next lot, a released plan's too; everything else goes on. See resume."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Why, for whoever finds it paused."""
    parser.add_argument("--reason", default="by hand", help="shown by check")
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(args: argparse.Namespace, console: Console) -> int:
    """Returns 0; a plan that is being applied stops after its current lot and goes on after resume."""
    with open_services(os.environ) as services, services.database.begin() as conn:
        switches.clear(conn, "paused")  # said anew, it stops what was begun by hand during an earlier pause
        switches.turn(conn, "paused", args.reason, services.clock())
    console.line("A plan that is under way stops after the calls that are being made.")
    if console.as_json:
        console.report({"paused": True, "reason": args.reason})
    console.line("Unattended writes to HubSpot are paused. python -m jobs resume lets them go on.")
    return 0
