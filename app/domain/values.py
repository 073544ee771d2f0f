"""When is a value HubSpot shows the one we mean? It keeps numbers and moments in its own spelling."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def same_value(one: str, other: str) -> bool:
    """Equal as HubSpot sees it: "5" and "5.0" are one number, milliseconds and ISO 8601 one moment.

    Empty equals empty alone.
    """
    if one == other:
        return True
    if not one or not other:
        return False
    left, right = _number(one), _number(other)
    if left is not None and right is not None:
        return left == right
    moment = _moment(one)
    return moment is not None and moment == _moment(other)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _moment(text: str) -> datetime | None:
    """A moment without a zone is in UTC."""
    try:
        if text.isascii() and text.isdigit():
            return _EPOCH + timedelta(milliseconds=int(text))
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
