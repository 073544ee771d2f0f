"""The record of a piece of work: when it began and ended, what it did, or why it stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.domain.errors import SaviaError
from app.services import Services
from app.store import runs


@dataclass(slots=True)
class Report:
    """What a run did, filled in as it goes. One that is `empty` in the end, having found nothing to do, is
    not kept: two workers may see the same work, and one of them comes too late for it.
    """

    result: dict[str, Any] = field(default_factory=dict)
    empty: bool = False


@contextmanager
def recorded(services: Services, job: str, now: datetime) -> Iterator[tuple[int, Report]]:
    """A run record around a piece of work: started, finished, what it did, or why it stopped."""
    with services.database.begin() as conn:
        run_id = runs.start(conn, job, now)
    report = Report()
    error: str | None = None
    try:
        yield run_id, report
    except SaviaError as reason:
        error = str(reason)
        raise
    except Exception as reason:
        error = type(reason).__name__  # its text may hold personal data
        raise
    finally:
        with services.database.begin() as conn:
            if report.empty and error is None:
                runs.drop(conn, run_id)
            else:
                runs.finish(conn, run_id, services.clock(), result=report.result, error=error)
