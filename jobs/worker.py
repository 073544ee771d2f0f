"""The worker: works off the line's steps until it is told to stop."""

from __future__ import annotations

import argparse
import os

from app import log
from app.wiring import make_line, open_services
from jobs.console import Console

NAME = "worker"
HELP = "Work off deliveries, syncs, scores and writes until SIGTERM."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No options: how much runs at once follows from the work."""
    parser.set_defaults(json=False)


def run(_: argparse.Namespace, console: Console) -> int:
    """Returns 0 when a signal stopped the worker, 1 when it could not go on and must be started again."""
    log.set_up()
    with open_services(os.environ) as services:
        for vendor, names in services.off.items():
            console.line(f"{vendor} is off: set {', '.join(names)}")
        return 0 if make_line(services).work() else 1
