"""Bring the database to the newest tables; safe to run twice, and twice at once."""

from __future__ import annotations

import argparse
import os

from app.store import migrate
from app.wiring import open_services
from jobs.console import Console

NAME = "migrate"
HELP = "Bring the database to the newest tables."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No options."""
    parser.set_defaults(json=False)


def run(_: argparse.Namespace, console: Console) -> int:
    """Returns 0 once every migration is in."""
    with open_services(os.environ) as services:
        migrate.upgrade(services.database)
    console.line("the database is up to date")
    return 0
