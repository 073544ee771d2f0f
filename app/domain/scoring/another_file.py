"""A model meets a file other than the one it learnt from: how that file writes its numbers and days, and what
cannot be read in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.domain.scoring.cells import mark_among, order_among
from app.domain.scoring.columns import Column, Floats, Table, filled, read_values
from app.domain.scoring.kinds import Forms, Seen, forms_of, seen
from app.domain.scoring.vocabulary import Vocabulary


def vocabulary_for(vocabulary: Vocabulary, table: Table) -> Vocabulary:
    """The same columns, each read as this table writes it: as its own cells tell, else as the table's other
    columns do, else as learnt.
    """
    looked_at = {name: seen(cells) for name, cells in table.columns.items() if not _is_read(cells)}
    forms = forms_of(looked_at.values())

    def now(column: Column) -> Column:
        return _as_written(column, looked_at.get(column.name), forms)

    since = None if vocabulary.since is None else now(vocabulary.since)
    return replace(vocabulary, columns=tuple(now(column) for column in vocabulary.columns), since=since)


def _is_read(cells: object) -> bool:
    return isinstance(cells, np.ndarray)


def _as_written(column: Column, found: Seen | None, forms: Forms) -> Column:
    if found is None or not found.counts or column.kind not in {"number", "date"}:
        return column
    values = list(found.counts)
    if column.kind == "number":
        form = mark_among(values, found.marks, 1.0, forms.mark or column.form)
    else:
        form = order_among(values, found.orders, 1.0, forms.order or column.form)
    return replace(column, form=form or column.form)


@dataclass(frozen=True, slots=True)
class Unread:
    """How many of a column's cells say something, and how many of these could not be read."""

    said: int = 0
    unread: int = 0

    def __add__(self, other: Unread) -> Unread:
        return Unread(self.said + other.said, self.unread + other.unread)

    @property
    def share(self) -> float:
        return self.unread / max(self.said, 1)


def unread_cells(vocabulary: Vocabulary, table: Table, matrix: Floats) -> dict[str, Unread]:
    """By number or date column of this table; `matrix` is `vocabulary.matrix(table)`."""
    found, dated = {}, np.full(table.rows, vocabulary.since is None)
    if vocabulary.since is not None and vocabulary.since.name in table.columns:
        cells = table.columns[vocabulary.since.name]
        dated = ~np.isnan(read_values(vocabulary.since, cells))
        found[vocabulary.since.name] = _counted(filled(cells), dated)
    for place, column in enumerate(vocabulary.columns):
        if column.kind not in {"number", "date"} or column.name not in table.columns:
            continue
        said = filled(table.columns[column.name])
        if column.kind == "date" and vocabulary.since is not None:
            said &= dated
        found[column.name] = _counted(said, ~np.isnan(matrix[:, place]))
    return found


def _counted(said: NDArray[np.bool_], read: NDArray[np.bool_]) -> Unread:
    return Unread(int(said.sum()), int((said & ~read).sum()))
