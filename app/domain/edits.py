"""A person's edit wins: what somebody else put into a property of ours after us is left alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from app.domain.changes import CLEAR, Contact
from app.domain.portal import HubSpotMapping
from app.domain.values import same_value


@dataclass(frozen=True, slots=True)
class Memory:
    """What we remember of one contact: its values as last written or read, the edits already found, and
    values that were sent without an answer, which may stand there without being anybody's edit.
    """

    contact_id: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    edited: Mapping[str, str] = field(default_factory=dict)
    unsettled: Mapping[str, Collection[str]] = field(default_factory=dict)


NOTHING = Memory()


def find_edits(
    wanted: Mapping[str, str], held: Contact, memory: Memory, mapping: HubSpotMapping
) -> dict[str, str]:
    """Property -> the value of somebody else's that stands there and is to stay.

    An edit ends when the property is emptied or shows what we want anyway. What stood there before we ever
    wrote is no edit.
    """
    if memory.contact_id != held.contact_id:
        return {}
    found: dict[str, str] = {}
    for item in mapping.properties:
        name, now = item.name, held.properties.get(item.name, CLEAR)
        if item.human_edit == "overwrite" or now == CLEAR or name not in wanted:
            continue
        if not _alike(now, wanted[name]) and _is_foreign(name, now, memory):
            found[name] = now
    return found


def _is_foreign(name: str, now: str, memory: Memory) -> bool:
    if name in memory.edited:
        return True
    return name in memory.properties and not is_ours(name, now, memory)


def is_ours(name: str, now: str, memory: Memory) -> bool:
    """Did we write this value last, or send it without an answer?"""
    last = (memory.properties[name],) if name in memory.properties else ()
    return any(_alike(now, value) for value in (*last, *memory.unsettled.get(name, ())))


def _alike(one: str, other: str) -> bool:
    """HubSpot keeps white space in its own way, which is nobody's edit."""
    return same_value(one, other) or one.split() == other.split()
