"""Train a score: from the store, or from a CRM export, which needs no database and no credentials."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from app.domain.errors import BadConfig, Fault
from app.domain.scoring.leaks import Finding
from app.domain.scoring.repeats import same_lines
from app.domain.scoring.selection import FEWEST_CONVERSIONS
from app.domain.scoring.training import Training, TrainingOptions, train
from app.model_files import MODEL_FILE, read_model, write_model
from app.pipeline.learn import Learnt, learn_from_store
from app.table_dialect import WINDOWS
from app.table_files import ReadFile, read_file, read_kinds
from app.wiring import open_services
from jobs.band_limits import band_limits
from jobs.console import Console

NAME = "train"
HELP = "Learn a score from the store, or with --history from an export whose outcomes are known."
POINTS_STAY = 3
SOONEST = timezone(timedelta(hours=14))
"""Where a day begins first: no export is dated later."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--history", type=Path, metavar="FILE.csv", help="an export; else the store")
    parser.add_argument("--outcome", metavar="COLUMN", help="who converted, with --history")
    parser.add_argument("--positive", metavar="VALUE", help="the outcome's value that means a conversion")
    parser.add_argument("--time", metavar="COLUMN", help="when the lead came in: judge forward in time")
    parser.add_argument(
        "--horizon",
        type=_days,
        metavar="DAYS",
        help="with --time: leave out leads that came in less than this before the file's newest day",
    )
    parser.add_argument(
        "--id",
        action="append",
        default=[],
        metavar="COLUMN",
        help="a name, not a feature; rows that share one are one lead's",
    )
    parser.add_argument("--exclude", action="extend", nargs="+", default=[], metavar="COLUMN")
    parser.add_argument(
        "--accept",
        action="extend",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="learn from it though refused",
    )
    parser.add_argument(
        "--mapping", type=Path, metavar="FILE.toml", help="[columns] that set a column's kind"
    )
    parser.add_argument("--model", type=Path, default=MODEL_FILE, metavar="FILE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="report as JSON")


def _days(text: str) -> int:
    days = int(text)
    if days < 1:
        raise ValueError
    return days


def run(args: argparse.Namespace, console: Console) -> int:
    """Returns 0, or 3 where what scores now stays: conversions are too few, the model did not win, or it is
    no better than one rate for all and a file is there.
    """
    return _from_store(args, console) if args.history is None else _from_file(args, console)


def _from_store(args: argparse.Namespace, console: Console) -> int:
    options = TrainingOptions(
        outcome="", excluded=tuple(args.exclude), accepted=tuple(args.accept), seed=args.seed
    )
    with open_services(os.environ) as services:
        learnt = learn_from_store(services, options, services.clock(), console.progress)
    console.end_progress()
    if console.as_json:
        console.report({**learnt.report, "id": learnt.model_id, "crowned": learnt.crowned})
    else:
        _tell_learnt(learnt, console)
    return 0 if learnt.crowned else POINTS_STAY


def _tell_learnt(learnt: Learnt, console: Console) -> None:
    report = learnt.report
    outcome = f"{report['outcome']['event']} within {report['outcome']['horizon_days']} days"
    console.line(f"{report['rows']} leads at their cut dates, {report['conversions']} with {outcome}")
    console.line(f"{report['left_out']} leads left out: their outcome is not known yet, or came before")
    console.line(f"Limits: {report['limits']}")
    if learnt.model_id is None:
        console.line(f"No model: {report['note']}.")
        return
    for kind in ("refused", "suspect"):
        for finding in report[kind]:
            console.line(f"{kind.upper()} {finding['column']}: {finding['reason']}")
    _tell_model(report, console)
    against = report["against"]
    console.line(f"Against {against['against']}: {against['why']}")
    state = (
        "scores from now on: leads are scored again by and by" if learnt.crowned else "is kept, and refused"
    )
    console.line(f"Model {learnt.model_id} {state}")


def _from_file(args: argparse.Namespace, console: Console) -> int:
    if args.outcome is None:
        raise BadConfig([Fault("--outcome", "COLUMN", "say which column of the file tells who converted")])
    options = TrainingOptions(
        outcome=args.outcome,
        positive=args.positive,
        time=args.time,
        ids=tuple(args.id),
        excluded=tuple(args.exclude),
        accepted=tuple(args.accept),
        kinds=read_kinds(args.mapping) if args.mapping else {},
        seed=args.seed,
        bands=band_limits(os.environ),
        horizon_days=args.horizon,
        today=datetime.now(SOONEST).replace(tzinfo=UTC).timestamp() / 86_400,
    )
    source = read_file(args.history)
    training = train(source.table, options, console.progress)
    told = [*_told_of(source), *_told_of_rows(source, training, options)]
    stays = args.model.exists() and (training.model is None or _no_better(training.model.report))
    if stays:
        told.append(_stays(args.model))
    elif training.model is not None:
        write_model(args.model, training.model, args.history)
    if console.as_json:
        console.report(
            {
                **_report(training),
                "history": args.history.name,
                "horizon_days": args.horizon,
                "warnings": told,
            }
        )
    else:
        for line in told:
            console.line(line)
        _tell(training, options, console)
        if training.model is not None and not stays:
            console.line(f"Model written to {args.model}")
    return POINTS_STAY if stays or training.model is None else 0


def _told_of(source: ReadFile) -> list[str]:
    """What the operator should know of how the file was read."""
    told = []
    if source.encoding == WINDOWS:
        told.append("The file is not UTF-8: it was read as Windows-1252")
    if source.too_long:
        told.append(f"{source.too_long} rows left out: they have more cells than the header")
    return told


def _told_of_rows(source: ReadFile, training: Training, options: TrainingOptions) -> list[str]:
    """What of the rows makes figures other than they seem."""
    told = []
    if training.dated_later:
        told.append(
            f"{training.dated_later} rows are dated later than today ({options.time}): typing errors, "
            "which the horizon and the weeks of the bands leave out"
        )
    if training.leads < training.rows:
        told.append(
            f"{training.rows} rows are of {training.leads} leads ({', '.join(options.ids)}): a lead is never "
            "learnt from where it is tested, and counts once"
        )
    if not options.ids and (same := same_lines(source.table)):
        told.append(
            f"{same} rows are the same as another to the last cell: where a lead stands on several lines, "
            "figures are too good; name its id with --id"
        )
    return told


def _no_better(report: Mapping[str, Any]) -> bool:
    """Whether telling everybody the same rate loses no more than this model."""
    return bool(report["metrics"]["log_loss"] >= report["log_loss_of_rate"])


def _stays(path: Path) -> str:
    try:
        return f"{read_model(path)} stays: `python -m jobs score` goes on using it".capitalize()
    except BadConfig:
        return f"What lies at {path} stays, and is no model of this program"


def _report(training: Training) -> dict[str, Any]:
    report: dict[str, Any] = {
        "rows": training.rows,
        "base_rate": training.conversions / training.rows,
        "positive": training.positive,
        "model": "points",
        "metrics": None,
    }
    if training.model is None:
        report["note"] = _too_few(training)
    else:
        report |= training.model.report
    report["conversions"], report["left_out"] = training.conversions, training.left_out
    report["refused"] = [_finding(one) for one in training.verdict.refused]
    report["suspect"] = [_finding(one) for one in training.verdict.suspect]
    report["columns"] = {column.name: column.kind for column in training.columns}
    return report


def _finding(finding: Finding) -> dict[str, str]:
    return {"column": finding.column, "reason": finding.reason}


def _too_few(training: Training) -> str:
    return (
        f"{training.rarer} leads of the rarer outcome, {FEWEST_CONVERSIONS} are needed: the points score "
        "stays, train again when there are more"
    )


def _tell(training: Training, options: TrainingOptions, console: Console) -> None:
    rate = training.conversions / training.rows
    console.line(
        f"{training.rows} rows, {training.conversions} conversions ({rate:.1%}): "
        f"{options.outcome} says {training.positive}"
    )
    if training.left_out:
        known = f", or not {options.horizon_days} days old" if options.horizon_days else ""
        console.line(f"{training.left_out} rows left out: their outcome is not known yet{known}")
    elif options.time and options.horizon_days is None:
        console.line("Every row counts, however young: --horizon DAYS leaves out those not known yet")
    _tell_columns(training, options, console)
    for finding in training.verdict.refused:
        console.line(f"REFUSED {finding.column}: {finding.reason} (--accept to learn from it all the same)")
    for finding in training.verdict.suspect:
        console.line(f"SUSPECT {finding.column}: {finding.reason} (--exclude if it is filled in later)")
    if training.model is None:
        console.line(f"No model: {_too_few(training)}.")
        return
    _tell_model(training.model.report, console)


def _tell_columns(training: Training, options: TrainingOptions, console: Console) -> None:
    aside = {options.outcome, options.time, *options.ids, *options.excluded}
    kinds: dict[str, list[str]] = {}
    for column in training.columns:
        kinds.setdefault("set aside" if column.name in aside else column.kind, []).append(column.name)
    for kind, names in kinds.items():
        if kind == "identifier":
            console.line(f"set aside as identifier: {', '.join(names)} (--mapping to learn from it)")
        else:
            console.line(f"{kind}: {', '.join(names)}")


def _tell_model(report: Any, console: Console) -> None:
    console.line(
        f"Model: {report['model']}; calibration: {report['calibration']}; judged by {report['judged']}"
    )
    console.line("  " + ", ".join(f"{name} {value:.4f}" for name, value in report["metrics"].items()))
    low, high = report["interval"]["low"], report["interval"]["high"]
    console.line(
        f"  AUC lies between {low:.3f} and {high:.3f}" + (": few conversions" if report["wide"] else "")
    )
    if _no_better(report):
        console.line(
            f"  NO BETTER than telling everybody {report['base_rate']:.1%} (log loss "
            f"{report['log_loss_of_rate']:.4f}): what these columns say does not help, do not sort by it"
        )
    starts = report["band_starts"]
    for band in report["bands"]:
        console.line(
            f"  {band['band']} (from {100 * starts[band['band']]:g}): {band['rows']} rows, "
            f"{band['converted']:.1%} converted, lift {band['lift']:.2f}"
        )
    if report["empty_hot"]:
        console.line(
            f"  No lead reaches {100 * report['band_starts']['hot']:.0f} "
            f"(the highest is {100 * report['highest_probability']:.0f}): the hot band "
            "stays empty. Choose bands by capacity instead, for example the 50 best a week."
        )
    if shift := report.get("base_rate_shift"):
        console.line(
            f"  base rate: {shift['older']:.3f} in the older rows, {shift['newer']:.3f} in the newest fifth"
        )
