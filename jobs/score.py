"""Score the rows of a file with a trained model, in their order."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.domain.errors import BadConfig, Fault
from app.domain.scoring.another_file import Unread, unread_cells, vocabulary_for
from app.domain.scoring.columns import Floats, Table
from app.domain.scoring.drift import counts_in, drifted, stability
from app.domain.scoring.levels import bands_of
from app.domain.scoring.model import TrainedModel
from app.domain.standing import BandLimits, Starts
from app.model_files import MODEL_FILE, KeptModel, read_model
from app.table_dialect import WINDOWS
from app.table_files import ADDED, Chunk, OpenTable, open_table, write_table
from jobs.band_limits import band_limits
from jobs.console import Console

NAME = "score"
HELP = "Score the rows of a file with a trained model."
ROWS_AT_ONCE = 20_000
MOST_UNREAD = 0.05
FEWEST_FOR_DRIFT = 200


@dataclass
class Tally:
    """What was met so far in the file being scored, and where its bands begin."""

    starts: Starts
    bands: Counter[str] = field(default_factory=Counter)
    too_long: int = 0
    unread: dict[str, Unread] = field(default_factory=dict)
    spread: list[Floats] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return self.bands.total()

    def add(self, model: TrainedModel, table: Table, matrix: Floats) -> None:
        for name, found in unread_cells(model.vocabulary, table, matrix).items():
            self.unread[name] = self.unread.get(name, Unread()) + found
        counts = counts_in(model.profiles, matrix)
        self.spread = [a + b for a, b in zip(self.spread, counts, strict=True)] if self.spread else counts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--model", type=Path, default=MODEL_FILE, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(args: argparse.Namespace, console: Console) -> int:
    """Streams: memory does not grow with the file."""
    kept, limits = read_model(args.model), band_limits(os.environ)
    model, tally = kept.model, Tally(_starts(kept, limits))
    with open_table(args.input) as source:
        missing = _missing(model, source)
        names = [*source.header[: len(source.names)], *ADDED]
        with write_table(args.output, names, source.delimiter) as writer:
            for number, chunk in enumerate(source.chunks(ROWS_AT_ONCE)):
                if number == 0:  # its rows tell how the file writes numbers and days
                    model = replace(model, vocabulary=vocabulary_for(model.vocabulary, chunk.table))
                writer.writerows(_beside(chunk, source, _scored(model, chunk.table, tally)))
                tally.too_long += sum(len(row) > len(source.header) for row in chunk.rows)
                console.progress(f"{tally.rows} rows scored")
    console.end_progress()
    report = _report(kept, model, tally, missing, source.encoding, args)
    report["warnings"] += _other_bands(kept, limits)
    if not console.as_json:
        del report["drift"]  # what matters of it is among the warnings
    console.report(report)
    return 0


def _starts(kept: KeptModel, limits: BandLimits) -> Starts:
    """As written in the configuration: by score, or by capacity as the training drew them."""
    if limits.capacity and _same_capacity(kept, limits):
        drawn: Starts = kept.model.report["band_starts"]
        return drawn
    return limits.published


def _same_capacity(kept: KeptModel, limits: BandLimits) -> bool:
    return bool(kept.model.report.get("capacity_per_week", 0) == limits.capacity)


def _other_bands(kept: KeptModel, limits: BandLimits) -> list[str]:
    if not limits.capacity or _same_capacity(kept, limits):
        return []
    known = f"the model knows no bands for {limits.capacity} leads a week"
    return [f"{known}: they begin as mappings/scoring.toml says until you train again"]


def _missing(model: TrainedModel, source: OpenTable) -> list[str]:
    """Columns the model reads and the file lacks; they count as empty. The one its dates count from is among
    them, where it has dates. Raises BadConfig if most lack.
    """
    missing = [name for name in model.vocabulary.names if name not in source.names]
    if 2 * len(missing) > len(model.vocabulary.names):
        message = f"lacks most columns the model was trained on, among them {', '.join(missing[:5])}"
        raise BadConfig([Fault(str(source.path), "columns", message)])
    since = model.vocabulary.since
    if since is not None and _dates(model) and since.name not in source.names:
        missing.append(since.name)
    return missing


def _dates(model: TrainedModel) -> list[str]:
    return [column.name for column in model.vocabulary.columns if column.kind == "date"]


def _empty(model: TrainedModel, missing: list[str]) -> list[str]:
    """The columns that say nothing in this file: absent, or dates without the one they count from."""
    since = model.vocabulary.since
    undated = since is not None and since.name in missing
    return [*missing, *_dates(model)] if undated else missing


def _scored(model: TrainedModel, table: Table, tally: Tally) -> Iterator[Sequence[Any]]:
    """The added cells of each row of the table."""
    if not table.rows:
        return iter(())
    matrix = model.vocabulary.matrix(table)
    scored = model.score_matrix(matrix)
    bands = bands_of(scored.probability, tally.starts)
    tally.add(model, table, matrix)
    tally.bands.update(bands)
    columns = (scored.probability.tolist(), scored.score.tolist(), bands)
    reasons = model.reasons(table, scored.receipts)
    return ((*cells, *told) for *cells, told in zip(*columns, reasons, strict=True))


def _beside(chunk: Chunk, source: OpenTable, added: Iterator[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """The file's rows with what was added. A blank line stays blank; a row longer than the header has its
    added cells empty, and what is too much behind them.
    """
    width = len(source.names)
    for row, is_read in zip(chunk.rows, chunk.read, strict=True):
        if is_read:
            yield [*row[:width], *next(added)]
        elif row:
            yield [*row[:width], *[""] * len(ADDED), *row[len(source.header) :]]
        else:
            yield row


def _report(
    kept: KeptModel,
    model: TrainedModel,
    tally: Tally,
    missing: list[str],
    encoding: str,
    args: argparse.Namespace,
) -> dict[str, Any]:
    names, profiles = model.vocabulary.names, model.profiles
    learnt = {column.name: column.form for column in kept.model.vocabulary.columns}
    return {
        "rows": tally.rows,
        "bands": dict(tally.bands),
        "band_starts": dict(tally.starts),
        "model": {"history": kept.history, "written": str(kept.written), "file": str(kept.path)},
        "missing_columns": missing,
        "read_otherwise": {
            column.name: f"{column.form} (learnt {learnt[column.name]})"
            for column in model.vocabulary.columns
            if column.form != learnt[column.name]
        },
        "unreadable": {name: found.share for name, found in tally.unread.items() if found.unread},
        "unscored": tally.too_long,
        "drift": stability(names, profiles, tally.spread) if tally.spread else {},
        "output": str(args.output),
        "warnings": _warnings(model, tally, missing, encoding),
    }


def _warnings(model: TrainedModel, tally: Tally, missing: list[str], encoding: str) -> list[str]:
    told = []
    if encoding == WINDOWS:
        told.append("the file is not UTF-8: it was read as Windows-1252")
    if missing:
        told.append(f"the model's columns {', '.join(missing)} are absent: they count as empty")
    empty = _empty(model, missing)
    if dates := [name for name in empty if name not in missing]:
        told.append(f"{', '.join(dates)} count as empty too: their days are counted from {missing[-1]}")
    told += [
        f"{found.share:.0%} of what {name} says cannot be read and counts as empty: look at its form"
        for name, found in tally.unread.items()
        if found.share > MOST_UNREAD
    ]
    if tally.too_long:
        told.append(f"{tally.too_long} rows are not scored: they have more cells than the header")
    if tally.rows >= FEWEST_FOR_DRIFT:
        told += [
            f"{name} is spread otherwise than in the history (stability index {index:.2f}): look at its "
            "source, then train again"
            for name, index in drifted(
                model.vocabulary.names, model.profiles, tally.spread, model.report["rows"]
            ).items()
            if name not in empty
        ]
    return told
