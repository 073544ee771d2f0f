"""Stop every write to HubSpot that nobody asked for by hand."""

from __future__ import annotations

import argparse
import os

from app.store import switches
from app.wiring import open_services
from jobs.console import Console

NAME = "pause"
HELP = "Stop unattended writes to HubSpot at the next lot; everything else goes on. See resume."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Why, for whoever finds it paused."""
    parser.add_argument("--reason", default="by hand", help="shown by check")
    parser.set_defaults(json=False)


def run(args: argparse.Namespace, console: Console) -> int:
    """Returns 0; a plan that is being applied stops after its current lot and goes on after resume."""
    with open_services(os.environ) as services, services.database.begin() as conn:
        switches.turn(conn, "paused", args.reason, services.clock())
    console.line("Unattended writes to HubSpot are paused. python -m jobs resume lets them go on.")
    return 0
