"""Ring 2 for hubspot.toml: does it name values and bands we have, and nothing twice?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from string import Formatter

from app.domain.desired import VALUE_NAMES
from app.domain.errors import Fault
from app.domain.gate import ANSWERS
from app.domain.portal import HubSpotMapping, OwnedProperty, TaskRule, our_lists
from app.domain.records import BANDS
from mappings.read import dotted

FILE = "hubspot.toml"
_PROPERTY_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_PREFIX = re.compile(r"(?!hubspot_)[a-z][a-z0-9]{2,30}_")
_TASK_WORDS = {"score", "reasons"}
_FIELD_TYPES = {
    "string": ("text", "textarea"),
    "number": ("number",),
    "enumeration": ("select",),
    "datetime": ("date",),
    "bool": ("booleancheckbox",),
}
"""HubSpot's pairs of type and fieldType. Source: CRM properties guide."""


def portal_faults(mapping: HubSpotMapping) -> Iterator[Fault]:
    """Every fault of the file as a whole."""
    for place, item in enumerate(mapping.properties):
        yield from _property_faults(dotted("properties", place), item)
    triggers = [item.trigger_property for item in mapping.workflows]
    asked = [*(item.name for item in mapping.asked), mapping.pause.name]
    names = [*(item.name for item in mapping.properties), *asked, *triggers]
    if not _PREFIX.fullmatch(mapping.prefix):
        yield Fault(
            FILE, "prefix", 'must be a word of yours and "_", such as "savia_": HubSpot\'s own stay untouched'
        )
    yield from _name_faults("properties", names, mapping.prefix)
    yield from repeated(FILE, "properties", names)
    yield from repeated(FILE, "lists", our_lists(mapping))
    yield from repeated(FILE, "lists.band", [item.band for item in mapping.lists])
    yield from repeated(FILE, "workflows.key", [item.key for item in mapping.workflows])
    yield from repeated(FILE, "tasks.key", [item.key for item in mapping.tasks])
    for place, question in enumerate(mapping.asked):
        if not question.options:
            yield Fault(FILE, f"{dotted('asked', place)}.options", "are needed: the answers to choose from")
        yield from repeated(
            FILE, f"{dotted('asked', place)}.options", [item.value for item in question.options]
        )
    listed = {item.band for item in mapping.lists}
    for band in BANDS:
        if band not in listed:
            yield Fault(FILE, "lists", f'has no list for the band "{band}": a lead is always on exactly one')
    for answer in sorted(set(ANSWERS) ^ set(mapping.why)):
        wrong = "is missing" if answer in ANSWERS else "is no answer of the gate: remove it"
        yield Fault(FILE, dotted("why", answer), wrong)
    for place, task in enumerate(mapping.tasks):
        yield from _task_faults(dotted("tasks", place), task)


def repeated(file: str, key: str, names: Iterable[str]) -> Iterator[Fault]:
    """A fault for each name that stands there more than once."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield Fault(file, key, f'"{name}" stands there twice: keep one')
        seen.add(name)


def _name_faults(key: str, names: Iterable[str], prefix: str) -> Iterator[Fault]:
    for name in names:
        if not name.startswith(prefix):
            yield Fault(FILE, key, f'"{name}" must begin with the prefix "{prefix}"')
        if not _PROPERTY_NAME.fullmatch(name):
            yield Fault(FILE, key, f'"{name}" must be a small letter, then small letters, digits and "_"')


def _property_faults(key: str, item: OwnedProperty) -> Iterator[Fault]:
    if item.value not in VALUE_NAMES:
        yield Fault(FILE, f"{key}.value", f"must be one of {', '.join(sorted(VALUE_NAMES))}")
    if item.field_type not in _FIELD_TYPES[item.type]:
        yield Fault(
            FILE, f"{key}.field_type", f"must be {' or '.join(_FIELD_TYPES[item.type])} for {item.type}"
        )
    if (item.write == "step") != (item.step > 0):
        yield Fault(FILE, f"{key}.step", 'must be more than 0 with write = "step", and left out otherwise')
    if item.write == "step" and item.type != "number":
        yield Fault(FILE, f"{key}.write", '"step" is for numbers: write "changed" or "rides"')
    if (item.type == "enumeration") != bool(item.options):
        yield Fault(FILE, f"{key}.options", "are needed by an enumeration, and by nothing else")
    if item.value == "band" and item.options and not set(BANDS) <= set(item.options):
        yield Fault(FILE, f"{key}.options", f"must hold every band: {', '.join(BANDS)}")


def _task_faults(key: str, task: TaskRule) -> Iterator[Fault]:
    if task.due_hours < 0:
        yield Fault(FILE, f"{key}.due_hours", "must be 0 or more")
    for part, text in (("subject", task.subject), ("body", task.body)):
        try:
            words = {word for _, word, _, _ in Formatter().parse(text) if word is not None}
        except ValueError:
            words = {""}
        if not words <= _TASK_WORDS:
            yield Fault(FILE, f"{key}.{part}", "may hold {score} and {reasons}, and no other braces")
