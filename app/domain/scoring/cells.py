"""Reading what a cell of text says: nothing, a number in either decimal mark, a date in several forms."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

MISSING_WORDS = frozenset({"", "select", "(not set)", "null", "nan", "n/a", "#n/a", "#n/d", "-", "--"})
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DECIMAL_MARKS = (".", ",")
DATE_ORDERS = ("ymd", "dmy", "mdy", "named", "epoch_ms")

FIRST_YEAR = 1900
"""A date of an earlier year is none of a lead."""

NO_DAYS = ((1900, 1, 1), (9999, 12, 31))

UNREAD = 0.02  # the share of distinct cells a form may leave unread and still be the column's form

CellReader = Callable[[str, str], float | None]

_DECORATION = re.compile(r"[\s\u00a0\u202f€$£%]")
_DECIMAL = {
    ".": re.compile(r"[+-]?(\d+|[1-9]\d{0,2}(,\d{3})+)?(\.\d*)?([eE][+-]?\d{1,3})?"),
    ",": re.compile(r"[+-]?(\d+|[1-9]\d{0,2}(\.\d{3})+)?(,\d*)?([eE][+-]?\d{1,3})?"),
}
_GROUPED = {
    ".": re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+"),
    ",": re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+"),
}
_CLOCK = (
    r"(?:[T ,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?"
    r"(?:\s*(?P<half>[AaPp])\.?\s?[Mm]\.?)?\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?"
)
_YEAR_FIRST = re.compile(r"(?P<a>\d{4})[-/.](?P<b>\d{1,2})[-/.](?P<c>\d{1,2})" + _CLOCK)
_YEAR_LAST = re.compile(r"(?P<a>\d{1,2})[-/.](?P<b>\d{1,2})[-/.](?P<c>\d{4}|\d{2})" + _CLOCK)
_DAY_NAMED = re.compile(
    r"(?P<a>\d{1,2})(?:\s+de)?[\s-]+(?P<name>[^\W\d_]{3,10})\.?,?(?:\s+de)?[\s-]+(?P<c>\d{4}|\d{2})" + _CLOCK
)
_NAMED_DAY = re.compile(r"(?P<name>[^\W\d_]{3,10})\.?\s+(?P<a>\d{1,2}),?\s+(?P<c>\d{4})" + _CLOCK)
_YEAR_ONE = re.compile(r"(0001-01-01|0?1[/.]0?1[/.]0001)([T ].*)?")
_EPOCH_MS = re.compile(r"1\d{12}")
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan ene",
            "feb",
            "mar",
            "apr abr",
            "may",
            "jun",
            "jul",
            "aug ago",
            "sep set",
            "oct",
            "nov",
            "dec dic",
        ),
        start=1,
    )
    for name in names.split()
}


def is_missing(cell: str) -> bool:
    """True where a cell says nothing: empty, or one of the words exports write for nothing. Dynamics and
    other .NET programs write the first day of the year 1.
    """
    return cell.strip().lower() in MISSING_WORDS or (
        "0001" in cell and bool(_YEAR_ONE.fullmatch(cell.strip()))
    )


def read_number(cell: str, mark: str) -> float | None:
    """The number a cell holds when `mark` ('.' or ',') is the decimal mark; None where it is no number."""
    bare = _DECORATION.sub("", cell)
    if not any(sign.isdigit() for sign in bare) or not _DECIMAL[mark].fullmatch(bare):
        return None
    other = "," if mark == "." else "."
    return float(bare.replace(other, "").replace(mark, "."))


def unread_by_form(cells: Sequence[str], forms: Iterable[str], read: CellReader) -> dict[str, int]:
    """How many of the cells each form (decimal mark, date order) leaves unread."""
    return {form: sum(read(cell, form) is None for cell in cells) for form in forms}


def told(unread: Mapping[str, int]) -> str | None:
    """The one form that reads more cells than any other, or None where they do not tell."""
    fewest = min(unread.values())
    best = [form for form, count in unread.items() if count == fewest]
    return best[0] if len(best) == 1 else None


def decimal_mark(cells: Iterable[str], *, tolerance: float = UNREAD, usual: str | None = None) -> str | None:
    """The decimal mark that reads these distinct cells as numbers, or None where neither does.

    Where both read them alike (1.234 may be a thousand), `usual` decides. Without one, a column such as
    12, 980, 1.234 uses its dot for thousands: its dotted values all come in threes, and the values without
    a dot stay below a thousand.
    """
    texts = list(cells)
    return mark_among(texts, unread_by_form(texts, DECIMAL_MARKS, read_number), tolerance, usual)


def mark_among(
    cells: Sequence[str], unread: Mapping[str, int], tolerance: float = UNREAD, usual: str | None = None
) -> str | None:
    """As `decimal_mark`, where it is known how many cells each mark leaves unread."""
    if min(unread.values()) > tolerance * len(cells):
        return None
    if sure := told(unread) or usual:
        return sure
    bare = [_DECORATION.sub("", cell) for cell in cells]
    return "," if _is_grouping(bare, ".") else "."


def _is_grouping(bare: list[str], mark: str) -> bool:
    marked = [cell for cell in bare if mark in cell]
    if not marked or not all(_GROUPED[mark].fullmatch(cell) for cell in marked):
        return False
    whole = [cell.lstrip("+-") for cell in bare if mark not in cell]
    return bool(whole) and all(cell.isdigit() and len(cell) <= 3 for cell in whole)


def read_date(cell: str, order: str) -> float | None:
    """Days since 1970 (UTC; a cell without a zone is taken as UTC), or None where it is no date."""
    text = cell.strip()
    if order == "epoch_ms":
        return int(text) / 86_400_000 if _EPOCH_MS.fullmatch(text) else None
    parts = _date_parts(text, order)
    if parts is None:
        return None
    year, month, day, match = parts
    try:
        midnight = datetime(year, month, day, tzinfo=UTC) - EPOCH
    except ValueError:
        return None
    clock = _clock_of(match)
    return None if clock is None or year < FIRST_YEAR else (midnight + clock) / timedelta(days=1)


def stands_for_no_day(cell: str) -> bool:
    """True for the days that programs write where there is none: in years long ago (SQL Server's 1753,
    Access's 1899), the first day of 1900, the last of 9999.
    """
    parts = _date_parts(cell.strip(), "ymd") or _date_parts(cell.strip(), "dmy")
    if parts is None:
        return False
    year, month, day, _ = parts
    return year < FIRST_YEAR or (year, *sorted((month, day))) in NO_DAYS


def _date_parts(text: str, order: str) -> tuple[int, int, int, re.Match[str]] | None:
    if order == "named":
        match = _DAY_NAMED.fullmatch(text) or _NAMED_DAY.fullmatch(text)
        month = _MONTHS.get(match["name"][:3].lower()) if match else None
        return (_full_year(match["c"]), month, int(match["a"]), match) if match and month else None
    match = (_YEAR_FIRST if order == "ymd" else _YEAR_LAST).fullmatch(text)
    if match is None:
        return None
    if order == "ymd":
        return int(match["a"]), int(match["b"]), int(match["c"]), match
    first, middle, year = int(match["a"]), int(match["b"]), _full_year(match["c"])
    return (year, middle, first, match) if order == "dmy" else (year, first, middle, match)


def _full_year(digits: str) -> int:
    """A year of two digits lies between 1969 and 2068, as POSIX reads it."""
    year = int(digits)
    return year if len(digits) > 2 else year + (1900 if year >= 69 else 2000)


def _clock_of(match: re.Match[str]) -> timedelta | None:
    if match["hour"] is None:
        return timedelta()
    hour, half, zone = int(match["hour"]), (match["half"] or "").lower(), match["zone"] or ""
    if hour > 23 or int(match["minute"]) > 59:
        return None
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    clock = timedelta(hours=hour, minutes=int(match["minute"]), seconds=int(match["second"] or 0))
    if zone[:1] in {"+", "-"}:
        digits = zone[1:].replace(":", "")
        shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        clock += shift if zone[0] == "-" else -shift
    return clock


def date_order(cells: Iterable[str], *, tolerance: float = UNREAD, usual: str | None = None) -> str | None:
    """The order of the parts that reads these distinct cells as dates, or None.

    Where day and month cannot be told apart, `usual` decides. Without one, a 12-hour clock means month
    first and anything else day first.
    """
    texts = list(cells)
    return order_among(texts, unread_by_form(texts, DATE_ORDERS, read_date), tolerance, usual)


def order_among(
    cells: Sequence[str], unread: Mapping[str, int], tolerance: float = UNREAD, usual: str | None = None
) -> str | None:
    """As `date_order`, where it is known how many cells each order leaves unread."""
    fewest = min(unread.values())
    if fewest > tolerance * len(cells):
        return None
    best = [order for order, count in unread.items() if count == fewest]
    if usual in best:
        return usual
    if {"dmy", "mdy"} <= set(best):
        twelve_hours = any(cell.strip()[-1:].lower() == "m" for cell in cells)
        return "mdy" if twelve_hours else "dmy"
    return best[0]
