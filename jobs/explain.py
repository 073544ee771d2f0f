"""Why a lead has the score it has, and where every number came from."""

from __future__ import annotations

import argparse
import os

from app.pipeline.explain import read_line, tell
from app.wiring import open_services
from jobs.console import Console

NAME = "explain"
HELP = "Print one lead's line backwards, from HubSpot property to webhook."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whom."""
    parser.add_argument("who", metavar="EMAIL", help="the lead's e-mail, or its id at a vendor")
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(args: argparse.Namespace, console: Console) -> int:
    """Returns 1 when nobody is known by that name."""
    with open_services(os.environ) as services:
        line = read_line(services, args.who)
        if line is None:
            console.error("Nobody is known by that e-mail or id: python -m jobs sync, then try again")
            return 1
        told = list(tell(line, services))
    for text in told:
        console.line(text)
    if console.as_json:
        console.report({"person": line.person_id, "contact": line.contact_id, "line": told})
    return 0
