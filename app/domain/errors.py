"""Errors named by how to recover from them.

A message is one line, tells the operator what to do next, and never holds a secret, a response body or
personal data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta


class SaviaError(Exception):
    """Base of every error Savia raises on purpose."""


class TryLater(SaviaError):
    """The other side is busy, limited or away: the same call may work later.

    `after` is the wait the other side asked for, when it asked for one. `maybe_applied` is true when the
    call may have taken effect (a time-out after sending), so a write must be reconciled by reading before
    it is repeated.
    """

    def __init__(self, message: str, after: timedelta | None = None, *, maybe_applied: bool = False) -> None:
        super().__init__(message)
        self.after = after
        self.maybe_applied = maybe_applied


class PartlyRead(TryLater):
    """Some of what was asked for cannot be had just now; the rest was read, to its end."""


class BadCredentials(SaviaError):
    """A key is wrong, expired or lacks a scope: stop this vendor until a person mends it."""


class NotForUs(BadCredentials):
    """What was asked for is not open to our key: a right is missing, or there is no such thing. The rest of
    what the vendor has may be.
    """


class BadRecord(SaviaError):
    """One record cannot be used: quarantine it, go on with the rest.

    `path` is where in the payload the fault lies, for example `payload.object.participant.email`.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a file: where it is and what would be right."""

    file: str
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.message}"


class BadConfig(SaviaError):
    """Configuration or mappings cannot be used: refuse to start, list every fault at once."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


class UnsafePlan(SaviaError):
    """A plan passes a limit: it waits for a person, who releases it by its fingerprint."""

    def __init__(self, fingerprint: str, reasons: Sequence[str]) -> None:
        super().__init__(f"plan {fingerprint} waits: " + "; ".join(reasons))
        self.fingerprint = fingerprint
        self.reasons = tuple(reasons)
