"""Which rows of a history converted: the outcome column read as yes, no or not known yet."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from app.domain.errors import BadConfig, Fault
from app.domain.scoring.cells import (
    DECIMAL_MARKS,
    date_order,
    is_missing,
    read_date,
    read_number,
    stands_for_no_day,
)
from app.domain.scoring.columns import Floats, Table

POSITIVE_WORDS = frozenset(
    {"true", "t", "yes", "y", "si", "s", "verdadero", "won", "converted", "closed won", "customer", "cliente",
     "ganado", "convertido"}
)  # fmt: skip
TICKS = frozenset({"x", "✓", "✔", "☑"})
"""What means yes where the other rows are blank."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Converted or not, for the rows whose outcome is known; `at` is the day of conversion if it is told."""

    converted: NDArray[np.bool_]
    rows: NDArray[np.intp]
    positive: str
    at: Floats | None = None


def read_outcome(table: Table, name: str, positive: str | None = None) -> Outcome:
    """Read the outcome column. A row without one is left out, unless conversions alone are written down.

    Raises BadConfig where the column is absent, holds one value only, or leaves open which value is a
    conversion.
    """
    if name not in table.columns:
        raise _fault(name, "is no column of the file")
    cells = [str(cell).strip() for cell in table.columns[name]]
    nothing = {cell: is_missing(cell) or cell == "nan" or stands_for_no_day(cell) for cell in set(cells)}
    counts = Counter(cell for cell in cells if not nothing[cell])
    blank = np.array([nothing[cell] for cell in cells])
    order = date_order(counts) if counts else None
    if positive is None and order:
        days = [None if nothing[cell] else read_date(cell, order) for cell in cells]
        at = np.array([np.nan if day is None else day for day in days])
        return _checked(name, Outcome(~np.isnan(at), np.arange(len(cells)), "a date", at))
    word = positive if positive is not None else _positive_word(name, counts)
    wanted, meant = _meaning(word), {cell: _meaning(cell) for cell in set(cells)}
    converted = np.array([meant[cell] == wanted for cell in cells])
    only_conversions = bool(counts) and all(meant[cell] == wanted for cell in counts)
    rows = np.arange(len(cells)) if only_conversions else np.flatnonzero(~blank)
    return _checked(name, Outcome(converted[rows], rows, word))


def within_horizon(outcome: Outcome, entered: Floats, days: int, today: float = inf) -> Outcome:
    """Right-censored rows left out: those that came in less than `days` before the file's newest day,
    whatever happened to them, and those without a day. `entered` is of every row of the file; a day after
    `today` is a typing error, and not the newest. Where the day of conversion is told, a conversion after
    the horizon is none.
    """
    known = entered[outcome.rows]
    newest = max((day for day in entered.tolist() if day <= today), default=-inf)
    over = known <= newest - days
    converted = outcome.converted
    if outcome.at is not None:
        converted = converted & (outcome.at[outcome.rows] - known <= days)
    kept = Outcome(converted[over], outcome.rows[over], outcome.positive, outcome.at)
    if not len(kept.rows) or kept.converted.all() or not kept.converted.any():
        message = "leaves no history with both outcomes: give a longer one or a shorter horizon"
        raise BadConfig([Fault("--horizon", str(days), message)])
    return kept


def _positive_word(name: str, counts: Counter[str]) -> str:
    meanings = {_meaning(cell): cell for cell in counts}
    coded = set(meanings) <= {0.0, 1.0}  # beside a 2 or a word, 1 may as well mean no
    positive = POSITIVE_WORDS | ({1.0} if coded else set()) | (TICKS if len(meanings) == 1 else set())
    known = [cell for meaning, cell in meanings.items() if meaning in positive]
    if len(known) == 1 and len(meanings) <= 2:
        return known[0]
    shown = ", ".join(repr(cell) for cell, _ in counts.most_common(5))
    raise _fault(name, f"say with --positive which value is a conversion (it holds {shown})")


def _meaning(cell: str) -> str | float:
    """What two spellings of one value have in common: the number, or the word without case and accents."""
    for mark in DECIMAL_MARKS:
        number = read_number(cell, mark)
        if number is not None:
            return number
    signs = unicodedata.normalize("NFKD", cell.strip().casefold())
    return "".join(sign for sign in signs if not unicodedata.combining(sign))


def _checked(name: str, outcome: Outcome) -> Outcome:
    if not len(outcome.rows) or outcome.converted.all():
        raise _fault(name, "holds no row that did not convert: give a history with both")
    if not outcome.converted.any():
        raise _fault(name, f"holds no conversion ({outcome.positive!r}): check the column and --positive")
    return outcome


def _fault(name: str, message: str) -> BadConfig:
    return BadConfig([Fault("--outcome", name, message)])
