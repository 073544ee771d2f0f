"""Exact Shapley values of a sum of trees, a column being a player.

The game is the path-dependent one of Lundberg and others (2020): a column outside the coalition lets a row
follow both branches, weighed by cover. In a leaf reached over columns i the game is a product of factors,
each 1 or 0 (in the coalition: does the row pass?) or the share of cover that passes (outside). Its Shapley
value is an integral over t of products, which Gauss-Legendre quadrature gives exactly. The answer depends
only on which of the leaf's columns let the row pass, so it is tabled once per leaf.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.domain.scoring.columns import Floats
from app.domain.scoring.trees import Trees

ROWS_AT_ONCE = 8192
FEW_ROWS = 100
TABLE_CELLS = 1 << 19

Passes = dict[int, NDArray[np.uint8]]
"""By column, for each row 1 where it passes on the way so far, else 0."""

# The bits of a pattern, in a byte for as long as one holds them: narrow numbers are what makes it quick.
_BITS = tuple(np.uint8(bit) for bit in range(8))
_WIDE_BITS = tuple(np.uint16(bit) for bit in range(16))


@dataclass(frozen=True, slots=True)
class _Gate:
    """What one column must be on the way to a leaf: above `low`, at most `high`; `blank`: may be missing.

    `share` is the part of the cover that passes.
    """

    share: float = 1.0
    low: float = -np.inf
    high: float = np.inf
    blank: bool = True

    def left(self, share: float, threshold: float, missing_left: bool) -> _Gate:
        return _Gate(self.share * share, self.low, min(self.high, threshold), self.blank and missing_left)

    def right(self, share: float, threshold: float, missing_left: bool) -> _Gate:
        return _Gate(self.share * share, max(self.low, threshold), self.high, self.blank and not missing_left)


@dataclass(frozen=True, slots=True)
class _Leaf:
    columns: tuple[int, ...]
    gates: tuple[_Gate, ...]
    value: float


class TreeShares:
    """Tables for one Trees, built once: `base` is the average answer, `shares` explains each row's answer."""

    def __init__(self, trees: Trees) -> None:
        self._trees = trees
        leaves: dict[int, _Leaf] = {}
        for first in trees.starts[:-1]:
            _collect(trees, int(first), 0, {}, leaves)
        self.base = sum(
            leaf.value * float(np.prod([gate.share for gate in leaf.gates])) for leaf in leaves.values()
        )
        self._columns = {node: leaf.columns for node, leaf in leaves.items()}
        self._tables = _tables(leaves)
        self._flat = _flatten(leaves, self._tables)
        self._share_cells()

    def shares(self, matrix: Floats) -> Floats:
        """Rows by columns; each row sums to its answer less `base`."""
        shares = np.zeros(matrix.shape, order="F")
        if len(matrix) <= FEW_ROWS:
            for row, values in enumerate(matrix):
                shares[row] = self._flat.shares(values)
            return shares
        for first in range(0, len(matrix), ROWS_AT_ONCE):
            rows = slice(first, first + ROWS_AT_ONCE)
            self._add(np.asfortranarray(matrix[rows]), shares[rows])
        return shares

    def _share_cells(self) -> None:
        """Let every leaf's table look into the flat cells: they are large, one copy is enough."""
        begin = 0
        for node, columns in self._columns.items():
            if columns:
                end = begin + self._tables[node].size
                self._tables[node] = self._flat.cells[begin:end].reshape(len(columns), -1)
                begin = end

    def _add(self, matrix: Floats, shares: Floats) -> None:
        blank = np.isnan(matrix)
        added_to = [shares[:, column] for column in range(shares.shape[1])]
        for first in self._trees.starts[:-1]:
            self._walk(int(first), 0, {}, matrix, blank, added_to)

    def _walk(
        self,
        first: int,
        node: int,
        passes: Passes,
        matrix: Floats,
        blank: NDArray[np.bool_],
        shares: list[Floats],
    ) -> None:
        trees, at = self._trees, first + node
        if trees.left[at] == 0:
            self._settle(at, passes, shares)
            return
        column = int(trees.column[at])
        goes_left = matrix[:, column] <= trees.threshold[at]
        if trees.missing_left[at]:
            goes_left |= blank[:, column]
        before = passes.get(column)
        for child, goes in ((trees.left[at], goes_left), (trees.right[at], ~goes_left)):
            both = goes.view(np.uint8) if before is None else before & goes.view(np.uint8)
            self._walk(first, int(child), {**passes, column: both}, matrix, blank, shares)

    def _settle(self, leaf: int, passes: Passes, shares: list[Floats]) -> None:
        columns = self._columns[leaf]
        if not columns:
            return
        pattern: NDArray[np.uint8] | NDArray[np.uint16] = passes[columns[0]].copy()
        bits: Sequence[np.uint8 | np.uint16] = _BITS
        if len(columns) > len(_BITS):
            pattern, bits = pattern.astype(np.uint16), _WIDE_BITS
        for column, bit in zip(columns[1:], bits[1:], strict=False):
            pattern |= passes[column] << bit
        places = pattern.astype(np.intp)
        for column, cells in zip(columns, self._tables[leaf], strict=True):
            shares[column] += cells.take(places, mode="clip")  # no place lies outside: nothing is cut


@dataclass(frozen=True, slots=True)
class _Flat:
    """Every gate of every leaf, one after the other: for few rows, one pass over all beats walking the trees.

    `place` is where the gate's row of its leaf's table begins in `cells`; `bit` its weight in the pattern;
    `first` where each leaf's gates begin and `leaf` which leaf a gate belongs to.
    """

    column: NDArray[np.intp]
    low: Floats
    high: Floats
    blank: NDArray[np.bool_]
    bit: NDArray[np.intp]
    place: NDArray[np.intp]
    first: NDArray[np.intp]
    leaf: NDArray[np.intp]
    cells: Floats

    def shares(self, row: Floats) -> Floats:
        if not len(self.column):
            return np.zeros(len(row))
        values = row[self.column]
        passing = ((values > self.low) & (values <= self.high)) | (np.isnan(values) & self.blank)
        pattern = np.add.reduceat(passing * self.bit, self.first)
        cells = self.cells[self.place + pattern[self.leaf]]
        return np.bincount(self.column, cells, minlength=len(row)).astype(np.float64)


def _flatten(leaves: dict[int, _Leaf], tables: dict[int, Floats]) -> _Flat:
    some = {node: leaf for node, leaf in leaves.items() if leaf.columns}
    sizes = np.array([len(leaf.columns) for leaf in some.values()], dtype=np.intp)
    gates = [gate for leaf in some.values() for gate in leaf.gates]
    bits = np.array([bit for leaf in some.values() for bit in range(len(leaf.columns))], dtype=np.intp)
    begins = np.concatenate([[0], np.cumsum(sizes * 2**sizes)[:-1]]).astype(np.intp)
    leaf_of = np.repeat(np.arange(len(sizes)), sizes)
    return _Flat(
        column=np.array([column for leaf in some.values() for column in leaf.columns], dtype=np.intp),
        low=np.array([gate.low for gate in gates]),
        high=np.array([gate.high for gate in gates]),
        blank=np.array([gate.blank for gate in gates], dtype=np.bool_),
        bit=1 << bits,
        place=begins[leaf_of] + bits * 2 ** sizes[leaf_of] if gates else bits,
        first=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp),
        leaf=leaf_of,
        cells=np.concatenate([tables[node].ravel() for node in some] or [np.empty(0)]),
    )


def _collect(trees: Trees, first: int, node: int, gates: dict[int, _Gate], leaves: dict[int, _Leaf]) -> None:
    at = first + node
    if trees.left[at] == 0:
        columns = tuple(sorted(gates))
        leaves[at] = _Leaf(columns, tuple(gates[column] for column in columns), float(trees.value[at]))
        return
    column, threshold = int(trees.column[at]), float(trees.threshold[at])
    left, right, missing_left = int(trees.left[at]), int(trees.right[at]), bool(trees.missing_left[at])
    covers = float(trees.cover[first + left]), float(trees.cover[first + right])
    gate = gates.get(column, _Gate())
    to_left = gate.left(covers[0] / sum(covers), threshold, missing_left)
    to_right = gate.right(covers[1] / sum(covers), threshold, missing_left)
    _collect(trees, first, left, {**gates, column: to_left}, leaves)
    _collect(trees, first, right, {**gates, column: to_right}, leaves)


def _tables(leaves: dict[int, _Leaf]) -> dict[int, Floats]:
    """For each leaf an array (column, pattern): what the column adds when these columns let the row pass."""
    by_size: dict[int, list[int]] = defaultdict(list)
    for node, leaf in leaves.items():
        by_size[len(leaf.columns)].append(node)
    by_size.pop(0, None)
    tables: dict[int, Floats] = {}
    for size, nodes in by_size.items():
        lot = max(1, TABLE_CELLS // (size * 2**size))
        for start in range(0, len(nodes), lot):
            some = nodes[start : start + lot]
            tabled = _table_of([leaves[node] for node in some], size)
            tables.update(zip(some, tabled, strict=True))
    return tables


def _table_of(leaves: list[_Leaf], size: int) -> Floats:
    points, weights = np.polynomial.legendre.leggauss(size // 2 + 1)
    points, weights = (points + 1) / 2, weights / 2
    bits = (np.arange(2**size)[None, :] >> np.arange(size)[:, None]) & 1
    share = np.array([[gate.share for gate in leaf.gates] for leaf in leaves])[:, :, None]
    value = np.array([leaf.value for leaf in leaves])[:, None, None]
    integral = np.zeros((len(leaves), size, 2**size))
    for point, weight in zip(points, weights, strict=True):
        factor = share * (1 - point) + bits * point
        integral += weight * factor.prod(axis=1, keepdims=True) / factor
    return np.asarray(value * (bits - share) * integral)
