"""Let unattended writes to HubSpot go on."""

from __future__ import annotations

import argparse
import os

from app.store import switches
from app.wiring import open_services
from jobs.console import Console

NAME = "resume"
HELP = "Let unattended writes to HubSpot go on after pause or undo."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How to report."""
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(_: argparse.Namespace, console: Console) -> int:
    """Returns 0 also when nothing was paused."""
    with open_services(os.environ) as services, services.database.begin() as conn:
        was_paused = switches.clear(conn, "paused")
    console.line("Unattended writes go on." if was_paused else "Nothing was paused.")
    if console.as_json:
        console.report({"was_paused": was_paused})
    return 0
