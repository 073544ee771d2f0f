"""How long one step may last before it hands over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from app.services import Services

LONGEST_STEP = timedelta(seconds=6)
"""A step that has more to do hands over after this: SIGTERM is obeyed and other work gets its turn."""


def out_of_time(services: Services, within: timedelta = LONGEST_STEP) -> Callable[[], bool]:
    """Says, from so long after now on, that a step has lasted long enough."""
    ends = services.clock() + within
    return lambda: services.clock() > ends
