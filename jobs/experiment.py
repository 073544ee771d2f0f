"""The experiment that runs: its choice, what it was expected to take, its arms; and its end."""

from __future__ import annotations

import argparse
import os

from app.pipeline.apply import PATIENCE_BY_HAND, writing
from app.pipeline.experiment import end, tell_choice
from app.store import experiments
from app.wiring import open_services
from jobs.console import Console

NAME = "experiment"
HELP = "Show the experiment that runs and its arms; --end ends it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Look or end, and how to report."""
    parser.add_argument("--end", action="store_true", help="end it; what then goes out waits for a release")
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(args: argparse.Namespace, console: Console) -> int:
    """Returns 0. Raises TryLater while another process writes to HubSpot."""
    with open_services(os.environ) as services:
        with services.database.connect() as conn:
            running = experiments.running(conn)
            counted = experiments.counted(conn, running.id) if running else {}
        if running is None:
            console.line("No experiment runs. [experiment] holdout_share asks for one.")
            return 0
        console.report(
            {
                "experiment": tell_choice(running.trial),
                "since": running.started_at,
                "arms": counted,
                "expected": dict(running.forecast),
            }
        )
        if args.end:
            with writing(services, PATIENCE_BY_HAND), services.database.begin() as conn:
                end(conn, running, services.clock())
            console.line("Ended. Who was held out waits for a release: python -m jobs write_back --enrol")
            if services.settings.experiment.holdout_share:
                console.line("holdout_share is still set: releasing that begins another one, dealt anew.")
    return 0
