"""Pull every source now, in this process, with progress."""

from __future__ import annotations

import argparse
import os

from app.domain.errors import SaviaError
from app.pipeline.gone import release_gone
from app.pipeline.pull import pull_source
from app.store import cursors
from app.wiring import open_services
from jobs.console import Console

NAME = "sync"
HELP = "Pull every vendor that is on, from where the last pull ended."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which vendors, and how to report."""
    parser.add_argument("source", nargs="*", help="only these, e.g. zoom (default: all that are on)")
    parser.add_argument("--whole", action="store_true", help="read everything again, not only what changed")
    parser.add_argument(
        "--erase-gone", action="store_true", help="erase all contacts that HubSpot has no more, however many"
    )
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(args: argparse.Namespace, console: Console) -> int:
    """Returns 1 when a vendor could not be pulled; the others still are."""
    problems: dict[str, str] = {}
    read: dict[str, object] = {}
    with open_services(os.environ) as services:
        if args.erase_gone:
            with services.database.begin() as conn:
                release_gone(conn, services.clock())
        for source in args.source or services.sources:
            if source not in services.sources:
                problems[source] = "is off: python -m jobs check says what it lacks"
                continue
            if args.whole:
                with services.database.begin() as conn:
                    cursors.forget(conn, source)
            console.progress(f"pulling {source} ...")
            try:
                read[source], _ = pull_source(services, source, services.clock())
            except SaviaError as reason:
                problems[source] = str(reason)
    console.end_progress()
    console.report({"read": read, "problems": problems})
    return 1 if problems else 0
