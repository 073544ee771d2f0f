"""What each column of a table is (number, date, category, text, identifier, constant), told by its cells."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.errors import BadConfig, Fault
from app.domain.scoring.cells import date_order, decimal_mark, is_missing, read_date, read_number

Floats = NDArray[np.float64]
Cells = Sequence[str] | Floats

KINDS = ("number", "date", "category", "text", "identifier", "constant")
LEARNT_KINDS = ("number", "date", "category", "text")
MOST_LEVELS = 200

_LEADING_ZERO = re.compile(r"0\d+")
_LONG_DIGITS = re.compile(r"\d{16,}")
_DOTTED_ID = re.compile(r"\d{6,}\.\d{6,}")


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


def infer_columns(table: Table, kinds: Mapping[str, str] | None = None) -> tuple[Column, ...]:
    """The kind of every column; `kinds` (name to kind) overrules what the cells say.

    Raises BadConfig for a name the table does not hold or a kind that does not exist.
    """
    wanted = dict(kinds or {})
    faults = [
        Fault("mapping", name, "is no column of the file") for name in wanted if name not in table.columns
    ]
    faults += [
        Fault("mapping", name, f"kind must be one of {', '.join(KINDS)}")
        for name, kind in wanted.items()
        if kind not in KINDS
    ]
    if faults:
        raise BadConfig(faults)
    return tuple(_infer(name, cells, wanted.get(name)) for name, cells in table.columns.items())


def _infer(name: str, cells: Cells, wanted: str | None) -> Column:
    if isinstance(cells, np.ndarray):
        filled = cells[~np.isnan(cells)]
        constant = len(np.unique(filled)) <= 1 and len(filled) == len(cells)
        return Column(name, wanted or ("constant" if constant or not len(filled) else "number"), ".")
    counts = Counter(cell.strip() for cell in cells)
    for cell in [cell for cell in counts if is_missing(cell)]:
        del counts[cell]
    if wanted:
        return Column(name, wanted, _form(wanted, counts))
    if not counts or (len(counts) == 1 and counts.total() == len(cells)):
        return Column(name, "constant")
    return _infer_text(name, counts, len(cells))


def _form(kind: str, counts: Counter[str]) -> str:
    if kind == "number":
        return decimal_mark(counts, tolerance=1.0) or "."
    if kind == "date":
        return date_order(counts, tolerance=0.5) or "ymd"
    return ""


def _infer_text(name: str, counts: Counter[str], rows: int) -> Column:
    order = date_order(counts)
    if order:
        return Column(name, "date", order)
    mark = None if _looks_coded(name, counts) else decimal_mark(counts)
    if mark:
        return Column(name, "identifier" if _numbers_rows(counts, rows) else "number", mark)
    if len(counts) >= 20 and len(counts) > 0.9 * counts.total():
        return Column(name, "identifier" if counts.total() > 0.9 * rows else "text")
    common = sum(count for _, count in frequent_levels(counts, rows))
    return Column(name, "category" if common >= 0.3 * counts.total() else "text")


def _looks_coded(name: str, counts: Counter[str]) -> bool:
    """Digits that are a code: leading zeros, more digits than a number keeps, or a name that ends in id."""
    if re.search(r"(^|[\s_.-])id$", name.strip(), re.IGNORECASE) or re.search(r"[a-z](Id|ID)$", name.strip()):
        return True
    coded = sum(
        bool(_LEADING_ZERO.fullmatch(cell) or _LONG_DIGITS.fullmatch(cell) or _DOTTED_ID.fullmatch(cell))
        for cell in counts
    )
    return coded > 0.1 * len(counts)


def _numbers_rows(counts: Counter[str], rows: int) -> bool:
    """Whole numbers of five digits or more, one of its own on every row: they number the rows."""
    if rows < 50 or len(counts) < 0.999 * rows:
        return False
    return all(cell.isdigit() and len(cell) >= 5 for cell in counts)


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
