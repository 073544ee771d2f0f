"""Show what would be written to HubSpot; write it when its fingerprint is given."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from app.domain.bill import tell_bill
from app.domain.changes import Change, CreateTask, EnrolInWorkflow, Plan
from app.pipeline.bill import forecast_bill
from app.pipeline.by_hand import release_plan
from app.pipeline.experiment import planned, tell_planned
from app.pipeline.lots import Applied
from app.pipeline.power import Forecast
from app.pipeline.release_total import ReleaseTotal, count_release
from app.pipeline.write_back import Shown, show_plan
from app.services import Services
from app.store import work_list
from app.wiring import open_services
from jobs.console import Console

NAME = "write_back"
HELP = "Show the plan of writes to HubSpot; --apply FINGERPRINT writes it, but for what people changed since."

SAMPLES = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Show or apply, and how to report."""
    parser.add_argument(
        "--apply", metavar="FINGERPRINT", help="carry out the plan shown under this fingerprint"
    )
    parser.add_argument(
        "--enrol",
        action="store_true",
        help="show what releasing the current rules' enrolments and tasks would send; --apply releases them",
    )
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(args: argparse.Namespace, console: Console) -> int:
    """Returns 0 for a plan shown or applied in full, 1 when HubSpot refused some or a pause stopped it."""
    with open_services(os.environ) as services:
        if args.apply:
            return _apply(services, args.apply, console)
        return _show(services, console, enrol=args.enrol)


def _show(services: Services, console: Console, *, enrol: bool) -> int:
    shown = show_plan(services, services.clock(), with_setup=True, enrol=enrol)
    plan = shown.plan
    if not plan.changes:
        console.line("Nothing to write: HubSpot holds what it should.")
    forecast = forecast_bill(services, plan)
    total = count_release(services) if enrol else None
    listed = services.mappings.hubspot.mailability.list_name
    bill = tell_bill(forecast, listed) if forecast else ()
    release = _tell_release(total, plan) if total else ()
    begins = _experiment(services)
    told = tell_planned(services, begins) if begins else ()
    for line in (*describe(plan), *_kept_back(plan), *bill, *release, *told, *_rest(services, shown)):
        console.line(line)
    if console.as_json:
        console.report(
            {
                **as_report(plan),
                "leads": shown.leads,
                "more": shown.more,
                "would_send": asdict(total) if total else None,
                "bill": asdict(forecast) | {"would_be": forecast.would_be} if forecast else None,
                "experiment": asdict(begins) | {"base_rate": begins.base_rate} if begins else None,
            }
        )
    return 0


def as_report(plan: Plan) -> dict[str, Any]:
    """A plan as JSON: what `describe` says, with its samples in full."""
    return {
        "fingerprint": plan.fingerprint if plan.changes else None,
        "changes": len(plan.changes),
        "counts": dict(plan.counts),
        "unsafe": list(plan.unsafe),
        "withheld": dict(Counter(item.reason for item in plan.withheld)),
        "samples": {kind: [asdict(item) for item in items] for kind, items in _samples(plan).items()},
    }


def _tell_release(total: ReleaseTotal, plan: Plan) -> Iterator[str]:
    """What everybody would get, of which one plan shows a part."""
    here, tasks = (plan.counts.get(kind.__name__, 0) for kind in (EnrolInWorkflow, CreateTask))
    yield (
        f"Releasing these rules would send {total.enrolments:,} enrolments and {total.tasks:,} tasks in all; "
        f"this plan has {here:,} and {tasks:,}. The rest follows plan by plan, within [write_back]'s limits."
    )
    if total.unread:
        yield f"{total.unread:,} of these leads were not read from HubSpot yet: counted as the sync saw them."


def _experiment(services: Services) -> Forecast | None:
    """What the experiment that carrying the plan out may begin would take."""
    with services.database.connect() as conn:
        return planned(services, conn, services.clock())


def _rest(services: Services, shown: Shown) -> Iterator[str]:
    """What a plan of the largest size leaves for the next ones."""
    if shown.more:
        with services.database.connect() as conn:
            waiting = work_list.count(conn)
        yield (
            f"This plan looks at {shown.leads:,} leads; {waiting:,} wait, these included. Once it is applied "
            f"the next lot is planned, and waits for you where it passes a limit: python -m jobs {NAME}"
        )


def describe(plan: Plan, command: str = NAME) -> list[str]:
    """A plan in words: counts, a few samples of each kind, the limits it passes, how to go on."""
    if not plan.changes:
        return []
    lines = [f"Plan {plan.fingerprint}: {len(plan.changes)} changes. Nothing was written."]
    for kind, items in _samples(plan).items():
        lines.append(f"  {plan.counts[kind]:>7} {kind}")
        lines += [f"            {_one_line(item)}" for item in items]
    lines += [f"  waits for you: {reason}" for reason in plan.unsafe]
    return [*lines, f"To carry it out: python -m jobs {command} --apply {plan.fingerprint}"]


def _kept_back(plan: Plan) -> Iterator[str]:
    """What leads do not get, counted by reason."""
    for reason, count in sorted(Counter(item.reason for item in plan.withheld).items()):
        yield f"  {count:>7} {WORDS[reason]}"


WORDS = {
    "unreleased": "would have been enrolled or tasked by rules not yet released: add --enrol to see them",
    "non_marketing": "not enrolled or tasked: no marketing contact (see the list for it)",
    "opted_out": "not enrolled or tasked: opted out of e-mail",
    "bounced": "not enrolled or tasked: the e-mail bounces",
    "paused": "not enrolled or tasked: savia_pause is set",
    "not_pilot": "not enrolled or tasked: not on the pilot list",
    "holdout": "not enrolled or tasked: held out for comparison",
    "human_edit": "values left alone: a person or another tool set them",
}


def _samples(plan: Plan) -> dict[str, Sequence[Change]]:
    found: dict[str, list[Change]] = {}
    for change in plan.changes:
        found.setdefault(type(change).__name__, []).append(change)
    return {kind: items[:SAMPLES] for kind, items in found.items()}


def _one_line(change: Change) -> str:
    fields: dict[str, Any] = asdict(change)
    shown = {
        name: value
        for name, value in fields.items()
        if name not in {"key", "definition", "person_id", "email", "body"} and value != ""
    }
    if isinstance(shown.get("properties"), dict):
        shown["properties"] = ", ".join(f"{name}={value}" for name, value in shown["properties"].items())
    text = " ".join(f"{name}={value}" for name, value in shown.items()).replace("\n", " / ")
    return text if len(text) <= 150 else text[:149] + "…"


def carry_out(
    services: Services, command: str, fingerprint: str, console: Console, *, undoes: int | None = None
) -> Applied:
    """Carry out a plan that `command` showed, and say what came of it and how to go on."""
    again = f"python -m jobs {command} --apply {fingerprint}"
    try:
        applied, run_id = release_plan(services, command.split(maxsplit=1)[0], fingerprint, undoes=undoes)
    except KeyboardInterrupt:
        console.error(
            "Interrupted: the calls that were being made are over and written down. The worker goes on with "
            f"the plan by itself, unless you pause it: python -m jobs pause. To go on at once: {again}"
        )
        raise
    console.report(applied.told(run_id))
    if not applied.finished:
        console.error(
            "Stopped by a pause before its end. python -m jobs resume lets the worker go on with it; "
            f"to go on at once: {again}"
        )
    return applied


def _apply(services: Services, fingerprint: str, console: Console) -> int:
    applied = carry_out(services, NAME, fingerprint, console)
    if applied.rejected:
        console.error("HubSpot refused some of it: python -m jobs explain EMAIL shows the reason for a lead")
    return 1 if applied.rejected or not applied.finished else 0
