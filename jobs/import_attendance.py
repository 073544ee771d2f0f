"""Attendance from a file: Zoom's attendee report, for runs that the API no longer tells of."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from app.domain.errors import BadConfig, Fault
from app.pipeline.import_attendance import import_attendance
from app.wiring import open_services
from jobs.console import Console

NAME = "import_attendance"
HELP = "Take attendance from Zoom's attendee report (CSV), a file or - for standard input."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which file, whose time, and how to report."""
    parser.add_argument("file", help="the exported CSV; - reads standard input")
    parser.add_argument(
        "--time-zone", default="UTC", help="the zone its times are in, e.g. Europe/Madrid (default: UTC)"
    )
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(args: argparse.Namespace, console: Console) -> int:
    """Returns 1 when some rows could not be used; the others are taken."""
    text, zone = _text(args.file), _zone(args.time_zone)
    with open_services(os.environ) as services:
        occurrence, done = import_attendance(services, text, zone, services.clock())
    console.report(
        {
            "webinar": occurrence.webinar_id,
            "run": occurrence.uuid,
            "starts_at": occurrence.starts_at.isoformat(),
            **done.numbers(),
        }
    )
    if done.held:
        console.error(f"{done.held} rows could not be used: python -m jobs quarantine")
    return 1 if done.held else 0


def _text(file: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        message = f"cannot be read ({error.strerror}): check the path"
        raise BadConfig([Fault(file, "file", message)]) from error
    except UnicodeDecodeError as error:
        raise BadConfig([Fault(file, "file", "is not UTF-8: save it as CSV UTF-8")]) from error


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        message = "is no time zone: write it as Europe/Madrid"
        raise BadConfig([Fault("--time-zone", name, message)]) from error
