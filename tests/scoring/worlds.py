"""Made-up histories for the scoring tests: honest columns of known strength, and leaks to add to them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.domain.scoring.columns import Cells, Floats, Table

CHANNELS = ("Ads", "Mail", "Referral", "Direct", "SMS")


def shift_for(margin: Floats, rate: float) -> float:
    """What to add to the margins so that this share converts."""
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 / (1 + np.exp(-(margin + middle)))).mean() < rate else (low, middle)
    return low


def history(
    rows: int, rate: float, seed: int, *, strength: float = 1.0, others: float = 1.0
) -> tuple[dict[str, Cells], NDArray[np.bool_], np.random.Generator]:
    """Columns, who converted, and the chance to go on with. `minutes` is the strongest, by `strength`."""
    chance = np.random.default_rng(seed)
    minutes, pages = chance.normal(size=rows), chance.poisson(3, rows).astype(float)
    channel, country, noise = (chance.integers(0, size, rows) for size in (5, 9, 50))
    margin = 1.4 * strength * minutes + others * (
        0.25 * pages + 0.8 * (channel == 2) - 0.9 * (channel == 4) + 0.3 * (country == 1)
    )
    converted = chance.random(rows) < 1 / (1 + np.exp(-(margin + shift_for(margin, rate))))
    pages[chance.random(rows) < 0.1] = np.nan
    columns: dict[str, Cells] = {
        "minutes": np.round(30 + 10 * minutes, 2),
        "pages": pages,
        "noise": noise.astype(float),
        "channel": [CHANNELS[one] for one in channel],
        "country": ["" if chance.random() < 0.2 else f"C{one}" for one in country],
    }
    return columns, converted, chance


def as_text(columns: Mapping[str, Cells], decimal: str = ".") -> dict[str, list[str]]:
    """The same columns as an export would write them."""
    return {
        name: [
            cell if isinstance(cell, str) else "" if np.isnan(cell) else f"{cell:g}".replace(".", decimal)
            for cell in cells
        ]
        for name, cells in columns.items()
    }


def write_csv(
    path: Path, columns: Mapping[str, Sequence[str]], *, delimiter: str = ",", bom: bool = False
) -> Path:
    with path.open("w", encoding="utf-8-sig" if bom else "utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def table_of(columns: Mapping[str, Cells]) -> Table:
    return Table(dict(columns), len(next(iter(columns.values()))))
