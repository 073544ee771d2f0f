"""A table as one matrix of floats, a column each: numbers and days as they are, categories as level codes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.domain.scoring.cells import is_missing
from app.domain.scoring.columns import (
    LEARNT_KINDS,
    Cells,
    Column,
    Floats,
    Table,
    filled,
    frequent_levels,
    read_values,
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The columns a model reads and, for each category, the levels it knows (empty for other kinds).

    A level's code is its place in `levels`; an unknown or rare one is `len(levels)`, a missing one
    `len(levels) + 1`. A text column is 1 where it says something. With `since`, dates count in days after
    that date column.
    """

    columns: tuple[Column, ...]
    levels: tuple[tuple[str, ...], ...]
    since: Column | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def is_category(self, place: int) -> bool:
        return self.columns[place].kind == "category"

    def only(self, places: Sequence[int]) -> Vocabulary:
        """The same reading of these columns alone."""
        columns = tuple(self.columns[place] for place in places)
        return Vocabulary(columns, tuple(self.levels[place] for place in places), self.since)

    def matrix(self, table: Table) -> Floats:
        """Rows by columns. A column the table lacks reads as missing in every row."""
        matrix = np.full((table.rows, len(self.columns)), np.nan, order="F")
        since: Floats | float | None = None
        if self.since is not None:
            cells = table.columns.get(self.since.name)
            since = np.nan if cells is None else read_values(self.since, cells)
        for place, column in enumerate(self.columns):
            cells = table.columns.get(column.name)
            if cells is None:
                cells = [""] * table.rows
            matrix[:, place] = self._read(place, cells)
            if column.kind == "date" and since is not None:
                matrix[:, place] -= since
        return matrix

    def _read(self, place: int, cells: Cells) -> Floats:
        column = self.columns[place]
        if column.kind == "category":
            return self._codes(self.levels[place], cells)
        if column.kind == "text":
            return filled(cells).astype(np.float64)
        return read_values(column, cells)

    @staticmethod
    def _codes(levels: Sequence[str], cells: Cells) -> Floats:
        places = {level: code for code, level in enumerate(levels)}
        if isinstance(cells, np.ndarray):
            cells = ["" if np.isnan(cell) else f"{cell:g}" for cell in cells]
        known = {
            cell: len(levels) + 1 if is_missing(cell) else places.get(cell.strip(), len(levels))
            for cell in set(cells)
        }
        return np.fromiter((known[cell] for cell in cells), dtype=np.float64, count=len(cells))


def learn_vocabulary(table: Table, columns: Sequence[Column], since: Column | None = None) -> Vocabulary:
    """The vocabulary of the columns a model can learn from; the others are left out."""
    learnt = tuple(column for column in columns if column.kind in LEARNT_KINDS)
    levels = tuple(
        _levels(table.columns[column.name]) if column.kind == "category" else () for column in learnt
    )
    return Vocabulary(learnt, levels, since)


def _levels(cells: Cells) -> tuple[str, ...]:
    if isinstance(cells, np.ndarray):
        cells = ["" if np.isnan(cell) else f"{cell:g}" for cell in cells]
    counts = Counter(cell.strip() for cell in cells if not is_missing(cell))
    return tuple(level for level, _ in frequent_levels(counts, len(cells)))
