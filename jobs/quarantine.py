"""The records that could not be read, each with where in its payload the fault lies."""

from __future__ import annotations

import argparse
import os

from app.store import job_rows, quarantine
from app.wiring import open_services
from jobs.console import Console

NAME = "quarantine"
HELP = "List the records that could not be used and the jobs that failed for good, and why."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many, and how to report."""
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(args: argparse.Namespace, console: Console) -> int:
    """Returns 0, whether there are any or not."""
    with open_services(os.environ) as services, services.database.connect() as conn:
        items = quarantine.open_items(conn, args.limit)
        dead = job_rows.dead_letters(conn)
    for item in items:
        held = item.record
        console.line(f"{item.id}  {held.source} {held.stream or '(unreadable)'}  {held.path}: {held.reason}")
    for name, count in dead:
        console.line(f"step {name} failed for good {count} times: the worker's log says why")
    if not items and not dead:
        console.line("Nothing is held.")
    elif not console.as_json:
        console.line("After mending mappings or code: python -m jobs replay")
    if console.as_json:
        rows = [
            {
                "id": item.id,
                "source": item.record.source,
                "stream": item.record.stream,
                "path": item.record.path,
                "reason": item.record.reason,
            }
            for item in items
        ]
        console.report({"held": rows, "dead_letters": dict(dead)})
    return 0
