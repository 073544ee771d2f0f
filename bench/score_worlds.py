"""Made histories of other schemas, whose true probabilities are known: how near a training comes to them.

`python -m bench.score_worlds [NAME ...]`; part of `python -m bench.score`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from app.domain.scoring.columns import Cells, Floats, Table
from app.domain.scoring.metrics import auc, measure
from app.domain.scoring.training import TrainingOptions, train

FRESH = 20_000
Columns = dict[str, Cells]
Draw = Callable[[np.random.Generator, int], tuple[Columns, Floats]]


@dataclass(frozen=True, slots=True)
class World:
    """`draw` gives columns as an export writes them and the margin of each row before the rate is set. `off`
    is how far below the true probabilities' AUC it may stay, `ece` what it may err by on fresh rows.
    """

    rows: int
    rate: float
    off: float
    ece: float
    draw: Draw


def _clinic(chance: np.random.Generator, rows: int) -> tuple[Columns, Floats]:
    age, visits = chance.normal(46, 14, rows), chance.poisson(2, rows)
    insurer = chance.choice(["Own", "Public", "None", ""], rows, p=[0.3, 0.4, 0.2, 0.1])
    columns: Columns = {
        "Age": [f"{one:.0f}" for one in age],
        "Visits": [str(one) for one in visits],
        "Insurer": insurer.tolist(),
        "Room": [f"R{one}" for one in chance.integers(1, 12, rows)],
    }
    return columns, 0.04 * (age - 46) + 0.5 * visits + 0.9 * (insurer == "Own")


def _trials(chance: np.random.Generator, rows: int) -> tuple[Columns, Floats]:
    """Minutes of use say nearly everything, and honestly so. Below the AUC of 0.85: from there on the leak
    guard refuses a column that reaches more than all others, which rows alone cannot tell from a leak.
    """
    minutes, seats = chance.gamma(1.5, 40, rows), chance.integers(1, 30, rows)
    country = chance.integers(0, 15, rows)
    columns: Columns = {
        "minutes_used": [f"{one:.1f}" for one in minutes],
        "seats": [
            "" if blank else str(one) for one, blank in zip(seats, chance.random(rows) < 0.2, strict=True)
        ],
        "country": [f"C{one}" for one in country],
        "plan": chance.choice(["free", "team", "school"], rows).tolist(),
    }
    return columns, 1.8 * np.log1p(minutes / 20) + 0.02 * seats + 0.3 * (country < 3)


def _shop(chance: np.random.Generator, rows: int) -> tuple[Columns, Floats]:
    """A campaign column of 20,000 levels, most of them rare."""
    campaign = np.minimum(chance.zipf(1.2, rows), 20_000)
    worth = np.random.default_rng(5).normal(0, 0.8, 20_001)
    baskets, idle = chance.poisson(1.5, rows), chance.exponential(20, rows)
    columns: Columns = {
        "utm_campaign": [f"camp-{one}" for one in campaign],
        "baskets": [str(one) for one in baskets],
        "days_idle": [f"{one:.1f}" for one in idle],
        "device": chance.choice(["phone", "desktop", "tablet"], rows).tolist(),
    }
    return columns, worth[campaign] + 0.6 * baskets - 0.03 * idle


def _academy(chance: np.random.Generator, rows: int) -> tuple[Columns, Floats]:
    """In Spanish: decimal commas, days first, and two columns that matter together alone."""
    nota, abiertos = chance.normal(6.5, 1.5, rows), chance.poisson(4, rows)
    turno, pago = chance.integers(0, 2, rows), chance.integers(0, 2, rows)
    alta = np.datetime64("2025-01-01") + chance.integers(0, 360, rows)
    columns: Columns = {
        "Nota media": [f"{one:.2f}".replace(".", ",") for one in nota],
        "Correos abiertos": [str(one) for one in abiertos],
        "Turno": [("Mañana", "Tarde")[one] for one in turno],
        "Forma de pago": [("Plazos", "Único")[one] for one in pago],
        "Fecha de alta": [f"{one.day:02d}/{one.month:02d}/{one.year}" for one in alta.tolist()],
    }
    return columns, 0.5 * (nota - 6.5) + 0.3 * abiertos + 1.4 * (turno == pago)


WORLDS: Mapping[str, World] = {
    "clinic": World(300, 0.40, 0.03, 0.06, _clinic),
    "trials": World(2_500, 0.06, 0.02, 0.02, _trials),
    "academy": World(5_000, 0.25, 0.02, 0.02, _academy),
    "shop": World(40_000, 0.15, 0.02, 0.02, _shop),
}


def worlds(names: tuple[str, ...], show: Callable[..., bool]) -> Iterator[bool]:
    """Learn each, then judge it on fresh rows of the same world; `show` prints a figure beside its target."""
    for name in names:
        yield from _judged(name, WORLDS[name], show)


def _judged(name: str, world: World, show: Callable[..., bool]) -> Iterator[bool]:
    chance = np.random.default_rng(17)
    columns, margin = world.draw(chance, world.rows + FRESH)
    truth = 1 / (1 + np.exp(-(margin + _shift(margin, world.rate))))
    converted = (chance.random(len(truth)) < truth).astype(np.float64)
    table = Table({**columns, "won": ["yes" if one else "no" for one in converted]}, len(truth))
    known, fresh = np.arange(world.rows), np.arange(world.rows, table.rows)
    training = train(table.take(known), TrainingOptions("won"), lambda _: None)
    if training.model is None:
        raise SystemExit(f"{name}: too few conversions")
    refused = ", ".join(one.column for one in training.verdict.refused)
    model, true = training.model, auc(converted[fresh], truth[fresh])
    print(
        f"{name}: {world.rows} rows, {training.conversions} conversions: {model.report['model']}", flush=True
    )
    found = measure(converted[fresh], model.probability(model.vocabulary.matrix(table.take(fresh))))
    yield show(
        f"  AUC on fresh rows (true probabilities {true:.4f})", found["auc"], true - world.off, at_least=True
    )
    yield show("  expected calibration error on fresh rows", found["ece"], world.ece)
    print(f"  refused: {refused or 'none'}{' MISSED' if refused else ''}")
    yield not refused


def _shift(margin: Floats, rate: float) -> float:
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 / (1 + np.exp(-(margin + middle)))).mean() < rate else (low, middle)
    return low


def main() -> int:
    """Print the figures of the named worlds, or of all; 1 where one misses its target."""
    from bench.score import show

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(WORLDS))
    asked = tuple(parser.parse_args().names) or tuple(WORLDS)
    return 0 if all([*worlds(asked, show)]) else 1


if __name__ == "__main__":
    sys.exit(main())
