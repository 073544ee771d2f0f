"""CSV files in and out, as CRMs export them: comma, semicolon or tab, quoted newlines, a BOM or none."""

from __future__ import annotations

import csv
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from app.domain.errors import BadConfig, Fault
from app.domain.scoring.columns import KINDS, Table

DELIMITERS = ",;\t"
LONGEST_CELL = 1 << 24


@dataclass(frozen=True, slots=True)
class OpenTable:
    """A CSV file being read: its header (a repeated name gets a number) and the rows not read yet."""

    path: Path
    delimiter: str
    names: tuple[str, ...]
    rows: Iterator[list[str]]

    def chunks(self, size: int) -> Iterator[tuple[list[list[str]], Table]]:
        """Rows as read, and the same rows as a table, `size` at a time."""
        while rows := [row for row, _ in zip(self.rows, range(size), strict=False)]:
            yield rows, _table(self.names, rows)


@contextmanager
def open_table(path: Path) -> Iterator[OpenTable]:
    """Raises BadConfig where the file is absent, empty, not UTF-8, or a row is longer than the header."""
    csv.field_size_limit(LONGEST_CELL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            delimiter = _delimiter(first)
            reader = csv.reader(chain([first], file), delimiter=delimiter)
            header = next((row for row in reader if any(cell.strip() for cell in row)), None)
            if header is None:
                raise _fault(path, "is empty: export it again with its header line")
            names = _distinct(header)
            yield OpenTable(path, delimiter, names, _even(path, reader, len(names)))
    except OSError as error:
        raise _fault(path, f"cannot be read ({error.strerror}): check the path") from error
    except UnicodeDecodeError as error:
        raise _fault(path, "is not UTF-8: save it as CSV UTF-8") from error
    except csv.Error as error:
        raise _fault(path, f"is no CSV ({error}): export it again") from error


def read_table(path: Path) -> Table:
    """A whole file as text cells; raises as `open_table` does."""
    with open_table(path) as table:
        return _table(table.names, list(table.rows))


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
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
            writer.writerow(names)
            yield writer
        part.replace(path)
    except OSError as error:
        raise _fault(path, f"cannot be written ({error.strerror}): choose another place") from error
    finally:
        part.unlink(missing_ok=True)


def _delimiter(header: str) -> str:
    """The sign that parts the header's names; one inside quotes does not count."""
    outside = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=outside.count)


def _distinct(header: Sequence[str]) -> tuple[str, ...]:
    seen: Counter[str] = Counter()
    names = []
    for place, cell in enumerate(header, start=1):
        name = cell.strip() or f"column {place}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(names)


def _even(path: Path, reader: Iterator[list[str]], width: int) -> Iterator[list[str]]:
    """Rows as long as the header: blank lines are left out, missing ends are filled, empty ends cut."""
    for number, row in enumerate(reader, start=2):
        if not row or (width > 1 and not any(row)):
            continue
        if len(row) < width:
            row = row + [""] * (width - len(row))  # noqa: PLW2901  # the same row, made even
        if any(row[width:]):
            raise _fault(
                path, f"row {number} has more cells than the header: is a cell with the delimiter unquoted?"
            )
        yield row[:width]


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    return Table(dict(zip(names, columns, strict=True)), len(rows))


def _fault(path: Path, message: str) -> BadConfig:
    return BadConfig([Fault(str(path), "file", message)])
