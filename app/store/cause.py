"""What made a row: a delivery in the inbox, or a run that pulled a page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """The id of the row that caused another one; one of the two."""

    inbox_id: int | None = None
    run_id: int | None = None
