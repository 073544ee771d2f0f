"""What the line asks of the world: Protocols only. Behaviour that is shared is called, not inherited."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from app.domain.changes import Change, Contact, Outcome, Problem, SetupChange
from app.domain.portal import Workflow
from app.domain.records import Occurrence, Page, Record
from app.domain.texts import RedactedText, TextReading

PATH_HEADER = "X-Savia-Path"
"""The header under which a WebhookSource finds what follows the vendor's name in our address. Always set by
our own web layer, whatever the caller sent.
"""

WhyRefused = Literal["", "secret", "stamp", "address"]
"""What is wrong with a delivery that looks like the vendor's: signed with another secret, stamped too long
ago or in the future, or signed over another address of ours than the configured one. "" for noise.
"""


class PullSource(Protocol):
    """A vendor that is asked. Never writes."""

    name: str

    @property
    def streams(self) -> tuple[str, ...]:
        """In the order they must be pulled: a later stream may need what an earlier one stored."""
        ...

    def check(self) -> list[Problem]:
        """Can we speak to it, with these credentials? One cheap call."""
        ...

    def pull(self, stream: str, after: Mapping[str, Any] | None, now: datetime) -> Iterator[Page]:
        """Pages of `stream` from the stored cursor on (None: from the beginning).

        Windows overlap, so the same record may come again. A repeated page token raises TryLater. Raises
        TryLater and BadCredentials.
        """
        ...


@runtime_checkable
class Counted(Protocol):
    """A source that says how much it holds."""

    def totals(self) -> Mapping[str, int]:
        """Stream -> how many records the vendor counts in it. Raises TryLater and BadCredentials."""
        ...


@runtime_checkable
class TellsGone(Protocol):
    """A source that says which contacts it has no more."""

    def gone(self, contact_ids: Sequence[str]) -> set[str]:
        """Those of these ids that are neither alive nor in the recycle bin, each named as not found by the
        vendor itself: never for want of an answer. Raises TryLater and BadCredentials.
        """
        ...


class WebhookSource(Protocol):
    """A vendor that calls us."""

    name: str

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        """Is this delivery signed by the vendor and fresh? Raw bytes; nothing is parsed before this.

        Headers are looked up without regard to case.
        """
        ...

    def why_refused(self, headers: Mapping[str, str], body: bytes, called: str) -> WhyRefused:
        """For a delivery that `verify` turned away: what a person must mend. `called` is the address it was
        sent to, as far as the web server can tell.
        """
        ...

    def challenge(self, body: bytes) -> dict[str, str] | None:
        """The answer to a URL-validation delivery, or None for any other delivery."""
        ...

    def parse(self, body: bytes) -> tuple[Record, ...]:
        """The records in a verified body. Raises BadRecord when it cannot be read."""
        ...


class Destination(Protocol):
    """Where decisions are written: HubSpot."""

    name: str

    def check(self, wanted: Sequence[SetupChange]) -> tuple[list[Problem], list[SetupChange]]:
        """Compare the remote schema with what we want: the problems (wrong type, foreign owner of a name,
        missing scope) and the setup changes that are still missing, groups before properties before lists.
        """
        ...

    def lacks(self, properties: Sequence[str]) -> set[str]:
        """Those of these contact properties that the portal does not have at all, whoever defines them."""
        ...

    def read(self, contact_ids: Sequence[str], properties: Sequence[str]) -> dict[str, Contact]:
        """The contacts as they are now, 100 a call; unknown ids are absent from the answer."""
        ...

    def find_applied(self, changes: Sequence[Change]) -> set[str]:
        """The keys of those changes that HubSpot already shows as done, found by reading. For calls that may
        have been applied before a crash or time-out.
        """
        ...

    def apply(self, changes: Iterable[Change]) -> Iterator[Outcome]:
        """Write, packed into as few calls as HubSpot allows, in the order given. Exactly one Outcome per
        Change, judged per item. Raises TryLater or BadCredentials when the rest cannot be tried now:
        outcomes already yielded stand.
        """
        ...


class PortalCheck(Protocol):
    """The portal as an operator would look it over. Reads only; what it finds is told as problems, and a call
    that fails is one of them.
    """

    def account(self) -> str:
        """The portal's number. Raises TryLater and BadCredentials."""
        ...

    def rights(self) -> list[Problem]:
        """The scopes the token lacks, each with what does not work without it."""
        ...

    def room(self, properties: int) -> list[Problem]:
        """Does the portal take so many more contact properties?"""
        ...

    def has_list(self, name: str) -> bool:
        """Is there a list of contacts with this name? Raises TryLater and BadCredentials."""
        ...

    def workflows(self, wanted: Sequence[Workflow], holdout: str) -> list[Problem]:
        """Does each sequence have a workflow that is on, starts by its list or stamp, lets contacts in again
        and keeps out those whose property `holdout` is true ("" while nobody is held out)?
        """
        ...


class Registration(Protocol):
    """What we register with a vendor so that it calls us. Touches nothing of anybody else's."""

    name: str

    def missing(self) -> tuple[str, ...]:
        """What is still to be registered, by the vendor's names. Raises TryLater and BadCredentials."""
        ...

    def register(self) -> tuple[str, ...]:
        """Register what is missing and say what that was. Raises like `missing`; may be repeated."""
        ...


class AttendanceFile(Protocol):
    """A vendor's attendance report as a person exports it. A file names no time zone, so it is told."""

    def run(self, text: str, zone: ZoneInfo) -> Occurrence:
        """The webinar run it is about, its uuid empty. Raises BadConfig for any other file."""
        ...

    def records(self, text: str, zone: ZoneInfo, run: Occurrence) -> Iterator[Record]:
        """Who registered for `run` and who was there when, as the vendor's own reports tell it."""
        ...


class TextReader(Protocol):
    """Somebody who reads what leads write. It is shown redacted texts only."""

    name: str
    """Changes with whatever could change a reading."""
    per_call: int

    def check(self) -> list[Problem]:
        """Can we ask it? One call that costs nothing. Raises TryLater."""
        ...

    def read_texts(self, texts: Sequence[RedactedText]) -> list[TextReading | None]:
        """One reading per text, in order; None for a text that it will never read. Raises TryLater,
        BadCredentials and BadRecord, and then nothing is answered.
        """
        ...


class ContactReader(Protocol):
    """Re-reading of named contacts and the properties mappings ask for: a webhook's values are hints."""

    def read_records(self, contact_ids: Sequence[str]) -> Iterator[Record]:
        """One `contacts` record per contact that exists, 100 ids a call."""
        ...
