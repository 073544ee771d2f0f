"""A CRM record with the history of each value, and which records belong together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from tests.sandbox.hubspot.answers import Json, iso

Kind = Literal["contacts", "deals", "tasks"]

KINDS: dict[str, Kind] = {
    "contacts": "contacts", "contact": "contacts", "0-1": "contacts",
    "deals": "deals", "deal": "deals", "0-3": "deals",
    "tasks": "tasks", "task": "tasks", "0-27": "tasks",
}  # fmt: skip

CREATED = {"contacts": "createdate", "deals": "createdate", "tasks": "hs_createdate"}
MODIFIED = {"contacts": "lastmodifieddate", "deals": "hs_lastmodifieddate", "tasks": "hs_lastmodifieddate"}
DEFAULT_PROPERTIES = {
    "contacts": ("email", "firstname", "lastname"),
    "deals": ("amount", "closedate", "dealname", "dealstage", "pipeline"),
    "tasks": (),
}


@dataclass(frozen=True, slots=True)
class Source:
    """Who wrote: "CRM_UI" a person, "INTEGRATION" an app by the API, "CALCULATED" HubSpot itself."""

    kind: str
    source_id: str


@dataclass(frozen=True, slots=True)
class Value:
    """One value a property had, from `at` (seconds since 1970) on."""

    value: str
    at: float
    source: Source


@dataclass(frozen=True, slots=True)
class Stale:
    """What the search index still believes until `until`; None: it does not know the record yet."""

    until: float
    properties: dict[str, str] | None


@dataclass(slots=True)
class CrmRecord:
    """A contact, deal or task. `properties` holds non-empty values only; `history` oldest first."""

    record_id: str
    kind: Kind
    properties: dict[str, str] = field(default_factory=dict)
    history: dict[str, list[Value]] = field(default_factory=dict)
    stale: Stale | None = None

    def set(self, name: str, value: str, at: float, source: Source) -> None:
        """Put one value; "" takes it away, and the history remembers that too."""
        if value:
            self.properties[name] = value
        else:
            self.properties.pop(name, None)
        self.history.setdefault(name, []).append(Value(value, at, source))

    def touch(self, at: float) -> None:
        """Note the moment of the last write; HubSpot does so even when no value changed."""
        self.properties[MODIFIED[self.kind]] = iso(at)

    def shown(self, names: Iterable[str], with_history: Iterable[str] = ()) -> Json:
        """The record as the API shows it: the properties asked for (null where empty) and the three that
        always come. No names: HubSpot's default few.
        """
        wanted = tuple(names)
        history = tuple(with_history)
        always = ("hs_object_id", CREATED[self.kind], MODIFIED[self.kind])
        get = self.properties.get
        body: Json = {
            "id": self.record_id,
            "properties": {name: get(name) for name in (*(wanted or DEFAULT_PROPERTIES[self.kind]), *always)},
            "createdAt": self.properties[CREATED[self.kind]],
            "updatedAt": self.properties[MODIFIED[self.kind]],
            "archived": False,
        }
        if history:
            body["properties"] |= {name: get(name) for name in history}
            body["propertiesWithHistory"] = {name: self._past(name) for name in history}
        return body

    def _past(self, name: str) -> list[Json]:
        return [
            {
                "value": each.value,
                "timestamp": iso(each.at),
                "sourceType": each.source.kind,
                "sourceId": each.source.source_id,
            }
            for each in reversed(self.history.get(name, ()))
        ]


class Links:
    """Associations, kept in both directions."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[Kind, Kind], dict[str, dict[str, None]]] = {}

    def join(self, kind: Kind, record_id: str, other: Kind, other_id: str) -> None:
        """Associate two records."""
        self._side(kind, other).setdefault(record_id, {})[other_id] = None
        self._side(other, kind).setdefault(other_id, {})[record_id] = None

    def of(self, kind: Kind, record_id: str, other: Kind) -> list[str]:
        """The ids of kind `other` that belong to this record, oldest association first."""
        return list(self._side(kind, other).get(record_id, ()))

    def move(self, kind: Kind, old: str, new: str) -> None:
        """Everything of `old` becomes `new`'s."""
        for other in ("contacts", "deals", "tasks"):
            for other_id in self.of(kind, old, other):
                self.join(kind, new, other, other_id)
        self.drop(kind, old)

    def drop(self, kind: Kind, record_id: str) -> None:
        """Forget every association of this record."""
        for (near, far), side in self._pairs.items():
            if near == kind:
                for other_id in side.pop(record_id, ()):
                    self._pairs[far, near].get(other_id, {}).pop(record_id, None)

    def _side(self, kind: Kind, other: Kind) -> dict[str, dict[str, None]]:
        return self._pairs.setdefault((kind, other), {})
