"""What each column of a table is (number, date, category, text, identifier, constant), told by its cells, and
by the file's other columns where its own decimal mark or the order of its dates could be either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from app.domain.errors import BadConfig, Fault
from app.domain.scoring.cells import (
    DATE_ORDERS,
    DECIMAL_MARKS,
    is_missing,
    mark_among,
    order_among,
    read_date,
    read_number,
    told,
    unread_by_form,
)
from app.domain.scoring.columns import (
    KINDS,
    Column,
    Floats,
    Table,
    frequent_levels,
    read_values,
)
from app.domain.scoring.identifiers import is_code, numbers_rows

DAY_AND_MONTH = ("dmy", "mdy")
ENOUGH_VALUES = 20
ALMOST_ALL = 0.9
COMMON = 0.3


@dataclass(frozen=True, slots=True)
class Forms:
    """What a file's columns together tell of how it writes numbers and days; None where they do not tell."""

    mark: str | None = None
    order: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A text column's distinct values, and how many of them each form leaves unread."""

    counts: Counter[str]
    rows: int
    marks: Mapping[str, int]
    orders: Mapping[str, int]


def seen(cells: Iterable[str]) -> Seen:
    """Look at a column once: what follows asks what was seen."""
    counts = Counter(cell.strip() for cell in cells)
    rows = counts.total()
    for cell in [cell for cell in counts if is_missing(cell)]:
        del counts[cell]
    values = list(counts)
    marks = unread_by_form(values, DECIMAL_MARKS, read_number)
    return Seen(counts, rows, marks, unread_by_form(values, DATE_ORDERS, read_date))


def forms_of(columns: Iterable[Seen]) -> Forms:
    """The decimal mark, and day or month first, that most columns which tell one tell."""
    marks: Counter[str] = Counter()
    orders: Counter[str] = Counter()
    for column in columns:
        values = list(column.counts)
        if values and order_among(values, column.orders):
            orders[told({order: column.orders[order] for order in DAY_AND_MONTH}) or ""] += 1
        elif values and mark_among(values, column.marks):
            marks[told(column.marks) or ""] += 1
    return Forms(_most(marks), _most(orders))


def _most(votes: Counter[str]) -> str | None:
    del votes[""]
    first, second = (*votes.most_common(2), ("", 0), ("", 0))[:2]
    return first[0] if first[1] > second[1] else None


def infer_columns(
    table: Table, kinds: Mapping[str, str] | None = None, converted: Floats | None = None
) -> tuple[Column, ...]:
    """The kind of every column; `kinds` (name to kind) overrules what the cells say. `converted` (1.0 or 0.0
    a row) helps to tell a record's number from a quantity.

    Raises BadConfig for a name the table does not hold or a kind that does not exist.
    """
    wanted = dict(kinds or {})
    _check_kinds(table, wanted)
    looked_at = {
        name: seen(cells) for name, cells in table.columns.items() if not isinstance(cells, np.ndarray)
    }
    forms = forms_of(looked_at.values())
    columns = []
    for name, cells in table.columns.items():
        if isinstance(cells, np.ndarray):
            columns.append(_numbers(name, cells, wanted.get(name)))
            continue
        column = _infer(name, looked_at[name], wanted.get(name), forms)
        if column.kind == "number" and name not in wanted:
            is_name = numbers_rows(name, read_values(column, cells), converted)
            column = Column(name, "identifier", column.form) if is_name else column
        columns.append(column)
    return tuple(columns)


def _check_kinds(table: Table, wanted: Mapping[str, str]) -> None:
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


def _numbers(name: str, cells: Floats, wanted: str | None) -> Column:
    filled = cells[~np.isnan(cells)]
    constant = len(np.unique(filled)) <= 1 and len(filled) == len(cells)
    return Column(name, wanted or ("constant" if constant or not len(filled) else "number"), ".")


def _infer(name: str, column: Seen, wanted: str | None, forms: Forms) -> Column:
    counts, values = column.counts, list(column.counts)
    if wanted:
        return Column(name, wanted, _form(wanted, column, forms))
    if not counts or (len(counts) == 1 and counts.total() == column.rows):
        return Column(name, "constant")
    if order := order_among(values, column.orders, usual=forms.order):
        return Column(name, "date", order)
    mark = None if is_code(name, counts) else mark_among(values, column.marks, usual=forms.mark)
    return Column(name, "number", mark) if mark else Column(name, _kind_of_words(counts, column.rows))


def _form(kind: str, column: Seen, forms: Forms) -> str:
    values = list(column.counts)
    if kind == "number":
        return mark_among(values, column.marks, 1.0, forms.mark) or "."
    if kind == "date":
        return order_among(values, column.orders, 0.5, forms.order) or "ymd"
    return ""


def _kind_of_words(counts: Counter[str], rows: int) -> str:
    if len(counts) >= ENOUGH_VALUES and len(counts) > ALMOST_ALL * counts.total():
        return "identifier" if counts.total() > ALMOST_ALL * rows else "text"
    common = sum(count for _, count in frequent_levels(counts, rows))
    return "category" if common >= COMMON * counts.total() else "text"
