"""Decision trees as plain arrays: checked when loaded, applied by scikit-learn's compiled predictor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.scoring.columns import Floats

MOST_DEPTH = 8
"""What training makes at most: a leaf's table of reasons doubles with each column on the way to it."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Trees:
    """Every node of every tree, tree after tree; `starts` holds where each begins and, last, the total.

    A value goes left when it is at most `threshold`, a missing one when `missing_left`. `left` and `right`
    count from the tree's first node and are 0 in a leaf, where `value` is the tree's answer. `cover` is the
    weight of the rows that reached the node.
    """

    starts: Ints
    column: Ints
    threshold: Floats
    missing_left: NDArray[np.bool_]
    left: Ints
    right: Ints
    value: Floats
    cover: Floats

    def total(self, matrix: Floats) -> Floats:
        """The sum of all trees' answers for every row."""
        rows = np.ascontiguousarray(matrix)
        no_categories = np.zeros((0, 8), dtype=np.uint32)
        no_map = np.zeros(matrix.shape[1], dtype=np.uint32)
        total = np.zeros(len(matrix))
        for predictor in self._predictors:
            total += predictor.predict(rows, no_categories, no_map, 1)
        return total

    @cached_property
    def _predictors(self) -> list[Any]:
        from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
        from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

        nodes = np.zeros(len(self.column), dtype=PREDICTOR_RECORD_DTYPE)
        nodes["value"], nodes["num_threshold"] = self.value, self.threshold
        nodes["feature_idx"], nodes["missing_go_to_left"] = self.column, self.missing_left
        nodes["left"], nodes["right"], nodes["is_leaf"] = self.left, self.right, self.left == 0
        no_bits = np.zeros((0, 8), dtype=np.uint32)
        spans = zip(self.starts[:-1], self.starts[1:], strict=True)
        return [TreePredictor(nodes[first:last], no_bits, no_bits) for first, last in spans]


def check_trees(trees: Trees, columns: int) -> None:
    """Raise ValueError unless every tree is a tree over these columns: the compiled predictor trusts it."""
    nodes = len(trees.column)
    rest = (trees.threshold, trees.missing_left, trees.left, trees.right, trees.value, trees.cover)
    if any(array.ndim != 1 or len(array) != nodes for array in rest) or trees.starts.ndim != 1:
        raise ValueError("tree arrays differ in length")
    if not len(trees.starts) or trees.starts[0] != 0 or trees.starts[-1] != nodes:
        raise ValueError("trees do not cover their nodes")
    if (np.diff(trees.starts) < 1).any():
        raise ValueError("a tree is empty")
    if nodes and (trees.column.min() < 0 or trees.column.max() >= columns):
        raise ValueError("a tree asks for a column that is not there")
    if not (np.isfinite(trees.value).all() and np.isfinite(trees.threshold).all()):
        raise ValueError("a tree holds a number that is not finite")
    if not (np.isfinite(trees.cover).all() and (trees.cover > 0).all()):
        raise ValueError("a tree holds a node no row reached")
    for first, last in zip(trees.starts[:-1], trees.starts[1:], strict=True):
        _check_shape(trees.left[first:last], trees.right[first:last])


def _check_shape(left: Ints, right: Ints) -> None:
    """Children lie behind their parent and every node but the first has one parent: no loop, no sharing."""
    size = len(left)
    if size >= 2 ** (MOST_DEPTH + 1):
        raise ValueError(f"a tree is deeper than {MOST_DEPTH}")
    inner = np.flatnonzero((left != 0) | (right != 0))
    children = np.concatenate([left[inner], right[inner]])
    behind = (left[inner] > inner).all() and (right[inner] > inner).all()
    if not behind or not np.array_equal(np.sort(children), np.arange(1, size)):
        raise ValueError("a tree's nodes do not form a tree")
    depth = np.zeros(size, dtype=np.int64)
    for node in inner:
        depth[left[node]] = depth[right[node]] = depth[node] + 1
    if depth.max() > MOST_DEPTH:
        raise ValueError(f"a tree is deeper than {MOST_DEPTH}")


def cells_to_explain(trees: Trees) -> int:
    """How many numbers the reasons of these (checked) trees are tabled in: for each leaf, columns on the way
    to it x the ways in which they can let a row pass.
    """
    cells = 0
    for first, last in pairwise(trees.starts.tolist()):
        ways: list[frozenset[int]] = [frozenset()] * (last - first)
        nodes = (array[first:last].tolist() for array in (trees.column, trees.left, trees.right))
        for node, (column, left, right) in enumerate(zip(*nodes, strict=True)):
            way = ways[node]
            if left:
                ways[left] = ways[right] = way | {column}
            else:
                cells += len(way) * 2 ** len(way)
    return cells


def join_trees(parts: list[dict[str, Any]]) -> Trees:
    """One Trees from a list of single trees, each a dict of the arrays named as in Trees."""
    sizes = [len(part["column"]) for part in parts]

    def joined(name: str, kind: Any) -> Any:
        return np.concatenate([np.asarray(part[name], dtype=kind) for part in parts])

    return Trees(
        starts=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        column=joined("column", np.int64),
        threshold=joined("threshold", np.float64),
        missing_left=joined("missing_left", np.bool_),
        left=joined("left", np.int64),
        right=joined("right", np.int64),
        value=joined("value", np.float64),
        cover=joined("cover", np.float64),
    )
