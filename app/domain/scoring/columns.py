"""A table of text or number columns, what a column can be, and its cells read as numbers or days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.scoring.cells import is_missing, read_date, read_number

Floats = NDArray[np.float64]
Cells = Sequence[str] | Floats

KINDS = ("number", "date", "category", "text", "identifier", "constant")
LEARNT_KINDS = ("number", "date", "category", "text")
MOST_LEVELS = 200


@dataclass(frozen=True, slots=True)
class Table:
    """Columns side by side; a cell is the text as read, or a float column (NaN is missing) already read."""

    columns: Mapping[str, Cells]
    rows: int

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.columns)

    def take(self, rows: NDArray[np.intp]) -> Table:
        """The same columns, these rows in this order."""
        picked: dict[str, Cells] = {}
        for name, cells in self.columns.items():
            picked[name] = cells[rows] if isinstance(cells, np.ndarray) else [cells[row] for row in rows]
        return Table(picked, len(rows))


@dataclass(frozen=True, slots=True)
class Column:
    """One column's name, kind and how its cells are read (decimal mark of a number, part order of a date)."""

    name: str
    kind: str
    form: str = ""


def frequent_levels(counts: Counter[str], rows: int) -> list[tuple[str, int]]:
    """The values common enough to learn from, most common first (ties by name, so that order is settled)."""
    least = 10 if rows >= 1000 else 5
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(cell, count) for cell, count in ordered[:MOST_LEVELS] if count >= least]


def read_values(column: Column, cells: Cells) -> Floats:
    """A number or date column as floats (dates in days since 1970); a cell that cannot be read is NaN."""
    if isinstance(cells, np.ndarray):
        return np.asarray(cells, dtype=np.float64)
    read = read_date if column.kind == "date" else read_number
    known: dict[str, float] = {}
    for cell in set(cells):
        value = None if is_missing(cell) else read(cell, column.form)
        known[cell] = float("nan") if value is None or abs(value) > 1e30 else value
    return np.fromiter((known[cell] for cell in cells), dtype=np.float64, count=len(cells))


def filled(cells: Cells) -> NDArray[np.bool_]:
    """Which cells say something."""
    if isinstance(cells, np.ndarray):
        return ~np.isnan(cells)
    said = {cell: not is_missing(cell) for cell in set(cells)}
    return np.fromiter((said[cell] for cell in cells), dtype=np.bool_, count=len(cells))
