"""How a CSV file is written, told by its bytes: encoding, what stands above the header, delimiter."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import BinaryIO

DELIMITERS = ",;\t"
WINDOWS = "cp1252"
SAMPLE_LINES = 200
SAMPLE_SIGNS = 1 << 18
BYTES_AT_ONCE = 1 << 20

_EXCELS_SIGN = re.compile(r'"?sep=(?P<delimiter>[,;\t])"?[,;\t]*\s*', re.IGNORECASE)


def encoding_of(file: BinaryIO) -> str:
    """UTF-8 or UTF-16, with or without a byte order mark, else Windows-1252. Reads the file from its start
    and goes back there. Raises UnicodeDecodeError where it is UTF-8 with broken bytes, or cut short.
    """
    start = file.read(3)
    file.seek(0)
    marked = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encoding = "utf-16" if marked else "utf-8-sig"
    try:
        for _ in _decoded(file, encoding, "strict"):
            pass
    except UnicodeDecodeError:
        if marked or not _is_windows(file):
            raise
        encoding = WINDOWS
    file.seek(0)
    return encoding


def _decoded(file: BinaryIO, encoding: str, errors: str) -> Iterator[str]:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    while block := file.read(BYTES_AT_ONCE):
        yield decoder.decode(block)
    yield decoder.decode(b"", final=True)


def _is_windows(file: BinaryIO) -> bool:
    """Bytes that UTF-8 cannot read outnumber the signs beyond ASCII that it can."""
    broken = whole = 0
    for text in _decoded(file, "utf-8", "replace"):
        broken += text.count("\ufffd")
        whole += sum(not sign.isascii() and sign != "\ufffd" for sign in text)
    return broken > whole


def lines_and_delimiter(lines: Iterator[str]) -> tuple[Iterator[str], str, int]:
    """The lines from the header on, the sign that parts their cells, and how many lines stood above.

    Blank lines and Excel's `sep=;` stand above a header; the latter rules.
    """
    above, named = 0, None
    for line in lines:
        said = _EXCELS_SIGN.fullmatch(line.lstrip("\ufeff"))
        if said:
            named = said["delimiter"]
        elif line.strip(" ,;\t\r\n"):
            sample = [line, *_sample(lines)]
            return chain(sample, lines), named or delimiter_of(sample), above
        above += 1
    return iter(()), ",", above


def _sample(lines: Iterator[str]) -> Iterator[str]:
    signs = 0
    for line in islice(lines, SAMPLE_LINES):
        yield line
        signs += len(line)
        if signs > SAMPLE_SIGNS:
            return


def delimiter_of(sample: Sequence[str]) -> str:
    """The delimiter that cuts the header into most cells, and the rows below it into as many."""
    return max(DELIMITERS, key=lambda delimiter: _fit(sample, delimiter))


def _fit(sample: Sequence[str], delimiter: str) -> float:
    header, *rows = [row for row in csv.reader(sample, delimiter=delimiter) if row]
    whole = rows[:-1] or rows  # a quoted newline may have cut the sample's last row
    same = sum(len(row) == len(header) for row in whole)
    return (1 + same) / (1 + len(whole)) * (len(header) - 1)
