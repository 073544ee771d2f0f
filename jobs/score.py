"""Score the rows of a file with a trained model, in their order."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.domain.errors import BadConfig, Fault
from app.domain.scoring.columns import Table
from app.domain.scoring.model import TrainedModel
from app.domain.scoring.model_file import MOST_BYTES, from_bytes
from app.table_files import OpenTable, open_table, write_table
from jobs.console import Console
from jobs.train import MODEL_FILE

NAME = "score"
HELP = "Score the rows of a file with a trained model."
ADDED = ("probability", "score", "band", "reason_1", "reason_2", "reason_3")
ROWS_AT_ONCE = 20_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--model", type=Path, default=MODEL_FILE, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="report as JSON")


def run(args: argparse.Namespace, console: Console) -> int:
    """Streams: memory does not grow with the file."""
    model = read_model(args.model)
    bands: dict[str, int] = {}
    with open_table(args.input) as source:
        missing = _missing(model, source)
        kept = [place for place, name in enumerate(source.names) if name not in ADDED]
        names = [*(source.names[place] for place in kept), *ADDED]
        with write_table(args.output, names, source.delimiter) as writer:
            for rows, table in source.chunks(ROWS_AT_ONCE):
                for row, added in zip(rows, _scored(model, table, bands), strict=True):
                    writer.writerow([*(row[place] for place in kept), *added])
                console.progress(f"{sum(bands.values())} rows scored")
    report = {
        "rows": sum(bands.values()),
        "bands": bands,
        "missing_columns": missing,
        "output": str(args.output),
    }
    console.report(report)
    return 0


def read_model(path: Path) -> TrainedModel:
    """Raises BadConfig where the file is absent or is no model."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadConfig([Fault(str(path), "file", "is larger than any model: check --model")])
        return from_bytes(path.read_bytes())
    except OSError as error:
        message = f"cannot be read ({error.strerror}): train one with `python -m jobs train`"
        raise BadConfig([Fault(str(path), "file", message)]) from error


def _missing(model: TrainedModel, source: OpenTable) -> list[str]:
    """Columns the model reads and the file lacks; they count as empty. Raises BadConfig if most lack."""
    missing = [name for name in model.vocabulary.names if name not in source.names]
    if 2 * len(missing) > len(model.vocabulary.names):
        message = f"lacks most columns the model was trained on, among them {', '.join(missing[:5])}"
        raise BadConfig([Fault(str(source.path), "columns", message)])
    return missing


def _scored(model: TrainedModel, table: Table, bands: dict[str, int]) -> list[Sequence[Any]]:
    scored = model.score(table)
    reasons = model.reasons(table, scored.receipts)
    for band in scored.band:
        bands[band] = bands.get(band, 0) + 1
    return [
        (float(probability), int(score), band, *told)
        for probability, score, band, told in zip(
            scored.probability, scored.score, scored.band, reasons, strict=True
        )
    ]
