"""Score leads again now, in this process: those whose facts changed, or all."""

from __future__ import annotations

import argparse
import os
from datetime import datetime, timedelta

from app.pipeline.understand import rescore_after, rescore_touched
from app.services import Services
from app.wiring import open_services
from jobs.console import Console

NAME = "rescore"
HELP = "Score the leads whose facts changed, or all of them."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whom, as of when, and how to report."""
    parser.add_argument("--all", action="store_true", help="every lead, since time alone moves a score")
    parser.add_argument(
        "--days-ahead", type=float, default=0.0, metavar="N", help="as of N days from now, to look ahead"
    )
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(args: argparse.Namespace, console: Console) -> int:
    """Returns 0 when every lead asked for has a score."""
    with open_services(os.environ) as services:
        now = services.clock() + timedelta(days=args.days_ahead)
        leads, changed = _rescore(services, now, console, everyone=args.all)
    console.end_progress()
    console.report({"leads": leads, "changed": changed})
    return 0


def _rescore(services: Services, now: datetime, console: Console, *, everyone: bool) -> tuple[int, int]:
    leads, changed, after, more = 0, 0, 0, True
    while more:
        if everyone:
            done, after = rescore_after(services, after, now)
        else:
            done = rescore_touched(services, now)
        leads, changed, more = leads + done.leads, changed + done.changed, done.more
        console.progress(f"scored {leads} leads")
    return leads, changed
