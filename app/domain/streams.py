"""The meaning of what vendors say, as declared in mappings/sources/*.toml: which stream makes which fact.

A path is dotted ("payload.object.id"); alternatives are separated by " | " and the first that holds
something counts; a trailing "?" in a key says that the part may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Path = str


@dataclass(frozen=True, slots=True)
class MomentRule:
    """Where a time stands. ISO 8601 text or milliseconds since 1970; `zone` is the path of the time zone's
    name, read where the text itself has none (UTC where that is missing too).
    """

    path: Path
    zone: Path = ""


@dataclass(frozen=True, slots=True)
class IdentityRule:
    """One name a person goes by. `split` separates several values in one text (";" in HubSpot).

    Kind "email" is cleaned and checked: one that cannot be an address is left out, or refused if required.
    """

    vendor: str
    kind: str
    path: Path
    required: bool = False
    split: str = ""


@dataclass(frozen=True, slots=True)
class ObservationRule:
    """`key` starts with a word and goes on with paths. `quantity` is a number's path; where `until` is given
    and present, the seconds from `occurred_at` to it count instead. `times` are attributes that are moments,
    kept as ISO 8601 text in UTC. `when` and `present` say of which records this is made, where a stream makes
    several kinds. `each` is the path of a list: one is made of every object in it, whose own fields stand
    below "each.".
    """

    kind: str
    key: tuple[str, ...]
    identities: tuple[IdentityRule, ...]
    occurred_at: MomentRule
    scope: Path = ""
    quantity: Path = ""
    until: MomentRule | None = None
    attributes: Mapping[str, Path] = field(default_factory=dict)
    times: Mapping[str, MomentRule] = field(default_factory=dict)
    when: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)
    present: tuple[Path, ...] = ()
    each: Path = ""


@dataclass(frozen=True, slots=True, eq=False)
class ProfileRule:
    """`fields` are our field names and where they stand; one whose path is absent stays unknown.

    Equal to itself alone, so that what is worked out from a rule once is found again by it.
    """

    identities: tuple[IdentityRule, ...]
    observed_at: MomentRule
    fields: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class OccurrenceRule:
    uuid: Path
    webinar_id: Path
    starts_at: MomentRule
    topic: Path
    host_id: Path
    ends_at: MomentRule | None = None
    created_at: MomentRule | None = None


@dataclass(frozen=True, slots=True)
class DealRule:
    deal_id: Path
    contact_ids: Path
    pipeline: Path
    stage: Path
    amount: Path
    is_closed: Path
    is_won: Path
    created_at: MomentRule
    closed_at: MomentRule
    modified_at: MomentRule


@dataclass(frozen=True, slots=True)
class HintRule:
    """`contact_ids` are paths of one id or a list of ids: one hint each. The id in `into` is left out.

    `split` separates several ids in one text; `present` paths must hold something, or nothing is hinted.
    `property` and `value` are where a changed property's name and new value stand.
    """

    contact_ids: tuple[Path, ...]
    change: Literal["changed", "deleted", "privacy_deleted", "merged", "restored"]
    occurred_at: MomentRule
    into: Path = ""
    split: str = ""
    present: tuple[Path, ...] = ()
    property: Path = ""
    value: Path = ""


@dataclass(frozen=True, slots=True)
class ReferenceRule:
    """`fields` are what is kept of the payload, by our name; without them all of it."""

    kind: str
    reference_id: Path
    fields: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StreamMeaning:
    """What one stream makes, and of which of its records.

    A record counts when the value at every `when` path is listed, at no `unless` path is, and every `present`
    path holds something. A listed value in braces is itself a path; one that ends in "*" is any such ending.
    `replaces` are kinds of observation, beside those it makes, that a whole reading of the stream stands for.
    """

    when: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)
    unless: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)
    present: tuple[Path, ...] = ()
    observation: tuple[ObservationRule, ...] = ()
    profile: ProfileRule | None = None
    occurrence: OccurrenceRule | None = None
    deal: DealRule | None = None
    hint: HintRule | None = None
    reference: ReferenceRule | None = None
    replaces: tuple[str, ...] = ()

    @property
    def replaced_kinds(self) -> frozenset[str]:
        """The kinds of observation of which a whole reading of this stream is all there is."""
        return frozenset(rule.kind for rule in self.observation) | frozenset(self.replaces)


@dataclass(frozen=True, slots=True)
class SourceMeaning:
    """One vendor's file. `ignored` streams are known and make nothing."""

    source: str
    stream: Mapping[str, StreamMeaning]
    ignored: tuple[str, ...] = ()


StreamTable = Mapping[str, SourceMeaning]
"""Vendor name -> its streams."""
