"""What an experiment would take, before it starts: contacts and weeks for each lift one wants to see."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict

from app.domain.errors import BadConfig, Fault
from app.domain.experiments import power_table
from app.pipeline.power import LIFTS, forecast, tell_table
from app.wiring import open_services
from jobs.console import Console

NAME = "power"
HELP = "How many contacts and weeks a holdout needs to show a lift: look before you start one."

SHARES = (0.05, 0.1, 0.2, 0.5)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is known better than the store knows it."""
    parser.add_argument(
        "--base-rate", type=float, metavar="SHARE", help="conversions without Savia, e.g. 0.03"
    )
    parser.add_argument("--per-week", type=float, metavar="N", help="leads a week that would be acted on")
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(args: argparse.Namespace, console: Console) -> int:
    """Returns 0. The test behind it: two proportions, two-sided 5 %, power 80 %."""
    with open_services(os.environ) as services, services.database.connect() as conn:
        expected = forecast(services, conn, services.clock(), SHARES)
        outcome = services.settings.outcome
    base_rate = expected.base_rate if args.base_rate is None else args.base_rate
    per_week = expected.per_week if args.per_week is None else args.per_week
    if args.base_rate is None:
        console.line(
            f"{expected.converted} of {expected.leads} leads converted ({outcome.event} within "
            f"{outcome.horizon_days} days)"
        )
    if not 0 < base_rate < 1:
        message = f"must lie between 0 and 1, and {base_rate:g} is known: give the rate yourself"
        raise BadConfig([Fault("power", "--base-rate", message)])
    table = power_table(base_rate, per_week, LIFTS, SHARES)
    console.line(f"base rate {base_rate:.2%}, {per_week:g} leads a week")
    for line in tell_table(table):
        console.line(line)
    if console.as_json:
        rows = [asdict(row) for row in table]
        console.report({"base_rate": base_rate, "per_week": per_week, "table": rows})
    return 0
