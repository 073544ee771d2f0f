"""Which values a property takes, and the form HubSpot keeps them in."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime

from tests.sandbox.hubspot.answers import iso

MAX_TEXT = 65_536
_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_EMAIL = re.compile(r"[^@\s<>(),;:\"\[\]]+@[^@\s.]+(\.[^@\s.]+)+")


class BadValue(Exception):
    """A value a property does not take: HubSpot's code and sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def text(name: str, value: str) -> str:
    """A string: up to 65,536 characters."""
    if len(value) > MAX_TEXT:
        raise BadValue("INVALID_STRING", f"{name} is too long, the limit is {MAX_TEXT} characters")
    return value


def email(name: str, value: str) -> str:
    """An address, kept in lower case."""
    if not _EMAIL.fullmatch(value):
        raise BadValue("INVALID_EMAIL", f"Email address {value} is invalid")
    return value.lower()


def number(name: str, value: str) -> str:
    """A decimal number with a point."""
    if not _NUMBER.fullmatch(value):
        raise BadValue("INVALID_INTEGER", f"{value} was not a valid number.")
    return value


def boolean(name: str, value: str) -> str:
    """true or false, kept in lower case."""
    if value.lower() not in ("true", "false"):
        raise BadValue("INVALID_OPTION", f"{value} was not one of the allowed options: [true, false]")
    return value.lower()


def moment(name: str, value: str) -> str:
    """Milliseconds since 1970 or ISO 8601 with a zone; kept as ISO 8601 in UTC."""
    at = instant(value)
    if at is None:
        raise BadValue("INVALID_LONG", f"{value} was not a valid long.")
    return iso(at)


def day(name: str, value: str) -> str:
    """A date, or milliseconds since 1970 that are midnight UTC; kept as a date."""
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            raise BadValue("INVALID_LONG", f"{value} was not a valid long.") from None
    at = instant(value)
    if at is None:
        raise BadValue("INVALID_LONG", f"{value} was not a valid long.")
    if at % 86_400:
        raise BadValue("INVALID_DATE", f"{value} is at {iso(at)[11:19]} UTC, not midnight!")
    return datetime.fromtimestamp(at, UTC).date().isoformat()


BY_TYPE: dict[str, Callable[[str, str], str]] = {
    "string": text, "phone_number": text, "number": number, "bool": boolean, "datetime": moment, "date": day,
}  # fmt: skip


def instant(value: str) -> float | None:
    """Milliseconds since 1970, or ISO 8601 with a zone, in seconds; None for anything else."""
    if re.fullmatch(r"-?\d{1,15}", value):
        return int(value) / 1000
    if len(value) == 10 and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        value += "T00:00:00Z"
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed.timestamp() if parsed.tzinfo else None
