"""ActiveCampaign's times: ISO 8601 in the account's zone, and several ways of saying never."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def moment(text: Any) -> datetime | None:
    """The time in UTC, None for null, "", "0000-00-00" and what cannot be read. Without zone it is UTC."""
    if not isinstance(text, str) or text.startswith("0000"):
        return None
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def minute(text: Any) -> str:
    """The UTC minute a time lies in ("2026-11-20T16:01Z"), "" where there is none.

    A delivery and an activity of the same act need not agree to the second.
    """
    at = moment(text)
    return at.strftime("%Y-%m-%dT%H:%MZ") if at else ""
