"""The score's figures beside their targets: honest columns, a split in time, leaks, made histories of other
schemas, and what rescoring costs.

`python -m bench.score`; `--rows` sets the size of the largest rescoring.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from app.domain.scoring.columns import Floats, Table
from app.domain.scoring.levels import bands_of
from app.domain.scoring.metrics import measure
from app.domain.scoring.model import TrainedModel
from app.domain.scoring.model_file import from_bytes, to_bytes
from app.domain.scoring.training import Training, TrainingOptions, train
from app.domain.standing import SEED_BANDS
from app.table_files import read_table
from bench.score_worlds import WORLDS, worlds

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
EDUCATION = SHARED / "x_education" / "leads_oldest80.csv"
SHOPPERS = SHARED / "online_shoppers" / "online_shoppers_intention.csv"
FILLED_BY_SALES = (
    "Tags", "Lead Quality", "Lead Profile", "Asymmetrique Activity Index", "Asymmetrique Profile Index",
    "Asymmetrique Activity Score", "Asymmetrique Profile Score", "Last Notable Activity",
)  # fmt: skip
CHUNK = 50_000


def main() -> int:
    """Print every figure; 1 where one misses its target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    args = parser.parse_args()
    results = [*_quality(), *_leaks()] if EDUCATION.exists() and SHOPPERS.exists() else []
    if not results:
        print("the shared data folder is absent: quality and leaks are left out")
    results += [*_speed(args.rows), *worlds(tuple(WORLDS), show)]
    return 0 if all(results) else 1


def show(name: str, value: float, target: float, *, at_least: bool = False) -> bool:
    """Print a figure beside its target; whether it meets it."""
    met = value >= target if at_least else value <= target
    sign = ">=" if at_least else "<="
    print(f"{name:<52} {value:>10.4f}   {sign} {target:<8g} {'' if met else 'MISSED'}", flush=True)
    return met


def _trained(table: Table, outcome: str, **more: object) -> Training:
    return train(table, TrainingOptions(outcome, **more), lambda _: None)  # type: ignore[arg-type]  # by name


def _model(training: Training) -> TrainedModel:
    if training.model is None:
        raise SystemExit("no model: too few conversions")
    return training.model


def _quality() -> Iterator[bool]:
    table, start = read_table(EDUCATION), time.perf_counter()
    report = _model(_trained(table, "Converted", excluded=FILLED_BY_SALES)).report
    took, found = time.perf_counter() - start, report["metrics"]
    print(f"x_education, honest columns: {report['model']}, calibration {report['calibration']}")
    yield show("  AUC, 5 folds pooled", found["auc"], 0.902, at_least=True)
    yield show("  Brier score", found["brier"], 0.1225)
    yield show("  log loss", found["log_loss"], 0.385)
    yield show("  expected calibration error", found["ece"], 0.015)
    print(f"  average precision {found['average_precision']:.4f}, lift at 10 % {found['lift_at_10']:.2f}")
    yield show("  training, s", took, 60)
    yield from _in_time(table)


def _in_time(table: Table) -> Iterator[bool]:
    cut = int(0.8 * table.rows)
    older, newer = table.take(np.arange(cut)), table.take(np.arange(cut, table.rows))
    model = _model(_trained(older, "Converted", time="Lead Number", excluded=FILLED_BY_SALES))
    converted = np.array([float(cell) for cell in newer.columns["Converted"]])
    found = measure(converted, model.score(newer).probability)
    rates = [np.mean([float(cell) for cell in part.columns["Converted"]]) for part in (older, newer)]
    print(f"x_education, oldest 80 % to newest 20 %: base rate {rates[0]:.3f} to {rates[1]:.3f}")
    yield show("  AUC", found["auc"], 0.905, at_least=True)
    yield show("  expected calibration error", found["ece"], 0.04)


def _leaks() -> Iterator[bool]:
    for path, outcome, leak, suspect in (
        (EDUCATION, "Converted", "Tags", {"Lead Quality"}),
        (SHOPPERS, "Revenue", "PageValues", set()),
    ):
        verdict = _trained(read_table(path), outcome).verdict
        refused = [finding.column for finding in verdict.refused]
        found = [finding.column for finding in verdict.suspect]
        suspects = ", ".join(found) or "none"
        met = refused == [leak] and suspect <= set(found)
        print(f"{path.stem}: refused {', '.join(refused)}; suspect {suspects} {'' if met else 'MISSED'}")
        yield met


def _speed(rows: int) -> list[bool]:
    """A blend of all families over made-up leads: the dearest model that a training can choose."""
    model = _dearest()
    results = []
    print("rescoring (features, probability, band); receipts; one lead")
    for size in (rows // 100, rows // 10, rows):
        start = time.perf_counter()
        for chunk in _chunks(size):
            bands_of(model.probability(model.vocabulary.matrix(chunk)), SEED_BANDS.published)
        results.append(show(f"  {size} rows in full, s", time.perf_counter() - start, 60))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    results.append(show("  peak memory, training included, MB", peak, 400))
    for size, target in ((10_000, 8), (100_000, 60)):
        start = time.perf_counter()
        for chunk in _chunks(size):
            model.score(chunk)
        results.append(show(f"  {size} changed leads with receipts, s", time.perf_counter() - start, target))
    one, took = next(_chunks(1)), []
    for _ in range(20):
        start = time.perf_counter()
        model.score(one)
        took.append(1000 * (time.perf_counter() - start))
    results.append(show("  one lead with its receipt, ms (slowest of 20)", max(took), 50))
    return results


def _chunks(rows: int) -> Iterator[Table]:
    for first in range(0, rows, CHUNK):
        yield _leads(min(CHUNK, rows - first), first)[0]


def _leads(rows: int, seed: int) -> tuple[Table, Floats]:
    """Twenty columns, half of them text, and who converted."""
    chance = np.random.default_rng(seed)
    numbers, places = chance.normal(size=(rows, 10)), chance.integers(0, 30, (rows, 10))
    margin = numbers @ np.linspace(1, 0.1, 10) + (places[:, :3] < 8).sum(axis=1) - 2.5
    converted = (chance.random(rows) < 1 / (1 + np.exp(-margin))).astype(np.float64)
    columns = {f"number {place}": numbers[:, place] for place in range(10)}
    words = [f"level {level}" for level in range(30)]
    texts = {f"text {place}": [words[one] for one in places[:, place]] for place in range(10)}
    return Table({**columns, **texts}, rows), converted


def _dearest() -> TrainedModel:
    return dearest(*_leads(4000, 1))


def dearest(table: Table, converted: Floats) -> TrainedModel:
    """A blend of all families, the dearest model that a training can choose, as it is read from its file."""
    from app.domain.scoring.selection import learners_for

    outcome = ["1" if one else "0" for one in converted]
    model = _model(
        _trained(Table({**table.columns, "won": outcome}, table.rows), "won", accepted=table.names)
    )
    matrix = model.vocabulary.matrix(table)
    families = {learner.family: learner for learner in learners_for(1000, table.rows)}.values()
    parts = tuple(one.fit(model.vocabulary, matrix, converted, 0) for one in families)
    blend = TrainedModel(model.vocabulary, parts, model.calibration, model.profiles, model.report)
    return from_bytes(to_bytes(blend))


if __name__ == "__main__":
    sys.exit(main())
