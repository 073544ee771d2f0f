"""record -> facts, purely from mappings/sources: the place where a vendor's words get their meaning."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache

from app.domain.errors import BadRecord
from app.domain.payload import (
    Layout,
    as_text,
    clean_email,
    find_moment,
    lay_out,
    read_fields,
    read_flag,
    read_moment,
    read_name,
    read_names,
    read_number,
    read_text,
    value_at,
)
from app.domain.records import (
    ContactHint,
    Deal,
    Fact,
    IdentityKey,
    Observation,
    Occurrence,
    Payload,
    Profile,
    Record,
    Reference,
)
from app.domain.streams import (
    DealRule,
    HintRule,
    IdentityRule,
    ObservationRule,
    OccurrenceRule,
    ProfileRule,
    ReferenceRule,
    StreamMeaning,
    StreamTable,
)

LONGEST_KEY = 1_000
"""Bytes. Longer keys (a poll question can be long) end in a digest instead, to fit a database index."""


def is_known(record: Record, streams: StreamTable) -> bool:
    """Does the mapping say what this record means, be it nothing? Others are kept as ignored."""
    source = streams.get(record.source)
    return source is not None and (record.stream in source.stream or record.stream in source.ignored)


def normalize(record: Record, streams: StreamTable) -> tuple[Fact, ...]:
    """The facts in one record, () where the mapping makes none of it.

    Raises BadRecord with the payload path of what is missing or cannot be read.
    """
    source = streams.get(record.source)
    meaning = source.stream.get(record.stream) if source else None
    if meaning is None or not _counts(record.payload, meaning):
        return ()
    return tuple(_facts(record.source, record.payload, meaning))


def _facts(source: str, payload: Payload, meaning: StreamMeaning) -> Iterator[Fact]:
    if meaning.occurrence:
        yield _occurrence(source, payload, meaning.occurrence)
    if meaning.profile:
        yield _profile(source, payload, meaning.profile)
    for rule in meaning.observation:
        for one in _each(payload, rule.each):
            if _applies(one, rule.when, rule.present):
                yield _observation(source, one, rule)
    if meaning.deal:
        yield _deal(source, payload, meaning.deal)
    if meaning.hint and _applies(payload, {}, meaning.hint.present):
        yield from _hints(source, payload, meaning.hint)
    if meaning.reference:
        yield _reference(source, payload, meaning.reference)


def _each(payload: Payload, path: str) -> Iterator[Payload]:
    """The payload itself, or once for every object in its list at `path`."""
    if not path:
        yield payload
        return
    found = value_at(payload, path)[1]
    for one in found if isinstance(found, list) else ():
        if isinstance(one, dict):
            yield {**payload, "each": one}


def _counts(payload: Payload, meaning: StreamMeaning) -> bool:
    return _applies(payload, meaning.when, meaning.present) and not any(
        _is_listed(payload, path, listed) for path, listed in meaning.unless.items()
    )


def _applies(payload: Payload, when: Mapping[str, tuple[str, ...]], present: tuple[str, ...]) -> bool:
    return all(_is_listed(payload, path, listed) for path, listed in when.items()) and all(
        value_at(payload, path)[1] not in (None, "") for path in present
    )


def _is_listed(payload: Payload, path: str, listed: tuple[str, ...]) -> bool:
    value = read_text(payload, path)
    return value != "" and any(_is_entry(payload, value, entry) for entry in listed)


def _is_entry(payload: Payload, value: str, entry: str) -> bool:
    if entry.startswith("{") and entry.endswith("}"):
        return value == read_text(payload, entry[1:-1])
    return value.startswith(entry[:-1]) if entry.endswith("*") else value == entry


def _identities(payload: Payload, rules: tuple[IdentityRule, ...]) -> tuple[IdentityKey, ...]:
    found: dict[IdentityKey, None] = {}
    for rule in rules:
        if rule.kind == "email":
            names = _emails(payload, rule)
        else:
            names = [read_name(payload, rule.path, required=rule.required)]
        for name in names:
            if name:
                found[IdentityKey(rule.vendor, rule.kind, name)] = None
    return tuple(found)


def _emails(payload: Payload, rule: IdentityRule) -> list[str]:
    """The addresses, "" for each text that cannot be one."""
    found_at, found = value_at(payload, rule.path)
    text = as_text(found, found_at)
    emails = (
        [clean_email(part) for part in (text.split(rule.split) if rule.split else [text])] if text else []
    )
    if rule.required and not any(emails):
        raise BadRecord(found_at, "is not an e-mail address" if text else "is missing")
    return emails


def _observation(source: str, payload: Payload, rule: ObservationRule) -> Observation:
    occurred_at = read_moment(payload, rule.occurred_at)
    return Observation(
        source=source,
        kind=rule.kind,
        key=_key(payload, rule.key),
        identities=_identities(payload, rule.identities),
        occurred_at=occurred_at,
        quantity=_quantity(payload, rule, occurred_at),
        scope=read_name(payload, rule.scope) if rule.scope else "",
        attributes=_attributes(payload, rule),
    )


def _key(payload: Payload, parts: tuple[str, ...]) -> str:
    word, *paths = parts
    key = "|".join([word, *(_key_part(payload, path) for path in paths)])
    encoded = key.encode()
    if len(encoded) <= LONGEST_KEY:
        return key
    start = encoded[: LONGEST_KEY - 65].decode(errors="ignore")
    return f"{start}#{hashlib.sha256(encoded).hexdigest()}"


def _key_part(payload: Payload, path: str) -> str:
    part = read_text(payload, path)
    if not part and not path.endswith("?"):
        raise BadRecord(value_at(payload, path)[0], "is missing")
    # An address is one person's however it is written, and a key must not tell spellings apart.
    return clean_email(part) or part


def _quantity(payload: Payload, rule: ObservationRule, occurred_at: datetime) -> float:
    until = find_moment(payload, rule.until)
    if until is not None and rule.until is not None:
        if until < occurred_at:
            raise BadRecord(value_at(payload, rule.until.path)[0], "is before the beginning")
        return (until - occurred_at).total_seconds()
    if not rule.quantity:
        return 1.0
    quantity = read_number(payload, rule.quantity)
    if quantity is None or quantity < 0:
        reason = "is missing" if quantity is None else "must not be negative"
        raise BadRecord(value_at(payload, rule.quantity)[0], reason)
    return quantity


def _attributes(payload: Payload, rule: ObservationRule) -> dict[str, str | float | bool | None]:
    attributes: dict[str, str | float | bool | None] = {}
    for name, path in rule.attributes.items():
        found_at, found = value_at(payload, path)
        attributes[name] = found if isinstance(found, bool) else as_text(found, found_at) or None
    for name, moment in rule.times.items():
        at = find_moment(payload, moment)
        attributes[name] = at.isoformat() if at else None
    return attributes


def _profile(source: str, payload: Payload, rule: ProfileRule) -> Profile:
    fields = read_fields(payload, _layout(rule))
    return Profile(
        source, _identities(payload, rule.identities), fields, read_moment(payload, rule.observed_at)
    )


@cache
def _layout(rule: ProfileRule) -> Layout:
    """There are a handful of profiles in the mappings."""
    return lay_out(rule.fields)


def _occurrence(source: str, payload: Payload, rule: OccurrenceRule) -> Occurrence:
    return Occurrence(
        source=source,
        uuid=read_name(payload, rule.uuid),
        webinar_id=read_name(payload, rule.webinar_id),
        topic=read_text(payload, rule.topic),
        starts_at=read_moment(payload, rule.starts_at),
        ends_at=find_moment(payload, rule.ends_at),
        created_at=find_moment(payload, rule.created_at),
        host_id=read_name(payload, rule.host_id, required=False),
    )


def _deal(source: str, payload: Payload, rule: DealRule) -> Deal:
    return Deal(
        source=source,
        deal_id=read_name(payload, rule.deal_id),
        contact_ids=tuple(read_names(payload, rule.contact_ids)),
        pipeline=read_text(payload, rule.pipeline),
        stage=read_text(payload, rule.stage),
        amount=read_number(payload, rule.amount),
        is_closed=read_flag(payload, rule.is_closed),
        is_won=read_flag(payload, rule.is_won),
        created_at=read_moment(payload, rule.created_at),
        closed_at=find_moment(payload, rule.closed_at),
        modified_at=read_moment(payload, rule.modified_at),
    )


def _hints(source: str, payload: Payload, rule: HintRule) -> Iterator[ContactHint]:
    into = read_name(payload, rule.into) if rule.into else ""
    occurred_at = read_moment(payload, rule.occurred_at)
    ids = dict.fromkeys(name for path in rule.contact_ids for name in _hinted(payload, path, rule.split))
    ended = [contact_id for contact_id in ids if contact_id not in ("", into)]
    if not ended:
        raise BadRecord(value_at(payload, rule.contact_ids[0])[0], "is missing")
    name, value = (read_text(payload, path) if path else "" for path in (rule.property, rule.value))
    for contact_id in ended:
        yield ContactHint(source, contact_id, rule.change, occurred_at, into, name, value)


def _hinted(payload: Payload, path: str, split: str) -> Iterator[str]:
    if not split:
        yield from read_names(payload, path)
        return
    yield from (part.strip() for part in read_text(payload, path).split(split))


def _reference(source: str, payload: Payload, rule: ReferenceRule) -> Reference:
    body = read_fields(payload, lay_out(rule.fields)) if rule.fields else payload
    return Reference(source, rule.kind, read_name(payload, rule.reference_id), body)
