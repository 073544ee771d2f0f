"""Try the held records again, after mappings or code were mended."""

from __future__ import annotations

import argparse
import os

from app.pipeline.absorb import replay
from app.store import job_rows
from app.wiring import make_line, open_services
from jobs.console import Console

NAME = "replay"
HELP = "Try the quarantined records and the jobs that failed for good again."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How to report."""
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(_: argparse.Namespace, console: Console) -> int:
    """Returns 1 when some are still held."""
    with open_services(os.environ) as services:
        done = replay(services, services.clock())
        line = make_line(services)
        with services.database.begin() as conn:
            again = job_rows.take_dead_letters(conn)
        for name in again:
            line.defer(name)
    console.report(
        {"tried": done.records, "replayed": done.records - done.held, "still_held": done.held, "steps": again}
    )
    return 1 if done.held else 0
