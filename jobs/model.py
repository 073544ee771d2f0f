"""The models the store keeps: which one scores, how good it is, and the way back to an older one."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from typing import Any

from app.domain.scoring.points import MODEL_CODE
from app.pipeline.champion import champion
from app.pipeline.model_watch import watch
from app.pipeline.points_watch import watch_points
from app.pipeline.through import data_through
from app.services import Services
from app.store import models
from app.store.models import StoredModel
from app.wiring import open_services
from jobs.console import Console

NAME = "model"
HELP = "Show how good the score is and what has changed since its training, or go back to another model."
POINTS = "points"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to go back to, and how to report."""
    parser.add_argument("--restore", metavar="ID", help='let this model score again; "points": let none')
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(args: argparse.Namespace, console: Console) -> int:
    """Returns 1 where the model to restore is not kept."""
    with open_services(os.environ) as services:
        if args.restore is not None and not _restore(services, args.restore):
            console.error(f"No model {args.restore} is kept: python -m jobs model lists them")
            return 1
        seen = watch(services, services.clock()) or watch_points(services, services.clock())
        with services.database.connect() as conn:
            kept, through = models.all_models(conn), data_through(conn, services)
    crowned = next((one for one in kept if one.state == "champion"), None)
    if console.as_json:
        console.report(_report(crowned, kept, seen) | {"data_through": through})
    else:
        _tell(crowned, kept, seen, console)
    return 0


def _restore(services: Services, named: str) -> bool:
    """Raises BadConfig, and changes nothing, where what is kept cannot be read."""
    if named != POINTS and not named.isdigit():
        return False
    with services.database.begin() as conn:
        found = models.crown(conn, None if named == POINTS else int(named), services.clock())
        champion(conn)
        return found


def _report(crowned: StoredModel | None, kept: list[StoredModel], seen: dict[str, Any]) -> dict[str, Any]:
    return {
        "scores": POINTS if crowned is None else f"model {crowned.id}",
        "report": None if crowned is None else crowned.report,
        "watch": seen,
        "models": [
            {
                "id": one.id,
                "state": one.state,
                "trained_at": one.trained_at,
                "sha256": one.sha256,
                "metrics": one.report["metrics"],
                "against": one.report["against"],
            }
            for one in kept
        ],
    }


def _tell(
    crowned: StoredModel | None, kept: list[StoredModel], seen: dict[str, Any], console: Console
) -> None:
    if crowned is None:
        _tell_points(seen["known"], console)
    else:
        _tell_champion(crowned, seen, console)
    _tell_feedback(seen, console)
    for one in kept:
        figures = one.report["metrics"]
        console.line(
            f"model {one.id} {one.state}, trained {one.trained_at:%Y-%m-%d %H:%M}: AUC {figures['auc']:.4f}, "
            f"log loss {figures['log_loss']:.4f}; {_verdict(one.report['against'])}"
        )


def _verdict(against: Mapping[str, Any]) -> str:
    """Why it won or lost, and by how much; models of older releases do not tell the latter."""
    gain, why = against.get("gain"), str(against["why"])
    return why if gain is None else f"{why} (saved {gain:.4f}, standard error {against['error']:.4f})"


def _tell_points(known: Mapping[str, Any], console: Console) -> None:
    console.line("Points score: no model does. python -m jobs train learns one.")
    console.line(f"  known by now: {known['rows']} leads at their cuts, {known['conversions']} conversions")
    if known["interval"]:
        low, high = known["interval"]["low"], known["interval"]["high"]
        console.line(f"  AUC {known['auc']:.3f}, between {low:.3f} and {high:.3f}")
    _tell_bands(known["bands"], console)


def _tell_bands(bands: Sequence[Mapping[str, Any]], console: Console) -> None:
    for band in bands:
        console.line(
            f"  {band['band']}: {band['rows']} leads, {band['converted']:.1%} converted, "
            f"lift {band['lift']:.2f}"
        )


def _tell_champion(crowned: StoredModel, seen: dict[str, Any], console: Console) -> None:
    report = crowned.report
    console.line(f"Model {crowned.id} scores: {report['model']}, calibration {report['calibration']}")
    console.line("  " + ", ".join(f"{name} {value:.4f}" for name, value in report["metrics"].items()))
    low, high = report["interval"]["low"], report["interval"]["high"]
    console.line(f"  AUC lies between {low:.3f} and {high:.3f}")
    _tell_bands(report["bands"], console)
    for point in report["reliability"]:
        console.line(
            f"  said {point['predicted']:.3f}, came {point['converted']:.3f} ({point['rows']} leads)"
        )
    for point in report["learning_curve"]:
        console.line(f"  learnt from {point['rows']} leads: AUC {point['auc']:.4f}")
    strongest = list(report["importance"].items())[:5]
    told = ", ".join(f"{name.removeprefix(MODEL_CODE)} {value:.1f}" for name, value in strongest)
    console.line(f"  moves scores most (points): {told}")
    since = seen["since_training"]
    console.line(f"  since training: {since['rows']} outcomes known, {since['conversions']} conversions")
    if since["rows"]:
        console.line(
            f"  {since['base_rate']:.1%} convert since, {report['base_rate']:.1%} did; "
            f"AUC {since['metrics']['auc']:.3f}, calibration error {since['metrics']['ece']:.3f}"
        )
    for kind in ("refused", "suspect"):
        for finding in report[kind]:
            console.line(f"  {kind}: {finding['column']}: {finding['reason']}")
    for alarm in seen["alarms"]:
        console.line(f"  ALARM {alarm}")


def _tell_feedback(seen: Mapping[str, Any], console: Console) -> None:
    for answer, said in seen["feedback"].items():
        standing = (
            "not scored" if said["standing"] is None else f"score {100 * said['standing']:.0f} on average"
        )
        console.line(f"  sales say {answer}: {said['leads']} leads, {standing}")
    if agrees := seen["agreement"]:
        low, high = agrees["interval"]["low"], agrees["interval"]["high"]
        console.line(f"  good above not a fit: AUC {agrees['auc']:.3f}, between {low:.3f} and {high:.3f}")
