"""A trained model as bytes and back: arrays and JSON in an archive. Loading runs no code, trusts nothing."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.errors import BadConfig, Fault
from app.domain.scoring.calibration import Calibration
from app.domain.scoring.columns import LEARNT_KINDS, Column
from app.domain.scoring.drift import Profile
from app.domain.scoring.learners import Part, TreePart
from app.domain.scoring.linear import Additive, Curve
from app.domain.scoring.model import TrainedModel
from app.domain.scoring.trees import Trees, cells_to_explain, check_trees
from app.domain.scoring.vocabulary import Vocabulary

FORMAT = "savia-model-1"
MOST_BYTES = 256 * 1024 * 1024
MOST_COLUMNS = 5000
MOST_CELLS = 1 << 26
"""In all tables of reasons, 8 bytes each: the largest that training can make stay below 45 million."""

_TREE_ARRAYS = {
    "starts": np.int64,
    "column": np.int64,
    "threshold": np.float64,
    "missing_left": np.bool_,
    "left": np.int64,
    "right": np.int64,
    "value": np.float64,
    "cover": np.float64,
}
_ODD_DATE = (1980, 1, 1, 0, 0, 0)  # the same model gives the same bytes, whenever it is saved

Arrays = dict[str, NDArray[Any]]


def to_bytes(model: TrainedModel) -> bytes:
    """The same model always gives the same bytes."""
    arrays: Arrays = {}
    header = {
        "format": FORMAT,
        "columns": [[column.name, column.kind, column.form] for column in model.vocabulary.columns],
        "levels": [list(levels) for levels in model.vocabulary.levels],
        "since": None if (since := model.vocabulary.since) is None else [since.name, since.kind, since.form],
        "calibration": model.calibration.name,
        "parts": [_pack(part, f"part{place}", arrays) for place, part in enumerate(model.parts)],
        "report": model.report,
    }
    arrays["calibration.x"], arrays["calibration.y"] = model.calibration.x, model.calibration.y
    for place, profile in enumerate(model.profiles):
        arrays[f"profile{place}.cuts"], arrays[f"profile{place}.shares"] = profile.cuts, profile.shares
    return _archive(header, arrays)


def _archive(header: dict[str, Any], arrays: Arrays) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        text = json.dumps(header, ensure_ascii=False, sort_keys=True, allow_nan=False)
        archive.writestr(zipfile.ZipInfo("header.json", _ODD_DATE), text, zipfile.ZIP_DEFLATED)
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", _ODD_DATE)
            archive.writestr(info, content.getvalue(), zipfile.ZIP_DEFLATED)
    return target.getvalue()


def _pack(part: Part, prefix: str, arrays: Arrays) -> dict[str, Any]:
    if isinstance(part, TreePart):
        for name in _TREE_ARRAYS:
            arrays[f"{prefix}.{name}"] = getattr(part.trees, name)
        for place, table in enumerate(part.ranks):
            arrays[f"{prefix}.rank{place}"] = table
        return {"form": "trees", "votes": part.votes, "start": part.start}
    if not isinstance(part, Additive):
        raise TypeError(f"no form is written down for {type(part).__name__}")
    for place, curve in enumerate(part.curves):
        arrays[f"{prefix}.knots{place}"], arrays[f"{prefix}.shares{place}"] = curve.knots, curve.shares
    ends = [[curve.blank, curve.mean] for curve in part.curves]
    return {"form": "additive", "intercept": part.intercept, "ends": ends}


def from_bytes(content: bytes) -> TrainedModel:
    """Raises BadConfig for anything that is not a model this program wrote."""
    try:
        header, arrays = _unpack(content)
        return _model(header, arrays)
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError, IndexError, EOFError, OverflowError,
            NotImplementedError, RuntimeError, RecursionError) as error:  # fmt: skip
        why = str(error).split("\n", maxsplit=1)[0][:120]
        message = f"is no model of this program ({why}): train again with `python -m jobs train`"
        raise BadConfig([Fault("model file", "content", message)]) from error


def _unpack(content: bytes) -> tuple[dict[str, Any], Arrays]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        if sum(entry.file_size for entry in entries) > MOST_BYTES:
            raise ValueError("it is larger than any model")
        header = json.loads(archive.read("header.json"))
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        arrays = {
            entry.filename.removesuffix(".npy"): _array(archive.read(entry))
            for entry in entries
            if entry.filename.endswith(".npy")
        }
    return header, arrays


def _array(content: bytes) -> NDArray[Any]:
    """One array; its declared size must be the bytes there are, so that nothing larger is set aside."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError("an array is of an unknown version")
    shape, _, kind = np.lib.format.read_array_header_1_0(stream)
    if kind.hasobject or len(shape) != 1 or kind not in {np.dtype(one) for one in _TREE_ARRAYS.values()}:
        raise ValueError("an array is of a kind no model holds")
    if shape[0] * kind.itemsize != len(content) - stream.tell():
        raise ValueError("an array is cut short")
    return np.frombuffer(content, dtype=kind, offset=stream.tell()).copy()


def _model(header: dict[str, Any], arrays: Arrays) -> TrainedModel:
    columns = tuple(_column(entry) for entry in header["columns"])
    if not 1 <= len(columns) <= MOST_COLUMNS:
        raise ValueError("its number of columns is out of bounds")
    levels = tuple(tuple(str(level) for level in known) for known in header["levels"])
    if len(levels) != len(columns) or any(one.kind not in LEARNT_KINDS for one in columns):
        raise ValueError("its columns do not fit together")
    since = None if header["since"] is None else _column(header["since"])
    vocabulary = Vocabulary(columns, levels, since)
    parts = tuple(
        _part(entry, f"part{place}", arrays, vocabulary) for place, entry in enumerate(header["parts"])
    )
    if sum(cells_to_explain(part.trees) for part in parts if isinstance(part, TreePart)) > MOST_CELLS:
        raise ValueError("its trees are more than any model holds")
    if not parts or not isinstance(header["report"], dict):
        raise ValueError("it holds no model or no report")
    return TrainedModel(
        vocabulary,
        parts,
        _calibration(header, arrays),
        tuple(_profiles(arrays, len(columns))),
        header["report"],
    )


def _column(entry: list[str]) -> Column:
    name, kind, form = (str(one) for one in entry)
    return Column(name, kind, form)


def _part(entry: dict[str, Any], prefix: str, arrays: Arrays, vocabulary: Vocabulary) -> Part:
    count = len(vocabulary.columns)
    if entry["form"] == "trees":
        trees = Trees(
            **{name: _typed(arrays, f"{prefix}.{name}", kind) for name, kind in _TREE_ARRAYS.items()}
        )
        check_trees(trees, count)
        ranks = tuple(_floats(arrays, f"{prefix}.rank{place}") for place in range(count))
        _check_tables(vocabulary, ranks)
        return TreePart(trees, ranks, bool(entry["votes"]), _finite(entry["start"]))
    if entry["form"] != "additive" or len(entry["ends"]) != count:
        raise ValueError("a part is of an unknown form")
    curves = tuple(
        Curve(
            _floats(arrays, f"{prefix}.knots{place}"),
            _floats(arrays, f"{prefix}.shares{place}"),
            _finite(blank),
            _finite(mean),
        )
        for place, (blank, mean) in enumerate(entry["ends"])
    )
    _check_tables(
        vocabulary, tuple(curve.shares if not len(curve.knots) else curve.knots[:0] for curve in curves)
    )
    if any(
        len(one.knots) and (len(one.knots) != len(one.shares) or (np.diff(one.knots) < 0).any())
        for one in curves
    ):
        raise ValueError("a curve is not a curve")
    return Additive(_finite(entry["intercept"]), curves)


def _check_tables(vocabulary: Vocabulary, tables: tuple[NDArray[np.float64], ...]) -> None:
    """A category's table has a place for each level, the rare and the missing; other columns have none."""
    for place, table in enumerate(tables):
        wanted = len(vocabulary.levels[place]) + 2 if vocabulary.is_category(place) else 0
        if len(table) != wanted:
            raise ValueError("a table does not fit its column's levels")


def _calibration(header: dict[str, Any], arrays: Arrays) -> Calibration:
    x, y = _floats(arrays, "calibration.x"), _floats(arrays, "calibration.y")
    name = header["calibration"]
    sizes = {"none": len(x) == 0, "sigmoid": len(x) == 1, "isotonic": len(x) >= 1}
    if not sizes.get(name, False) or len(x) != len(y):
        raise ValueError("its calibration does not fit")
    if name == "isotonic" and ((np.diff(x) < 0).any() or (np.diff(y) < 0).any() or y[0] < 0 or y[-1] > 1):
        raise ValueError("its calibration does not rise")
    return Calibration(name, x, y)


def _profiles(arrays: Arrays, count: int) -> Iterator[Profile]:
    for place in range(count):
        cuts, shares = _floats(arrays, f"profile{place}.cuts"), _floats(arrays, f"profile{place}.shares")
        if len(shares) != len(cuts) + 2:
            raise ValueError("a profile does not fit")
        yield Profile(cuts, shares)


def _typed(arrays: Arrays, name: str, kind: Any) -> Any:
    array = arrays[name]
    if array.dtype != np.dtype(kind):
        raise ValueError(f"{name} is of the wrong type")
    return array


def _floats(arrays: Arrays, name: str) -> NDArray[np.float64]:
    array: NDArray[np.float64] = _typed(arrays, name, np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds a number that is not finite")
    return array


def _finite(number: Any) -> float:
    value = float(number)
    if not np.isfinite(value):
        raise ValueError("a number is not finite")
    return value
