"""Leads that stand on several lines of a file, as where contacts are joined with their deals: which rows are
one lead's. Rows of one lead may not learn and test side by side, and count as one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.domain.scoring.cells import is_missing
from app.domain.scoring.columns import Cells, Floats, Table

MOST_LINES, MOST_SHARE = 10, 0.02
"""What stands on more lines than both (a stand-in such as "unknown", an owner) is no lead's id."""

Groups = NDArray[np.intp]
"""By row the number of its lead, from 0 on."""


def leads_of(table: Table, ids: Sequence[str]) -> Groups:
    """Which rows are of one lead: those that share an id in any of the columns `ids`, directly or by others
    between them. Without a column each row is a lead.
    """
    shared = [_numbered(table.columns[name], table.rows) for name in ids]
    leads, before = np.arange(table.rows), None
    while before is None or not np.array_equal(leads, before):
        before = leads
        for numbers in shared:
            lowest = np.full(int(numbers.max(initial=0)) + 1, table.rows)
            np.minimum.at(lowest, numbers, leads)
            leads = lowest[numbers]
    return np.unique(leads, return_inverse=True)[1].astype(np.intp)


def _numbered(cells: Cells, rows: int) -> Groups:
    """Each id's number; a row without one, or with one that is no lead's, has a number of its own."""
    texts = [str(cell).strip().casefold() for cell in cells]
    most = max(MOST_LINES, MOST_SHARE * rows)
    numbers = {
        text: number
        for number, (text, lines) in enumerate(Counter(texts).items())
        if lines <= most and not is_missing(text)
    }
    return np.array([numbers.get(text, rows + row) for row, text in enumerate(texts)], dtype=np.intp)


def converted_leads(converted: Floats, leads: Groups) -> Floats:
    """By lead 1.0 where any of its rows converted, else 0.0."""
    found = np.zeros(int(leads.max(initial=-1)) + 1)
    np.maximum.at(found, leads, converted)
    return found


def same_lines(table: Table) -> int:
    """How many rows are the same as an earlier one to the last cell."""
    lines = {hash(line) for line in zip(*table.columns.values(), strict=True)}
    return table.rows - len(lines)
