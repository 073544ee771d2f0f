"""Faults that really happen, each as one act on a healthy installation, and what `check` must say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.check.installation import Installation


@dataclass(frozen=True)
class Fault:
    """`says` and `fix` are words of the one line that tells it; `lines`: how many there are in all."""

    name: str
    seed: Callable[[Installation], object]
    subject: str
    says: str
    fix: str
    severity: str = "warning"
    lines: int = 1
