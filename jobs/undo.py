"""Show how a run's writes would be taken back; take them back when the plan's fingerprint is given."""

from __future__ import annotations

import argparse
import os

from app.pipeline.undo import show_undo
from app.services import Services
from app.store import ledger
from app.wiring import open_services
from jobs.console import Console
from jobs.write_back import as_report, carry_out, describe

NAME = "undo"
HELP = "Show the way back from what a run wrote to HubSpot; --apply FINGERPRINT takes it and pauses writes."

SHOWN_RUNS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which run, show or apply, and how to report."""
    parser.add_argument("run_id", nargs="?", type=int, metavar="RUN", help="without it: the runs that wrote")
    parser.add_argument("--apply", metavar="FINGERPRINT", help="carry out the way back shown under it")
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(args: argparse.Namespace, console: Console) -> int:
    """Returns 0 for a way back shown or taken in full, 1 when HubSpot refused some or a pause stopped it."""
    with open_services(os.environ) as services:
        if args.run_id is None:
            return _list_runs(services, console)
        if args.apply:
            return _apply(services, args.run_id, args.apply, console)
        return _show(services, args.run_id, console)


def _list_runs(services: Services, console: Console) -> int:
    with services.database.connect() as conn:
        runs = ledger.runs_that_wrote(conn, SHOWN_RUNS)
    for run_id, at, writes in runs:
        console.line(f"run {run_id}: {writes} writes from {at:%Y-%m-%d %H:%M} UTC")
    if console.as_json:
        console.report({"runs": [{"run": run_id, "at": at, "writes": writes} for run_id, at, writes in runs]})
    return 0


def _show(services: Services, run_id: int, console: Console) -> int:
    shown = show_undo(services, run_id, services.clock())
    plan = shown.plan
    if not plan.changes:
        console.line("Nothing to take back: HubSpot holds nothing as this run left it.")
    for line in describe(plan, f"undo {run_id}"):
        console.line(line)
    for words, count in shown.remains.items():
        console.line(f"  {count:>7} x {words}")
    if plan.changes:
        console.line("Applying it pauses unattended writes; python -m jobs resume lets them go on.")
    if console.as_json:
        console.report(as_report(plan) | {"remains": dict(shown.remains)})
    return 0


def _apply(services: Services, undone: int, fingerprint: str, console: Console) -> int:
    applied = carry_out(services, f"{NAME} {undone}", fingerprint, console, undoes=undone)
    console.line("Unattended writes are paused: python -m jobs resume lets them go on.")
    return 1 if applied.rejected or not applied.finished else 0
