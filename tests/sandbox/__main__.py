"""`python -m tests.sandbox`: the sandbox as a process. Prints {"port": ...} when ready, stops on SIGTERM."""

from __future__ import annotations

import argparse
import json
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path

from tests.sandbox.server import Sandbox
from tests.sandbox.switches import NoSuchSwitch, Switches


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    asked = _arguments()
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    sandbox = Sandbox(
        asked.leads,
        asked.webinars,
        asked.seed,
        asked.port,
        asked.time_scale,
        asked.now,
        asked.deal_days,
    )
    for vendor, name, to in asked.switch:
        sandbox.switches.turn(vendor, name, to)
    with sandbox:
        line = json.dumps({"port": sandbox.port})
        if asked.ready_file is not None:
            asked.ready_file.write_text(line + "\n")
        print(line, flush=True)
        stop.wait()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox", description=__doc__)
    parser.add_argument("--leads", type=int, default=500)
    parser.add_argument("--webinars", type=int, default=2)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--time-scale", type=float, default=0.001, help="factor on webhook retry delays")
    parser.add_argument("--now", type=_moment, help="when the story begins, ISO 8601 with its zone")
    parser.add_argument(
        "--switch",
        type=_switch,
        action="append",
        default=[],
        metavar="VENDOR.NAME=NUMBER",
        help="trouble: zoom.html=0.05, all.latency=0.2, hubspot.lost=0.1; /control/switches shows them all",
    )
    parser.add_argument("--deal-days", type=int, default=200, help="how far back deals reach")
    parser.add_argument("--ready-file", type=Path, help="write the line with the port here too")
    return parser.parse_args()


def _switch(text: str) -> tuple[str, str, float]:
    switch, _, number = text.partition("=")
    vendor, _, name = switch.partition(".")
    try:
        Switches().turn(vendor, name, float(number))  # on a board of its own: a wrong one ends here
    except (NoSuchSwitch, ValueError) as reason:
        raise argparse.ArgumentTypeError(str(reason)) from reason
    return vendor, name, float(number)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("a zone is missing, for example 2026-11-22T12:00:00+00:00")
    return moment.astimezone(UTC)


if __name__ == "__main__":
    main()
