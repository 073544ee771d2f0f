"""CSV files in and out, as CRMs and spreadsheets write them; `table_dialect` tells how one is written."""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

from app.domain.errors import BadConfig, Fault
from app.domain.scoring.columns import KINDS, Table
from app.table_dialect import encoding_of, lines_and_delimiter

ADDED = ("probability", "score", "band", "reason_1", "reason_2", "reason_3")
"""What a scoring adds to a file; where all six end a header, they are an earlier scoring's."""
LONGEST_CELL = 1 << 24
MOST_TOO_LONG = 0.01
_END = "\ue000end of file\ue000"  # stands after the last line: a cell that holds it was never closed


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file. Those of `read` are as long as the header and make the table; the others, blank
    lines (no cells) and rows longer than the header, are as they stand.
    """

    rows: list[list[str]]
    read: list[bool]
    table: Table


@dataclass(frozen=True, slots=True)
class OpenTable:
    """A CSV file being read: its header's cells, its own columns' names (a repeated one gets a number), and
    the rows not read yet.
    """

    path: Path
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    names: tuple[str, ...]
    rows: Iterator[list[str]]

    def chunks(self, size: int) -> Iterator[Chunk]:
        """`size` rows at a time."""
        while rows := list(islice(self.rows, size)):
            evened = [_evened(row, len(self.header)) for row in rows]
            read = [0 < len(row) <= len(self.header) for row in evened]
            whole = [row for row, is_read in zip(evened, read, strict=True) if is_read]
            yield Chunk(evened, read, _table(self.names, whole))


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A whole file as text cells, without its blank rows and those longer than the header (`too_long`)."""

    table: Table
    encoding: str
    too_long: int


@contextmanager
def open_table(path: Path) -> Iterator[OpenTable]:
    """Raises BadConfig where the file is absent, empty, broken UTF-8, or a quote is never closed."""
    csv.field_size_limit(LONGEST_CELL)
    try:
        with path.open("rb") as given, _seekable(given) as file:
            encoding = encoding_of(file)
            text = io.TextIOWrapper(file, encoding=encoding, newline="")
            lines, delimiter, above = lines_and_delimiter(text)
            rows = _rows(path, lines, delimiter, above)
            header = next(rows, None)
            if header is None:
                raise _fault(path, "is empty: export it again with its header line")
            yield OpenTable(path, encoding, delimiter, tuple(header), _names(header), rows)
    except OSError as error:
        raise _fault(path, f"cannot be read ({error.strerror}): check the path") from error
    except UnicodeError as error:
        raise _fault(path, "is broken UTF-8 or UTF-16: save it as CSV UTF-8") from error
    except csv.Error as error:
        raise _fault(path, f"is no CSV ({error}): export it again") from error


@contextmanager
def _seekable(given: BinaryIO) -> Iterator[BinaryIO]:
    """The file, or a copy of it where it can be read only once (a pipe)."""
    if given.seekable():
        yield given
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(given, copy)
        copy.seek(0)
        yield copy


def read_file(path: Path) -> ReadFile:
    """Raises as `open_table` does, and where more than one row in a hundred is longer than the header."""
    with open_table(path) as source:
        width, rows, too_long = len(source.header), [], 0
        for row in source.rows:
            evened = _evened(row, width)
            if len(evened) > width:
                too_long += 1
            elif any(cell.strip() for cell in evened):
                rows.append(evened)
    if too_long > MOST_TOO_LONG * (len(rows) + too_long):
        sign = source.delimiter
        message = f"has {too_long} rows with more cells than the header: is a cell with {sign!r} unquoted?"
        raise _fault(path, message)
    return ReadFile(_table(source.names, rows), source.encoding, too_long)


def read_table(path: Path) -> Table:
    """The table of `read_file`."""
    return read_file(path).table


def read_kinds(path: Path) -> dict[str, str]:
    """The mapping file: `[columns]` with `"Name" = "number"` (or another kind) for each column to be set."""
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _fault(path, f"cannot be read ({error.strerror}): check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _fault(path, f"is no TOML ({error})") from error
    kinds = content.get("columns")
    if not isinstance(kinds, dict) or any(kind not in KINDS for kind in kinds.values()):
        raise _fault(path, f'needs [columns] with "Name" = one of {", ".join(KINDS)}')
    return kinds


@contextmanager
def write_table(path: Path, names: Sequence[str], delimiter: str) -> Iterator[Any]:
    """A csv writer whose file appears under its name only when everything is written."""
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow(names)
        yield writer


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A place to write to, which takes `path` when everything is written: nobody reads half a file."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except OSError as error:
        raise _fault(path, f"cannot be written ({error.strerror}): choose another place") from error
    finally:
        part.unlink(missing_ok=True)


def _rows(path: Path, lines: Iterator[str], delimiter: str, above: int) -> Iterator[list[str]]:
    """The file's rows as they stand. Rows are counted from the file's first line, as spreadsheets do."""
    reader = csv.reader(chain(lines, [_END]), delimiter=delimiter)
    number, line = above, above
    while True:
        number, line = number + 1, above + reader.line_num + 1
        try:
            row = next(reader)
        except csv.Error as error:
            message = f"row {number} (line {line}) cannot be read ({error}): mend its quotes"
            raise _fault(path, message) from error
        if row == [_END]:
            return
        if row and row[-1].endswith(_END):
            message = f"row {number} (line {line}) opens a quote that never ends: close it or take it away"
            raise _fault(path, message)
        yield row


def _evened(row: list[str], width: int) -> list[str]:
    """The row with missing ends filled and empty ends beyond the header cut; a blank line as it is."""
    while len(row) > width and not row[-1]:
        row.pop()
    return row + [""] * (width - len(row)) if row else row


def _names(header: Sequence[str]) -> tuple[str, ...]:
    seen: Counter[str] = Counter()
    names = []
    scored_before = tuple(cell.strip() for cell in header[-len(ADDED) :]) == ADDED
    for place, cell in enumerate(header[: -len(ADDED)] if scored_before else header, start=1):
        name = cell.strip() or f"column {place}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(names)


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    return Table(dict(zip(names, columns, strict=False)), len(rows))  # an earlier scoring may lie behind


def _fault(path: Path, message: str) -> BadConfig:
    return BadConfig([Fault(str(path), "file", message)])
