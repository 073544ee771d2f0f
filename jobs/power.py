"""What an experiment would take, before it starts: contacts and weeks for each lift one wants to see."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict

from app.domain.errors import BadConfig, Fault
from app.domain.experiments import power_table
from app.services import Services
from app.store import conversions
from app.wiring import open_services
from jobs.console import Console

NAME = "power"
HELP = "How many contacts and weeks a holdout needs to show a lift: look before you start one."

LIFTS = (0.1, 0.2, 0.3, 0.5, 1.0)
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
    with open_services(os.environ) as services:
        base_rate = _base_rate(services, console) if args.base_rate is None else args.base_rate
        per_week = _per_week(services) if args.per_week is None else args.per_week
    if not 0 < base_rate < 1:
        raise BadConfig([Fault("--base-rate", f"{base_rate:g}", "must lie between 0 and 1")])
    table = power_table(base_rate, per_week, LIFTS, SHARES)
    console.line(f"base rate {base_rate:.2%}, {per_week:g} leads a week")
    console.line("  lift to see  held out   contacts      weeks")
    for row in table:
        weeks = "-" if row.weeks is None else f"{row.weeks:,.1f}"
        console.line(f"  {row.lift:>10.0%}  {row.holdout_share:>8.0%}  {row.contacts:>9,}  {weeks:>9}")
    if console.as_json:
        rows = [asdict(row) for row in table]
        console.report({"base_rate": base_rate, "per_week": per_week, "table": rows})
    return 0


def _base_rate(services: Services, console: Console) -> float:
    outcome = services.settings.outcome
    with services.database.connect() as conn:
        leads, won = conversions.converted(conn, outcome.event, outcome.horizon_days, services.clock())
    if not won:
        message = (
            f"none of {leads} leads known for {outcome.horizon_days} days converted: give the rate yourself"
        )
        raise BadConfig([Fault("power", "--base-rate", message)])
    console.line(f"{won} of {leads} leads converted ({outcome.event} within {outcome.horizon_days} days)")
    return won / leads


def _per_week(services: Services) -> float:
    bands = sorted({flow.band for flow in services.mappings.hubspot.workflows})
    with services.database.connect() as conn:
        return conversions.eligible_per_week(conn, bands, services.clock())
