"""Every mapping file, read and checked against the others: what the vendors' words and our numbers mean.

Ring 1 (mappings.read) fits each file to its shape, ring 2 (mappings.cross) the files to each other; ring 3,
against the portal itself, is the destination's check.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from app.domain.engagement import EngagementRules, engagement_faults
from app.domain.errors import BadConfig, Fault
from app.domain.feature_table import FeatureTable, feature_faults
from app.domain.local_reading import TextWords, text_words_faults
from app.domain.machine_clicks import MachineRules, machine_rule_faults
from app.domain.portal import HubSpotMapping
from app.domain.scoring.points import PointsRules, cross_faults, points_faults
from app.domain.streams import SourceMeaning, StreamTable
from mappings.cross import (
    engagement_cross_faults,
    feature_cross_faults,
    source_faults,
    table_faults,
    wording_faults,
)
from mappings.portal import portal_faults
from mappings.read import read_toml, shown

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Mappings:
    """Every mapping file as read: the sources, and the tables by the name of their file."""

    streams: StreamTable
    engagement: EngagementRules
    features: FeatureTable
    scoring: PointsRules
    hubspot: HubSpotMapping
    machine: MachineRules
    texts: TextWords


def load_mappings(folder: Path = FOLDER) -> Mappings:
    """The mappings in `folder`. Raises BadConfig with every fault of every file; what one file names of
    another is looked at only once each file by itself is right.
    """
    faults: list[Fault] = []
    streams = load_streams(folder, faults)
    engagement = read_toml(folder / "engagement.toml", EngagementRules, faults)
    features = read_toml(folder / "features.toml", FeatureTable, faults)
    scoring = read_toml(folder / "scoring.toml", PointsRules, faults)
    hubspot = read_toml(folder / "hubspot.toml", HubSpotMapping, faults)
    machine = read_toml(folder / "machine.toml", MachineRules, faults)
    texts = read_toml(folder / "texts.toml", TextWords, faults)
    if engagement and features and scoring and hubspot and machine and texts and not faults:
        mappings = Mappings(streams, engagement, features, scoring, hubspot, machine, texts)
        faults += _faults(mappings)
        if not faults:
            return mappings
    raise BadConfig(faults)


def load_streams(folder: Path, faults: list[Fault]) -> StreamTable:
    """The meaning of every vendor's streams, by vendor."""
    streams: dict[str, SourceMeaning] = {}
    for path in sorted((folder / "sources").glob("*.toml")):
        meaning = read_toml(path, SourceMeaning, faults)
        if meaning is not None:
            faults += source_faults(shown(path), meaning)
            streams[meaning.source] = meaning
    return streams


def _faults(read: Mappings) -> Iterator[Fault]:
    yield from _named("engagement.toml", engagement_faults(read.engagement))
    yield from _named("features.toml", feature_faults(read.features))
    yield from _named("texts.toml", text_words_faults(read.texts))
    yield from _named("machine.toml", machine_rule_faults(read.machine))
    yield from _named("scoring.toml", points_faults(read.scoring))
    yield from _named("scoring.toml", cross_faults(read.scoring, read.features, read.engagement))
    yield from wording_faults(read.scoring)
    yield from table_faults(read.streams)
    yield from engagement_cross_faults(read.streams, read.engagement)
    yield from feature_cross_faults(read.streams, read.engagement, read.features)
    yield from portal_faults(read.hubspot)


def _named(file: str, faults: Iterable[tuple[str, str]]) -> Iterator[Fault]:
    return (Fault(file, key, message) for key, message in faults)


def contact_properties(mappings: Mappings) -> tuple[str, ...]:
    """The contact properties the mapping reads, which HubSpot must be asked for by name."""
    return _asked_for(mappings.streams, "contacts")


def deal_properties(mappings: Mappings) -> tuple[str, ...]:
    """The same of deals."""
    return _asked_for(mappings.streams, "deals")


def _asked_for(streams: StreamTable, stream: str) -> tuple[str, ...]:
    """The HubSpot properties that stand anywhere in the meaning of `stream`."""
    meaning = streams["hubspot"].stream[stream]
    paths = [path for text in _texts(asdict(meaning)) for path in text.split(" | ")]
    return tuple(
        sorted({path.removeprefix("properties.") for path in paths if path.startswith("properties.")})
    )


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        value = [*value, *value.values()]
    return [text for item in value for text in _texts(item)] if isinstance(value, list | tuple) else []
