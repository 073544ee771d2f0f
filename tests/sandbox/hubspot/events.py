"""Webhook events in HubSpot's shapes: the legacy `contact.*` and the newer `object.*` with a type id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from tests.sandbox.hubspot.answers import Json
from tests.sandbox.hubspot.records import Source
from tests.sandbox.hubspot.schema import Property
from tests.sandbox.hubspot.values import instant

Shape = Literal["legacy", "object"]


class Announcer:
    """Builds the events an app is subscribed to and keeps them until they are sent. `subscribed` None: every
    property; without listeners changes are not even built. HubSpot's own counters and calculated values
    are never announced.
    """

    def __init__(self, portal_id: int, app_id: int) -> None:
        self.shape: Shape = "legacy"
        self.subscribed: frozenset[str] | None = None
        self.listeners: list[Callable[[Json], None]] = []
        self.pending: list[Json] = []
        self._portal_id = portal_id
        self._app_id = app_id
        self._last_event = 1_765_889_000

    def created(self, contact_id: str, at: float, source: Source) -> None:
        """A contact came to be."""
        self._announce("creation", contact_id, at, source, {"changeFlag": "NEW"})

    def changed(self, contact_id: str, definition: Property, value: str, at: float, source: Source) -> None:
        """A property of a contact has another value now. Times travel as milliseconds since 1970."""
        if not self.listeners or definition.read_only:
            return
        if self.subscribed is not None and definition.name not in self.subscribed:
            return
        if definition.type in ("datetime", "date") and value:
            value = str(round((instant(value) or 0) * 1000))
        more = {"propertyName": definition.name, "propertyValue": value}
        self._announce("propertyChange", contact_id, at, source, more)

    def deleted(self, contact_id: str, at: float, source: Source) -> None:
        """A contact went to the recycle bin."""
        self._announce("deletion", contact_id, at, source, {"changeFlag": "DELETED"})

    def restored(self, contact_id: str, at: float, source: Source) -> None:
        """A contact came back from the recycle bin."""
        self._announce("restore", contact_id, at, source, {"changeFlag": "RESTORED"})

    def privacy_deleted(self, contact_id: str, at: float, source: Source) -> None:
        """A contact was deleted for good, at the person's request; one shape only."""
        event = self._base("contact.privacyDeletion", contact_id, at, source) | {"changeFlag": "DELETED"}
        self.pending.append(event)

    def merged(
        self, primary: str, merged: Sequence[str], new: str, at: float, source: Source, moved: int
    ) -> None:
        """Contacts became one, which goes by the id `new` from now on; often the primary's."""
        more = {
            "primaryObjectId": int(primary),
            "mergedObjectIds": [int(each) for each in merged],
            "newObjectId": int(new),
            "numberOfPropertiesMoved": moved,
        }
        self._announce("merge", primary, at, source, more)

    def take(self) -> list[Json]:
        """The events since the last call."""
        taken, self.pending = self.pending, []
        return taken

    def _announce(self, what: str, contact_id: str, at: float, source: Source, more: Json) -> None:
        if self.shape == "legacy":
            event = self._base(f"contact.{what}", contact_id, at, source) | more
        else:
            event = self._base(f"object.{what}", contact_id, at, source) | more
            event |= {"objectTypeId": "0-1", "isSensitive": False}
        self.pending.append(event)

    def _base(self, kind: str, contact_id: str, at: float, source: Source) -> Json:
        self._last_event += 7
        return {
            "eventId": self._last_event,
            "subscriptionId": 7_660_000 + len(kind),
            "portalId": self._portal_id,
            "appId": self._app_id,
            "occurredAt": round(at * 1000),
            "subscriptionType": kind,
            "attemptNumber": 0,
            "objectId": int(contact_id),
            "changeSource": source.kind,
            "sourceId": source.source_id,
        }
