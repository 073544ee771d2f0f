"""The model: receipts that add up, files that run no code, answers that do not depend on order."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from dataclasses import fields
from itertools import combinations
from math import factorial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import BadConfig
from app.domain.scoring.columns import Column, Floats, Table
from app.domain.scoring.drift import Profile
from app.domain.scoring.learners import Learner, TreePart, learn_ranks, ranked
from app.domain.scoring.levels import bands_of
from app.domain.scoring.model import TrainedModel
from app.domain.scoring.model_file import MOST_CELLS, from_bytes, to_bytes
from app.domain.scoring.receipt import scores_of, settled, whole_points
from app.domain.scoring.selection import learners_for
from app.domain.scoring.training import TrainingOptions, train
from app.domain.scoring.tree_shares import TreeShares
from app.domain.scoring.trees import Trees, cells_to_explain
from app.domain.scoring.vocabulary import Vocabulary
from app.domain.standing import SEED_BANDS
from tests.scoring.lead_model import floor_of
from tests.scoring.worlds import as_text, history, table_of


def trained(rows: int, rate: float, seed: int = 0) -> tuple[TrainedModel, Table]:
    columns, converted, _ = history(rows, rate, seed, strength=0.8)
    table = table_of({**as_text(columns), "won": ["1" if one else "0" for one in converted]})
    model = train(table, TrainingOptions("won"), lambda _: None).model
    assert model is not None
    return model, table


@pytest.fixture(scope="module")
def small() -> tuple[TrainedModel, Table]:
    return trained(600, 0.15)


@pytest.fixture(scope="module")
def large() -> tuple[TrainedModel, Table]:
    return trained(1500, 0.3)


def with_every_family(rows: int = 800) -> tuple[TrainedModel, Table]:
    """A blend of all three families, whichever would have won."""
    columns, converted, _ = history(rows, 0.3, 1)
    table = table_of({**as_text(columns), "won": ["1" if one else "0" for one in converted]})
    model = train(table, TrainingOptions("won"), lambda _: None).model
    assert model is not None
    matrix = model.vocabulary.matrix(table)
    one_each = {learner.family: learner for learner in learners_for(500, rows)}.values()
    parts = tuple(one.fit(model.vocabulary, matrix, converted.astype(float), 0) for one in one_each)
    return TrainedModel(model.vocabulary, parts, model.calibration, model.profiles, model.report), table


@pytest.fixture(scope="module")
def blend() -> tuple[TrainedModel, Table]:
    return with_every_family()


@pytest.mark.parametrize("which", ["small", "large", "blend"])
def test_every_receipt_sums_to_its_score(which: str, request: pytest.FixtureRequest) -> None:
    model, table = request.getfixturevalue(which)
    scored = model.score(table)
    assert np.array_equal(scored.receipts.base + scored.receipts.points.sum(axis=1), scored.score)
    assert scored.score.tolist() == [floor_of(one) for one in scored.probability.tolist()]


@pytest.mark.parametrize("which", ["small", "large", "blend"])
def test_shares_sum_to_the_probability(which: str, request: pytest.FixtureRequest) -> None:
    model, table = request.getfixturevalue(which)
    matrix = model.vocabulary.matrix(table)
    base, shares = model.attributions(matrix)
    assert base + shares.sum(axis=1) == pytest.approx(model.probability(matrix), abs=1e-8)


@given(
    probability=st.lists(st.floats(0, 1), min_size=1, max_size=20),
    base=st.floats(0, 1),
    parts=st.integers(1, 12),
    seed=st.integers(0, 99),
)
def test_whole_points_always_sum_to_the_score(
    probability: list[float], base: float, parts: int, seed: int
) -> None:
    settled_ones = settled(np.array(probability))
    raw = np.random.default_rng(seed).normal(size=(len(probability), parts))
    shares = raw + ((settled_ones - base - raw.sum(axis=1)) / parts)[:, None]
    scores = scores_of(settled_ones)
    receipts = whole_points(100 * base, 100 * shares, scores)
    assert np.array_equal(receipts.base + receipts.points.sum(axis=1), scores)
    assert np.abs(receipts.points - 100 * shares).max() <= 1 + 1e-6


def test_a_column_that_adds_nothing_gets_no_point() -> None:
    receipts = whole_points(20.0, np.array([[10.5, 0.0, 3.2]]), np.array([33]))
    assert receipts.points.tolist() == [[10, 0, 3]]


def test_bands_begin_where_the_scores_say() -> None:
    scores = np.array([100, 80, 79, 60, 59, 40, 39, 0])
    bands = bands_of(scores / 100, SEED_BANDS.published)
    assert bands == ["hot", "hot", "warm", "warm", "cold", "cold", "unqualified", "unqualified"]


@pytest.mark.parametrize("which", ["small", "blend"])
def test_order_and_company_do_not_change_a_score(which: str, request: pytest.FixtureRequest) -> None:
    model, table = request.getfixturevalue(which)
    order = np.random.default_rng(0).permutation(table.rows)[:50]
    alone, among = model.score(table.take(order)), model.score(table)
    assert np.array_equal(alone.probability, among.probability[order])
    assert np.array_equal(alone.receipts.points, among.receipts.points[order])


def test_the_same_history_and_seed_give_the_same_bytes(small: tuple[TrainedModel, Table]) -> None:
    again, _ = trained(600, 0.15)
    assert to_bytes(again) == to_bytes(small[0])


def test_unknown_values_absent_columns_and_nonsense_are_scored() -> None:
    model, _ = with_every_family(500)
    odd = Table({"minutes": ["soon", "", "1e400", "-5"], "channel": ["Fax", "", "Ads\n", "Select"]}, 4)
    scored = model.score(odd)
    assert ((scored.probability > 0) & (scored.probability < 1)).all()


@pytest.mark.parametrize("which", ["small", "large", "blend"])
def test_a_model_survives_its_file(which: str, request: pytest.FixtureRequest) -> None:
    model, table = request.getfixturevalue(which)
    back = from_bytes(to_bytes(model))
    assert np.array_equal(back.score(table).probability, model.score(table).probability)
    assert np.array_equal(back.score(table).receipts.points, model.score(table).receipts.points)
    assert back.report == json.loads(json.dumps(model.report))


# --- against the references -------------------------------------------------------------------------------


def game(trees: Trees, first: int, node: int, row: Floats, coalition: set[int]) -> float:
    """The path-dependent game by its definition."""
    at = first + node
    if trees.left[at] == 0:
        return float(trees.value[at])
    column, children = int(trees.column[at]), (int(trees.left[at]), int(trees.right[at]))
    if column in coalition:
        value = row[column]
        left = bool(trees.missing_left[at]) if np.isnan(value) else value <= trees.threshold[at]
        return game(trees, first, children[0 if left else 1], row, coalition)
    covers = [float(trees.cover[first + child]) for child in children]
    both = [game(trees, first, child, row, coalition) for child in children]
    return float(np.dot(covers, both) / sum(covers))


def shapley(trees: Trees, row: Floats) -> Floats:
    players, values = range(len(row)), np.zeros(len(row))

    def worth(coalition: set[int]) -> float:
        return sum(game(trees, int(first), 0, row, coalition) for first in trees.starts[:-1])

    for player in players:
        rest = [one for one in players if one != player]
        for size in range(len(rest) + 1):
            weight = factorial(size) * factorial(len(rest) - size) / factorial(len(row))
            for group in combinations(rest, size):
                values[player] += weight * (worth({*group, player}) - worth(set(group)))
    return values


@pytest.mark.parametrize("family", ["boosting", "forest"])
def test_tree_shares_are_the_shapley_values_of_their_definition(
    family: str, blend: tuple[TrainedModel, Table]
) -> None:
    model, table = blend
    part = next(one for one in model.parts if isinstance(one, TreePart) and one.votes == (family == "forest"))
    last = int(part.trees.starts[3])
    arrays = {name: value[:last] for name, value in vars(part.trees).items() if isinstance(value, np.ndarray)}
    few = Trees(**{**arrays, "starts": part.trees.starts[:4]})
    rows = ranked(part.ranks, model.vocabulary.matrix(table))[:6]
    assert TreeShares(few).shares(rows) == pytest.approx(
        np.array([shapley(few, row) for row in rows]), abs=1e-9
    )


def ladder(steps: int) -> Trees:
    """One tree that asks a column more on each step: its last leaves lie as deep as there are columns."""
    inner = np.arange(2 * steps + 1) % 2 == 0
    inner[-1] = False
    nodes = np.arange(len(inner))
    return Trees(
        starts=np.array([0, len(inner)]),
        column=np.where(inner, nodes // 2, 0),
        threshold=np.where(inner, nodes / 40, 0.0),
        missing_left=nodes % 4 == 0,
        left=np.where(inner, nodes + 1, 0),
        right=np.where(inner, nodes + 2, 0),
        value=np.where(inner, 0.0, np.sin(nodes)),
        cover=np.where(inner, 400.0 - 30 * (nodes // 2), 7.0 + nodes),
    )


@pytest.mark.parametrize("columns", [3, 8, 9, 12])
def test_many_rows_get_the_shares_of_each_alone_to_the_bit(columns: int) -> None:
    chance = np.random.default_rng(columns)
    rows = np.where(chance.random((300, columns)) < 0.2, np.nan, chance.random((300, columns)))
    tables = TreeShares(ladder(columns))
    assert np.array_equal(tables.shares(rows), np.vstack([tables.shares(row[None, :]) for row in rows]))


def test_trees_answer_as_scikit_learn_does() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model, table = with_every_family(500)
    matrix, settings = model.vocabulary.matrix(table), {"max_iter": 20, "max_leaf_nodes": 8, "max_depth": 6}
    converted = (np.nan_to_num(matrix[:, 0]) > 30).astype(float)
    part = Learner("boosting", "boosting", settings).fit(model.vocabulary, matrix, converted, 0)
    reference = HistGradientBoostingClassifier(early_stopping=False, random_state=0, **settings)
    seen = ranked(learn_ranks(model.vocabulary, matrix, converted), matrix)
    assert part.margin(matrix) == pytest.approx(
        reference.fit(seen, converted).decision_function(seen), abs=1e-9
    )


# --- files nobody should load -----------------------------------------------------------------------------


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("ran"),))  # type: ignore[return-value]


def rewritten(content: bytes, name: str, change: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(target, "w") as archive:
        for entry in source.namelist():
            archive.writestr(entry, change if entry == name else source.read(entry))
    return target.getvalue()


def array_bytes(array: np.ndarray, *, pickled: bool = False) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, array, allow_pickle=pickled)
    return content.getvalue()


def test_a_pickle_is_refused_and_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadConfig, match="is no model of this program"):
        from_bytes(pickle.dumps(Bomb()))
    assert not list(tmp_path.iterdir())


def test_a_pickled_array_inside_a_model_is_refused(
    blend: tuple[TrainedModel, Table], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bomb = array_bytes(np.array([Bomb()], dtype=object), pickled=True)
    with pytest.raises(BadConfig):
        from_bytes(rewritten(to_bytes(blend[0]), "calibration.x.npy", bomb))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("array", ["left", "right", "column", "threshold", "value", "cover", "starts"])
@pytest.mark.parametrize("value", [-1, 0, 10**9])
def test_trees_that_are_no_trees_are_refused(
    array: str, value: int, blend: tuple[TrainedModel, Table]
) -> None:
    model = blend[0]
    place = next(i for i, part in enumerate(model.parts) if isinstance(part, TreePart))
    trees = model.parts[place].trees  # type: ignore[union-attr]
    changed = getattr(trees, array).copy()
    changed[0] = np.nan if changed.dtype == np.float64 else value
    if np.array_equal(changed, getattr(trees, array)):
        changed[-1] = -1
    if array == "column" and value == 0:
        changed[0] = len(model.vocabulary.columns)
    with pytest.raises(BadConfig):
        from_bytes(rewritten(to_bytes(model), f"part{place}.{array}.npy", array_bytes(changed)))


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"hello", b"PK\x05\x06" + bytes(18), array_bytes(np.arange(3.0))], ids=range(5)
)
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(BadConfig):
        from_bytes(content)


@pytest.mark.parametrize("header", [b"{}", b"[]", b"{", b'{"format": "savia-model-1"}', b"[" * 100_000])
def test_a_header_that_says_something_else_is_refused(
    header: bytes, small: tuple[TrainedModel, Table]
) -> None:
    with pytest.raises(BadConfig):
        from_bytes(rewritten(to_bytes(small[0]), "header.json", header))


def test_a_cut_file_is_refused(small: tuple[TrainedModel, Table]) -> None:
    content = to_bytes(small[0])
    for share in (0.1, 0.5, 0.99):
        with pytest.raises(BadConfig):
            from_bytes(content[: int(share * len(content))])


def grown(depth: int, columns: int) -> Trees:
    """One full tree whose every level asks for another column."""
    nodes, inner = 2 ** (depth + 1) - 1, 2**depth - 1
    place = np.arange(nodes)
    level = np.log2(place + 1).astype(np.int64)
    return Trees(
        starts=np.array([0, nodes]),
        column=np.where(place < inner, level % columns, 0),
        threshold=np.zeros(nodes),
        missing_left=np.zeros(nodes, dtype=np.bool_),
        left=np.where(place < inner, 2 * place + 1, 0),
        right=np.where(place < inner, 2 * place + 2, 0),
        value=np.where(place < inner, 0.0, 0.001),
        cover=2.0 ** (depth - level),
    )


def repeated(trees: Trees, times: int) -> Trees:
    arrays = {field.name: np.tile(getattr(trees, field.name), times) for field in fields(trees)}
    return Trees(**{**arrays, "starts": np.arange(times + 1) * len(trees.column)})


@pytest.mark.parametrize(("depth", "times"), [(9, 1), (12, 1), (8, 129)])
def test_trees_whose_reasons_would_fill_the_memory_are_refused(depth: int, times: int) -> None:
    model, _ = trained(600, 0.15)
    wide = tuple(Column(f"c{place}", "number", ".") for place in range(12))
    vocabulary, profile = Vocabulary(wide, ((),) * 12), Profile(np.empty(0), np.array([1.0, 0.0]))

    def holding(trees: Trees) -> bytes:
        part = TreePart(trees, (np.empty(0),) * 12, votes=False)
        return to_bytes(TrainedModel(vocabulary, (part,), model.calibration, (profile,) * 12, {}))

    assert from_bytes(holding(grown(8, 12))).vocabulary == vocabulary
    with pytest.raises(BadConfig, match=r"deeper than 8|more than any model"):
        from_bytes(holding(repeated(grown(depth, 12), times)))


def test_the_reasons_of_trees_take_the_cells_that_are_counted(blend: tuple[TrainedModel, Table]) -> None:
    counted = [part.trees for part in blend[0].parts if isinstance(part, TreePart)] + [grown(5, 3)]
    for trees in counted:
        assert cells_to_explain(trees) == TreeShares(trees)._flat.cells.size
    assert sum(map(cells_to_explain, counted)) < MOST_CELLS
