"""Ring 2 of the mappings' validation: what one file names must stand in another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath

from app.domain.attendance import ACTIVITY_OF
from app.domain.engagement import EngagementRules
from app.domain.errors import Fault
from app.domain.feature_table import FeatureRule, FeatureTable
from app.domain.scoring.bands import Wording
from app.domain.scoring.points import PointsRules
from app.domain.streams import ObservationRule, SourceMeaning, StreamMeaning, StreamTable
from mappings.read import dotted

RUN_ATTRIBUTES = frozenset({"webinar_id", "topic", "webinar_created_at"})
"""What deriving activities adds to them by itself."""


def source_faults(file: str, meaning: SourceMeaning) -> Iterator[Fault]:
    """Faults within one vendor's file."""
    if meaning.source != PurePath(file).stem:
        yield Fault(file, "source", f'must be "{PurePath(file).stem}", like the file')
    for stream, makes in meaning.stream.items():
        if stream in meaning.ignored:
            yield Fault(file, "ignored", f'"{stream}" is ignored and has a meaning: keep one')
        yield from _stream_faults(file, stream, makes)


def _stream_faults(file: str, stream: str, makes: StreamMeaning) -> Iterator[Fault]:
    singles = (makes.profile, makes.occurrence, makes.deal, makes.hint, makes.reference)
    if not makes.observation and not any(singles):
        yield Fault(
            file, dotted("stream", stream), "makes nothing: give it a meaning or list it in `ignored`"
        )
    for place, rule in enumerate(makes.observation):
        if len(rule.key) < 2:
            key = dotted("stream", stream, "observation", place, "key")
            yield Fault(file, key, "must be a word and at least one path, or every event is the same one")
    if makes.hint and not makes.hint.contact_ids:
        yield Fault(file, dotted("stream", stream, "hint", "contact_ids"), "must name at least one path")


def table_faults(streams: StreamTable) -> Iterator[Fault]:
    """HubSpot is where leads live: without its contacts there is nobody to write to."""
    hubspot = streams.get("hubspot")
    for stream in ("contacts", "deals"):
        if hubspot is None or stream not in hubspot.stream:
            yield Fault(
                "sources/hubspot.toml", dotted("stream", stream), "is missing: leads are read from it"
            )


def wording_faults(rules: PointsRules) -> Iterator[Fault]:
    """Every text a person may read says something in both languages."""
    for code, wording in rules.reason.items():
        yield from _blank(dotted("reason", code), wording)
    for band, rule in rules.bands.items():
        yield from _blank(dotted("bands", band, "next_action"), rule.next_action)
        for place, advice in enumerate(rule.recommendations):
            yield from _blank(dotted("bands", band, "recommendations", place), advice)


def _blank(key: str, wording: Wording) -> Iterator[Fault]:
    for language, text in (("es", wording.es), ("en", wording.en)):
        if not text.strip():
            yield Fault("scoring.toml", f"{key}.{language}", "is empty: write the text a person will read")


def activity_kinds(streams: StreamTable) -> dict[str, list[tuple[str, ObservationRule]]]:
    """Each activity kind the sources make, with the files and rules that make it."""
    kinds: dict[str, list[tuple[str, ObservationRule]]] = {}
    for source, meaning in streams.items():
        for makes in meaning.stream.values():
            for rule in makes.observation:
                kind = ACTIVITY_OF.get(rule.kind, rule.kind)
                kinds.setdefault(kind, []).append((f"sources/{source}.toml", rule))
    return kinds


def engagement_cross_faults(streams: StreamTable, rules: EngagementRules) -> Iterator[Fault]:
    """Every activity a source makes has a line in engagement.toml, be its weight 0."""
    for kind, makers in activity_kinds(streams).items():
        if kind not in rules.kinds:
            files = ", ".join(sorted({file for file, _ in makers}))
            yield Fault(
                "engagement.toml", dotted("kinds", kind), f"is missing: {files} makes such activities"
            )


def feature_cross_faults(
    streams: StreamTable, rules: EngagementRules, table: FeatureTable
) -> Iterator[Fault]:
    """Every source of a feature exists: its activity kinds, their attribute, its profile fields."""
    attributes = _attributes(streams)
    fields = _profile_fields(streams)
    for name, rule in table.features.items():
        yield from _feature_faults(dotted("features", name), rule, rules, attributes, fields)


def _feature_faults(
    key: str,
    rule: FeatureRule,
    rules: EngagementRules,
    attributes: Mapping[str, set[str]],
    fields: Mapping[str, set[str]],
) -> Iterator[Fault]:
    known = set(attributes) | set(rules.kinds)
    for kind in rule.activities:
        if kind not in known:
            yield Fault("features.toml", f"{key}.activities", f'"{kind}" is no kind of activity')
    made = [kind for kind in rule.activities if kind in attributes]
    if rule.attribute and made and not any(rule.attribute in attributes[kind] for kind in made):
        yield Fault(
            "features.toml", f"{key}.attribute", f'"{rule.attribute}" is no attribute of these activities'
        )
    for profile in rule.profiles:
        source, _, field = profile.partition(".")
        if source in fields and field not in fields[source] and not rule.customer_supplied:
            message = (
                f'"{profile}" is not read: add it to sources/{source}.toml or say customer_supplied = true'
            )
            yield Fault("features.toml", f"{key}.profiles", message)


def _attributes(streams: StreamTable) -> dict[str, set[str]]:
    """Activity kind -> the attributes its observations carry."""
    return {
        kind: set(RUN_ATTRIBUTES).union(*({*rule.attributes, *rule.times} for _, rule in makers))
        for kind, makers in activity_kinds(streams).items()
    }


def _profile_fields(streams: StreamTable) -> dict[str, set[str]]:
    return {
        source: {name for makes in meaning.stream.values() if makes.profile for name in makes.profile.fields}
        for source, meaning in streams.items()
    }
