"""What leads write is read: redacted, then by a vendor within a daily budget, else by word lists at home."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial

import sqlalchemy as sa

from app.domain.attendance import StoredObservation
from app.domain.errors import BadRecord
from app.domain.local_reading import read_locally
from app.domain.ports import TextReader
from app.domain.records import Profile
from app.domain.redaction import redact
from app.domain.texts import TEXT_ATTRIBUTE, RedactedText, TextReading, may_ask, text_key
from app.services import Services
from app.store import cursors, facts, people, texts

PLACE = ("savia", "texts")
"""How far the texts have been read, among the cursors."""

LOCAL = "word lists"
NAMES = ("first_name", "last_name", "company", "email")
"""Profile fields that tell who wrote a text."""


@dataclass(slots=True)
class ReadTexts:
    """What one lot came to. `more` says that another lot may be asked about now."""

    asked: int = 0
    known: int = 0
    refused: int = 0
    touched: set[int] = field(default_factory=set)
    more: bool = False


def read_new_texts(services: Services, now: datetime) -> ReadTexts:
    """Ask about the next lot of texts that nobody has read yet, one call's worth. Who wrote them is touched.

    What is over the day's budget waits for tomorrow; meanwhile the word lists read it. Raises TryLater and
    BadCredentials, and then the lot waits.
    """
    done = ReadTexts()
    if services.texts is None:
        return done
    with services.database.begin() as conn:
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        spent = sum(texts.count_read_since(conn, midnight).values())
        left = may_ask(spent, services.settings.openai.texts_per_day)
        lot, place = _next_lot(conn, services.texts, min(services.texts.per_call, left))
        names = names_of(conn, sorted({item.person_id for item in lot}))
        shown = {item: redact(item.text, names.get(item.person_id, ())) for item in lot}
        keys = {item: text_key(text, services.texts.name) for item, text in shown.items()}
        kept = texts.readings_of(conn, set(keys.values()))
    if not lot:
        return done
    todo = {keys[item]: (shown[item], item.text) for item in lot if keys[item] not in kept}
    found = _ask(services, services.texts, todo) if todo else {}
    done.asked, done.known = len(todo), len(lot) - len(todo)
    done.refused = sum(reader == LOCAL for reader, _ in found.values())
    done.touched = {item.person_id for item in lot}
    with services.database.begin() as conn:
        texts.save(conn, found, now)
        people.touch(conn, done.touched, now)
        cursors.save(conn, *PLACE, place, now)
    done.more = True
    return done


def _next_lot(
    conn: sa.Connection, reader: TextReader, limit: int
) -> tuple[list[texts.Written], dict[str, object]]:
    """The next texts and the place after them: what came since this reader began, then what there was before,
    the newest first. Another reader (a new model, other pain points) begins anew, since it has read nothing.
    """
    place = cursors.read(conn, *PLACE) or {}
    if place.get("reader") != reader.name:
        newest = texts.newest_observation(conn)
        place = {"reader": reader.name, "after": newest, "before": newest + 1}
    if lot := texts.written_after(conn, place["after"], limit):
        return lot, place | {"after": lot[-1].observation_id}
    if lot := texts.written_before(conn, place["before"], limit):
        return lot, place | {"before": lot[-1].observation_id}
    return [], place


def _ask(
    services: Services, reader: TextReader, todo: Mapping[str, tuple[RedactedText, str]]
) -> dict[str, tuple[str, TextReading]]:
    """A reading for each; what the vendor refuses is read at home, and never asked about again."""
    try:
        answers = reader.read_texts([shown for shown, _ in todo.values()])
    except BadRecord:
        answers = [None] * len(todo)
    return {
        key: (reader.name, answer) if answer else (LOCAL, read_locally(text, services.mappings.texts))
        for (key, (_, text)), answer in zip(todo.items(), answers, strict=True)
    }


def readings(
    services: Services,
    conn: sa.Connection,
    observations: Mapping[int, Sequence[StoredObservation]],
    profiles: Mapping[int, Sequence[Profile]],
) -> dict[int, list[TextReading]]:
    """What each person's texts say: as a vendor read them, else by the word lists."""
    written = {person_id: list(_texts(seen)) for person_id, seen in observations.items()}
    written = {person_id: own for person_id, own in written.items() if own}
    keys: dict[tuple[int, str], str] = {}
    if services.texts is not None and written:
        names = _names(conn, written, profiles)
        for person_id, own in written.items():
            keys |= {
                (person_id, text): text_key(redact(text, names[person_id]), services.texts.name)
                for text in own
            }
    kept = texts.readings_of(conn, set(keys.values()))
    at_home = cache(partial(read_locally, words=services.mappings.texts))  # many answer with the same words
    return {
        person_id: [kept.get(keys.get((person_id, text), "")) or at_home(text) for text in own]
        for person_id, own in written.items()
    }


def _texts(seen: Iterable[StoredObservation]) -> Iterable[str]:
    for item in seen:
        text = item.attributes.get(TEXT_ATTRIBUTE)
        if isinstance(text, str) and text.strip():
            yield text


def names_of(conn: sa.Connection, person_ids: Sequence[int]) -> dict[int, list[str]]:
    """What tells who each of these people is: names, company, e-mail addresses."""
    return _names(conn, dict.fromkeys(person_ids), facts.profiles_of(conn, person_ids))


def _names(
    conn: sa.Connection, person_ids: Mapping[int, object], profiles: Mapping[int, Sequence[Profile]]
) -> dict[int, list[str]]:
    keys = people.identities_of(conn, sorted(person_ids))
    return {
        person_id: sorted(
            {key.value for key in keys.get(person_id, ()) if key.kind == "email"}
            | {
                item.fields[name]
                for item in profiles.get(person_id, ())
                for name in NAMES
                if item.fields.get(name)
            }
        )
        for person_id in person_ids
    }
