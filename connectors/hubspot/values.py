"""Is what HubSpot shows the value we wrote? It keeps numbers and moments in its own spelling."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from connectors.hubspot.times import EPOCH, MILLISECOND, from_iso


def shows(found: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Does a record show every wanted value? A property it does not hold counts as empty."""
    return all(same_value(value, found.get(name, "")) for name, value in wanted.items())


def same_value(ours: str, theirs: str) -> bool:
    """Equal as text, as a number ("5" and "5.0") or as a moment (milliseconds and ISO-8601)."""
    if ours == theirs:
        return True
    if not ours or not theirs:
        return False
    left, right = _number(ours), _number(theirs)
    if left is not None and right is not None:
        return left == right
    moment = _moment(ours)
    return moment is not None and moment == _moment(theirs)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _moment(text: str) -> datetime | None:
    try:
        if text.isascii() and text.isdigit():
            return EPOCH + int(text) * MILLISECOND
        return from_iso(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
