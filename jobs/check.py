"""The operator's one screen."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict

from app.pipeline.checkup import check_up
from app.wiring import open_services
from jobs.console import Console

NAME = "check"
HELP = "Say what is on, what waits, what is wrong, and what to do about it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How deep, and how to report."""
    parser.add_argument(
        "--startup", action="store_true", help="ask no vendor and end with 0 unless nothing can start"
    )
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(args: argparse.Namespace, console: Console) -> int:
    """Returns 1 when something stops work; with --startup, when nothing can start: a release that mends a
    fault must not be kept back by it.
    """
    with open_services(os.environ) as services:
        found = check_up(services, services.clock(), ask_vendors=not args.startup)
    if console.as_json:
        console.report({"state": found.state, "problems": [asdict(item) for item in found.problems]})
    else:
        console.report(found.state)
        for problem in found.problems:
            console.line(f"{problem.severity:8} {problem.subject}: {problem.message}")
        if not found.problems:
            console.line("All is well.")
    return 1 if (found.cannot_start if args.startup else found.errors) else 0
