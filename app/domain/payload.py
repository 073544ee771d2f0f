"""Reading single values out of a vendor's payload, cleaned: paths, text, e-mails, numbers, times.

Every reader raises BadRecord with the path of what it cannot read.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from app.domain.errors import BadRecord
from app.domain.records import Payload
from app.domain.streams import MomentRule, Path

LONGEST_TEXT = 65_536
LONGEST_NAME = 512
"""Ids and e-mails go into database keys, which have a limit of their own (2,704 bytes in PostgreSQL)."""

_ABSENT = object()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS = re.compile(r"\d{11,14}")
_EMAIL = re.compile(r"[^\s@\"(),:;<>\[\]\\]+@[^\s@\"(),:;<>\[\]\\.]+(\.[^\s@\"(),:;<>\[\]\\.]+)+")


def value_at(payload: Payload, path: Path) -> tuple[str, object]:
    """The first alternative of `path` that holds something, with the path it was found at.

    None and "" hold nothing; where no alternative does, the answer is the first path and None, or "" if the
    payload names the field and leaves it empty.
    """
    alternatives = _alternatives(path)
    is_named = False
    for alternative, steps in alternatives:
        found = _walk(payload, steps)
        if found is _ABSENT:
            continue
        if found is not None and found != "":
            return alternative, found
        is_named = True
    return alternatives[0][0], "" if is_named else None


@cache
def _alternatives(path: Path) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Each alternative with its steps. Paths come from mappings: there are a few hundred."""
    return tuple((each, tuple(each.split("."))) for each in path.rstrip("?").split(" | "))


def _walk(payload: object, steps: tuple[str, ...]) -> object:
    """What stands there, `_ABSENT` where the payload does not name it."""
    for step in steps:
        # dict comes first: asking whether it is a Mapping costs ten times as much.
        if not isinstance(payload, (dict, Mapping)):
            return _ABSENT
        payload = payload.get(step, _ABSENT)
    return payload


def clean_text(text: str) -> str:
    """NFC, no control characters or broken surrogates, trimmed. Emoji and right-to-left marks stay."""
    if text.isascii() and text.isprintable():  # nearly every text there is, and already clean
        return text.strip()[:LONGEST_TEXT]
    if not text.isprintable():  # few are not, and only those can hold what has to go
        spaced = re.sub(r"[\t\r\n]+", " ", text)
        text = "".join(letter for letter in spaced if unicodedata.category(letter) not in {"Cc", "Cs"})
    return unicodedata.normalize("NFC", text).strip()[:LONGEST_TEXT]


def as_text(value: object, path: str) -> str:
    """The value as cleaned text: numbers and booleans as JSON writes them, None as ""."""
    if isinstance(value, str):
        return clean_text(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() else repr(value)
    raise BadRecord(path, "must be text")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where fields stand, worked out once. `shelves` are the steps to an object of the payload and the fields
    in it (our name, its name there, the path); `others` are the fields with alternatives, with their paths.
    """

    shelves: tuple[tuple[tuple[str, ...], tuple[tuple[str, str, Path], ...]], ...]
    others: tuple[tuple[str, Path], ...]


def lay_out(fields: Mapping[str, Path]) -> Layout:
    """The layout of these fields: our name -> path."""
    shelves: dict[tuple[str, ...], list[tuple[str, str, Path]]] = {}
    others = []
    for name, path in fields.items():
        (place, steps), *more = _alternatives(path)
        if more:
            others.append((name, path))
        else:
            shelves.setdefault(steps[:-1], []).append((name, steps[-1], place))
    return Layout(tuple((steps, tuple(shelf)) for steps, shelf in shelves.items()), tuple(others))


def read_fields(payload: Payload, layout: Layout) -> dict[str, str]:
    """The cleaned text of each field that the payload names, "" where it leaves one empty."""
    texts: dict[str, str] = {}
    for steps, shelf in layout.shelves:
        holder = _walk(payload, steps)
        if not isinstance(holder, (dict, Mapping)):
            continue
        for name, step, path in shelf:
            value = holder.get(step, _ABSENT)
            if value is None:
                texts[name] = ""
            elif type(value) is str and value.isascii() and value.isprintable():  # as `clean_text` begins
                texts[name] = value.strip()[:LONGEST_TEXT]
            elif value is not _ABSENT:
                texts[name] = as_text(value, path)
    for name, path in layout.others:
        found_at, found = value_at(payload, path)
        if found is not None:
            texts[name] = as_text(found, found_at)
    return texts


def read_text(payload: Payload, path: Path) -> str:
    """The cleaned text at `path`, "" where there is none."""
    found_at, found = value_at(payload, path)
    return as_text(found, found_at)


def read_name(payload: Payload, path: Path, *, required: bool = True) -> str:
    """An id: text short enough for a database key."""
    found_at, found = value_at(payload, path)
    name = as_text(found, found_at)
    if required and not name:
        raise BadRecord(found_at, "is missing")
    if len(name) > LONGEST_NAME:
        raise BadRecord(found_at, f"is longer than {LONGEST_NAME} characters")
    return name


def read_names(payload: Payload, path: Path) -> Iterator[str]:
    """The ids at `path`, which holds one id or a list of them."""
    found_at, found = value_at(payload, path)
    for item in found if isinstance(found, list | tuple) else [found]:
        name = as_text(item, found_at)
        if len(name) > LONGEST_NAME:
            raise BadRecord(found_at, f"is longer than {LONGEST_NAME} characters")
        if name:
            yield name


def clean_email(text: str) -> str:
    """The address lower-cased and cleaned, or "" if it cannot be one."""
    email = unicodedata.normalize("NFC", clean_text(text).lower())
    plausible = len(email) <= 254 and ".." not in email and _EMAIL.fullmatch(email)
    return email if plausible else ""


def read_number(payload: Payload, path: Path) -> float | None:
    """The number at `path`, also where it is written as text; None where there is none."""
    found_at, found = value_at(payload, path)
    text = as_text(found, found_at)
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        raise BadRecord(found_at, "is not a number") from None
    if not math.isfinite(number):
        raise BadRecord(found_at, "is not a number")
    return number


def read_flag(payload: Payload, path: Path) -> bool:
    """True for true and "true"; false for false, "false" and nothing."""
    found_at, found = value_at(payload, path)
    text = as_text(found, found_at).lower()
    if text not in {"true", "false", ""}:
        raise BadRecord(found_at, "is neither true nor false")
    return text == "true"


def read_moment(payload: Payload, rule: MomentRule) -> datetime:
    """The time in UTC. Raises BadRecord when it is missing."""
    moment = find_moment(payload, rule)
    if moment is None:
        raise BadRecord(value_at(payload, rule.path)[0], "is missing")
    return moment


def find_moment(payload: Payload, rule: MomentRule | None) -> datetime | None:
    """The time in UTC, None where there is none. A time without zone is read in the payload's zone."""
    if rule is None:
        return None
    found_at, found = value_at(payload, rule.path)
    text = as_text(found, found_at)
    if not text:
        return None
    try:
        if _MILLISECONDS.fullmatch(text):
            return _EPOCH + timedelta(milliseconds=int(text))
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=_zone(payload, rule.zone))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRecord(found_at, "is not a time") from None


def _zone(payload: Payload, path: Path) -> ZoneInfo:
    name = read_text(payload, path) if path else ""
    try:
        return ZoneInfo(name or "UTC")
    except (ValueError, OSError, KeyError):  # what zoneinfo raises for names that are none
        raise BadRecord(value_at(payload, path)[0], "is not a time zone") from None
