"""Take every waiting delivery through to facts now, in this process."""

from __future__ import annotations

import argparse
import os
from collections import Counter

from app.pipeline.absorb import absorb, reread_contacts
from app.wiring import open_services
from jobs.console import Console

NAME = "absorb"
HELP = "Turn the deliveries that wait in the inbox into facts about people."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How to report."""
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(_: argparse.Namespace, console: Console) -> int:
    """Returns 0 when nothing waits any more."""
    total: Counter[str] = Counter()
    with open_services(os.environ) as services:
        for work in (absorb, reread_contacts):
            more = True
            while more:
                done = work(services, services.clock())
                total.update(done.numbers())
                more = done.more
                console.progress(f"absorbed {total['records']} records")
    console.end_progress()
    console.report(total)
    return 0
