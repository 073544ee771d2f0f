"""What travels along the line: records as connectors hand them over, and the facts made of them.

record (a connector's bytes, parsed) -> fact (observation, profile, ...) -> activity -> feature -> score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

Payload = Mapping[str, Any]
"""A vendor's JSON object. `Any` ends at `normalize`: nothing below it sees a payload."""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing a vendor said, as its connector handed it over.

    `stream` names the shape: a pull stream ("registrants") or a webhook event ("webinar.participant_left").
    `payload` is the vendor's own object plus, for pulled records, the context its URL held
    (`payload["webinar_uuid"]` for a participant row).
    """

    source: str
    stream: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class Page:
    """A page of records and the cursor to store with them, in one transaction.

    `cursor` is what `pull` must be given to go on after this page: JSON-able, opaque to everyone else.
    `replaces` is the scope of which these records are all there is of their stream: its observations, of the
    kinds the mapping names, that they do not make are no longer true. "" where a page says nothing of what
    it leaves out. `as_of` is when it was asked for, where more may happen in that scope: what occurred
    later stays. `goes_on` is the source's word that another page follows and that the cursor has moved: who
    has to stop here need not read that page to know it.
    """

    records: tuple[Record, ...]
    cursor: Mapping[str, Any]
    replaces: str = ""
    as_of: datetime | None = None
    goes_on: bool = False


class IdentityKey(NamedTuple):
    """One name a person goes by at one vendor, e.g. ("zoom", "registrant_id", "abc"), ("any", "email", ...).

    E-mails are lower-case and vendor "any"; ids stay text. A tuple: it is hashed several times a record.
    """

    vendor: str
    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing a source saw a person do. Kept as seen: facts are derived from observations and replaced.

    `key` is the source's own key, the same for every delivery of the same event. `identities` runs from
    strongest to weakest; an empty tuple is an anonymous act, kept for the review list. `quantity` is in the
    unit of its kind (seconds for a webinar segment, 1 for a message). `scope` names what it happened in
    (the webinar run's uuid, a campaign), "" where nothing.
    """

    source: str
    kind: str
    key: str
    identities: tuple[IdentityKey, ...]
    occurred_at: datetime
    quantity: float = 1.0
    scope: str = ""
    attributes: Mapping[str, str | float | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """What one source says a person *is*, as of one moment: name, company, role, HubSpot's own counters.

    A field that is absent is unknown; "" is known to be empty.
    """

    source: str
    identities: tuple[IdentityKey, ...]
    fields: Mapping[str, str]
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One run of one webinar. `uuid` is the run's own; `webinar_id` is shared by a recurring series."""

    source: str
    uuid: str
    webinar_id: str
    topic: str
    starts_at: datetime
    ends_at: datetime | None = None
    created_at: datetime | None = None
    host_id: str = ""


@dataclass(frozen=True, slots=True)
class Deal:
    """A HubSpot deal. Open is an opportunity; closed and won makes a customer."""

    source: str
    deal_id: str
    contact_ids: tuple[str, ...]
    pipeline: str
    stage: str
    amount: float | None
    is_closed: bool
    is_won: bool
    created_at: datetime
    closed_at: datetime | None
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class ContactHint:
    """A webhook's word that something happened to a contact. Its values are hints: the contact is re-read.

    `change` is what happened; for "merged", `into` is the surviving contact's id and `contact_id` the id
    that ended. For "changed", `property` has the new `value` where the webhook tells which.
    """

    source: str
    contact_id: str
    change: Literal["changed", "deleted", "privacy_deleted", "merged", "restored"]
    occurred_at: datetime
    into: str = ""
    property: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """A vendor's small table we look things up in: a pipeline with its stages, an owner."""

    source: str
    kind: str
    reference_id: str
    body: Payload


Fact = Observation | Profile | Occurrence | Deal | ContactHint | Reference


@dataclass(frozen=True, slots=True)
class Activity:
    """A normalised fact about a person, derived from observations.

    `fact_key` is unique per person and kind: the webinar run for an attendance, the message id for a chat
    message. `quantity` is minutes for an attendance, 1 elsewhere. `observation_ids` says which rows made it.
    """

    kind: str
    fact_key: str
    occurred_at: datetime
    quantity: float
    observation_ids: tuple[int, ...] = ()
    attributes: Mapping[str, str | float | bool | None] = field(default_factory=dict)


FeatureValue = float | str | None
"""A number, a category, or None for unknown. Unknown is never zero."""

Features = Mapping[str, FeatureValue]

Band = Literal["hot", "warm", "cold", "unqualified"]
BANDS: tuple[Band, ...] = ("hot", "warm", "cold", "unqualified")


@dataclass(frozen=True, slots=True)
class Reason:
    """One line of a receipt: so many points, for this. `code` names the wording in mappings.

    `part` is the half of the score it belongs to. `value` is what the lead has, for the wording's `{value}`.
    """

    code: str
    points: int
    part: Literal["base", "fit", "engagement"]
    value: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """A lead's score (0-100), its band, and the receipt whose points add up to the score exactly.

    `probability` is None for the points score, which never pretends to be one. `method` is "points" or the
    model's name ("model 7"). `grid` is A1 to C3: what the lead is, and what it does.
    """

    value: int
    band: Band
    receipt: tuple[Reason, ...]
    method: str
    engagement: float
    probability: float | None = None
    grid: str = ""
