"""The records of a portal and what follows from writing one: history, events, workflows, search lag.

Nothing here locks: HubSpotPortal holds the one lock around every call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.sandbox.hubspot.answers import invalid, iso, missing, refusal
from tests.sandbox.hubspot.events import Announcer
from tests.sandbox.hubspot.lists import ListBook
from tests.sandbox.hubspot.records import CREATED, KINDS, CrmRecord, Kind, Links, Source, Stale
from tests.sandbox.hubspot.reference import Owner, Pipeline
from tests.sandbox.hubspot.schema import Schema
from tests.sandbox.hubspot.standard_properties import (
    CONTACT_PROPERTIES,
    DEAL_PROPERTIES,
    LIFECYCLE,
    TASK_PROPERTIES,
)
from tests.sandbox.hubspot.workflows import Workflows

CALCULATED = Source("CALCULATED", "CalculatedPropertyComputer")
OBJECT_NAMES: dict[Kind, str] = {"contacts": "CONTACT", "deals": "DEAL", "tasks": "TASK"}


@dataclass(frozen=True, slots=True)
class Write:
    """One contact property as the API wrote it, at a moment in seconds since 1970. `changed` is False when
    the value was there already or HubSpot ignored it.
    """

    contact_id: str
    property: str
    value: str
    at: float
    changed: bool


class Crm:
    """Everything a portal keeps. `search_lag` is how many seconds the search index trails."""

    def __init__(self, portal_id: int, app_id: int, now: Callable[[], float]) -> None:
        self.now = now
        self.search_lag = 0.0
        self.records: dict[Kind, dict[str, CrmRecord]] = {"contacts": {}, "deals": {}, "tasks": {}}
        self.schemas: dict[Kind, Schema] = {
            "contacts": Schema("contacts", portal_id, "contactinformation", CONTACT_PROPERTIES),
            "deals": Schema("deals", portal_id, "dealinformation", DEAL_PROPERTIES),
            "tasks": Schema("tasks", portal_id, "task", TASK_PROPERTIES),
        }
        self.links = Links()
        self.lists = ListBook()
        self.workflows = Workflows()
        self.announcer = Announcer(portal_id, app_id)
        self.owners: dict[str, Owner] = {}
        self.pipelines: dict[str, Pipeline] = {}
        self.writes: list[Write] = []
        self.rules: list[tuple[str, str, str]] = []
        """An admin's rules: while this property has this value, that one is required."""
        self.locked: set[str] = set()
        """Records that another write holds: an update of them is refused for the moment."""
        self.archived: dict[str, tuple[CrmRecord, float]] = {}
        self._emails: dict[str, str] = {}
        self._merged_into: dict[str, str] = {}
        self._last_id = 20_100_000_000

    def kind(self, object_type: str) -> Kind:
        """The kind a path names, by name or type id, or 400."""
        if object_type not in KINDS:
            raise invalid(f"Unable to infer object type from: {object_type}")
        return KINDS[object_type]

    def get(self, kind: Kind, record_id: str) -> CrmRecord | None:
        """The record of this id; an id that was merged away gives the surviving contact."""
        if kind == "contacts":
            record_id = self._merged_into.get(record_id, record_id)
        return self.records[kind].get(record_id)

    def find(self, kind: Kind, id_property: str | None, value: str) -> CrmRecord | None:
        """The record with this value in a unique property; a contact answers to every address it has."""
        if id_property in (None, "", "hs_object_id"):
            return self.get(kind, value)
        definition = self.schemas[kind].properties.get(id_property or "")
        if definition is None or not definition.unique:
            raise invalid(f"Property {id_property} is not a unique property of {OBJECT_NAMES[kind]}.")
        if id_property == "email":
            return self.get(kind, self._emails.get(value.lower(), ""))
        everyone = self.records[kind].values()
        return next((each for each in everyone if each.properties.get(definition.name) == value), None)

    def require(self, kind: Kind, id_property: str | None, value: str) -> CrmRecord:
        """As `find`, or 404."""
        found = self.find(kind, id_property, value)
        if found is None:
            raise missing("resource not found")
        return found

    def check_unique(self, kind: Kind, values: Mapping[str, str], record: CrmRecord | None) -> None:
        """409 when another record has one of these values in a unique property."""
        for name, value in values.items():
            if not value or not self.schemas[kind].properties[name].unique:
                continue
            other = self.find(kind, name, value)
            if other is not None and other is not record:
                label = OBJECT_NAMES[kind].capitalize()
                raise refusal(409, "CONFLICT", f"{label} already exists. Existing ID: {other.record_id}")

    def create(self, kind: Kind, values: Mapping[str, str], source: Source) -> CrmRecord:
        """A new record with checked values."""
        self._last_id += 1
        record = CrmRecord(str(self._last_id), kind)
        self.records[kind][record.record_id] = record
        at = self.now()
        if self.search_lag:
            record.stale = Stale(at + self.search_lag, None)
        if kind == "contacts":
            self.announcer.created(record.record_id, at, source)
        record.set("hs_object_id", record.record_id, at, CALCULATED)
        record.set("hs_object_source", source.kind, at, CALCULATED)
        record.set(CREATED[kind], iso(at), at, CALCULATED)
        self.change(record, values, source)
        return record

    def change(self, record: CrmRecord, values: Mapping[str, str], source: Source) -> None:
        """Write checked values. A value that is there already changes nothing but the time of modification;
        a lifecycle stage that would move backward is dropped without a word.
        """
        at = self.now()
        self._keep_for_search(record, at)
        for name, value in values.items():
            changed = not self._is_silent(record, name, value)
            if changed:
                self._put(record, name, value, at, source)
            if record.kind == "contacts" and source.kind == "INTEGRATION":
                self.writes.append(Write(record.record_id, name, value, at, changed))
        if record.kind == "deals":
            self._close(record, at)
        record.touch(at)

    def link(self, kind: Kind, record_id: str, contact_id: str) -> None:
        """Associate a deal or task with a contact."""
        self.links.join(kind, record_id, "contacts", contact_id)
        contact = self.records["contacts"][contact_id]
        if kind == "deals":
            deals = str(len(self.links.of("contacts", contact_id, "deals")))
            contact.set("num_associated_deals", deals, self.now(), CALCULATED)
            contact.touch(self.now())

    def join_list(self, list_name: str, contact_ids: list[str]) -> None:
        """Contacts have just been put on this list: workflows that wait for it start."""
        for contact_id in contact_ids:
            self.workflows.on_join(contact_id, list_name, self.now())

    def merge(
        self, primary: CrmRecord, other: CrmRecord, source: Source, *, under_new_id: bool = False
    ) -> None:
        """`other` ends in `primary`: its address becomes a second one, its empty fields fill, its id stays
        resolvable. `under_new_id`: both ids end in a third one, under which the primary goes on.
        """
        before = primary.record_id
        at = self.now()
        second = [other.properties.get("email", ""), other.properties.get("hs_additional_emails", "")]
        known = [primary.properties.get("hs_additional_emails", ""), *second]
        fill = {
            name: value
            for name, value in other.properties.items()
            if name not in primary.properties and not self.schemas["contacts"].properties[name].read_only
        }
        self.links.move("contacts", other.record_id, primary.record_id)
        for each in self.lists.of_contact(other.record_id):
            each.members.setdefault(primary.record_id, at)
        self._take_out(other)
        self._merged_into[other.record_id] = primary.record_id
        for old, new in list(self._merged_into.items()):
            if new == other.record_id:
                self._merged_into[old] = primary.record_id
        extra = ";".join(filter(None, dict.fromkeys(";".join(known).split(";"))))
        ended = [primary.properties.get("hs_merged_object_ids", ""), other.record_id]
        ended.append(other.properties.get("hs_merged_object_ids", ""))
        self.change(primary, {"hs_merged_object_ids": ";".join(filter(None, ended))}, CALCULATED)
        self.change(primary, fill | {"hs_additional_emails": extra}, source)
        if under_new_id:
            self._renumber(primary)
        self.announcer.merged(before, [other.record_id], primary.record_id, at, source, len(fill))

    def _renumber(self, record: CrmRecord) -> None:
        self._last_id += 1
        old, new = record.record_id, str(self._last_id)
        self.records["contacts"][new] = self.records["contacts"].pop(old)
        self._merged_into = {one: new if now == old else now for one, now in self._merged_into.items()}
        self._merged_into[old] = new
        self._emails = {one: new if owner == old else owner for one, owner in self._emails.items()}
        for each in self.lists.of_contact(old):
            each.members[new] = each.members.pop(old)
        self.links.move("contacts", old, new)
        record.record_id = new
        ended = ";".join(filter(None, [record.properties.get("hs_merged_object_ids", ""), old]))
        self.change(record, {"hs_object_id": new, "hs_merged_object_ids": ended}, CALCULATED)

    def remove(self, record: CrmRecord, source: Source) -> None:
        """Delete a contact: it can be restored."""
        self.announcer.deleted(record.record_id, self.now(), source)
        self.archived[record.record_id] = (record, self.now())
        self._take_out(record)
        self.links.drop("contacts", record.record_id)

    def restore(self, contact_id: str, source: Source) -> None:
        """Take a deleted contact back, with everything but its lists and associations."""
        record, _ = self.archived.pop(contact_id)
        self.records["contacts"][contact_id] = record
        for name in ("email", "hs_additional_emails"):
            self._index(record, "", record.properties.get(name, ""))
        record.touch(self.now())
        self.announcer.restored(contact_id, self.now(), source)

    def remove_task(self, record: CrmRecord) -> None:
        """Archive a task."""
        del self.records["tasks"][record.record_id]
        self.links.drop("tasks", record.record_id)

    def _take_out(self, record: CrmRecord) -> None:
        del self.records["contacts"][record.record_id]
        self.lists.forget(record.record_id)
        for address in [address for address, owner in self._emails.items() if owner == record.record_id]:
            del self._emails[address]

    def _is_silent(self, record: CrmRecord, name: str, value: str) -> bool:
        old = record.properties.get(name, "")
        if old == value:
            return True
        if name != "lifecyclestage" or not old or not value:
            return False
        return LIFECYCLE.index(value) < LIFECYCLE.index(old)

    def _put(self, record: CrmRecord, name: str, value: str, at: float, source: Source) -> None:
        if record.kind != "contacts":
            record.set(name, value, at, source)
            return
        if name in ("email", "hs_additional_emails"):
            self._index(record, record.properties.get(name, ""), value)
        record.set(name, value, at, source)
        definition = self.schemas["contacts"].properties[name]
        self.announcer.changed(record.record_id, definition, value, at, source)
        self.workflows.on_value(record.record_id, name, value, at)

    def _index(self, record: CrmRecord, old: str, new: str) -> None:
        for address in filter(None, old.lower().split(";")):
            self._emails.pop(address, None)
        for address in filter(None, new.lower().split(";")):
            self._emails[address] = record.record_id

    def _close(self, deal: CrmRecord, at: float) -> None:
        stages = (stage for line in self.pipelines.values() for stage in line.stages)
        stage = next((each for each in stages if each.stage_id == deal.properties.get("dealstage")), None)
        for name, state in (
            ("hs_is_closed", stage is not None and stage.closed),
            ("hs_is_closed_won", stage is not None and stage.probability == 1.0),
        ):
            if deal.properties.get(name) != str(state).lower():
                deal.set(name, str(state).lower(), at, CALCULATED)

    def _keep_for_search(self, record: CrmRecord, at: float) -> None:
        if self.search_lag and (record.stale is None or record.stale.until <= at):
            record.stale = Stale(at + self.search_lag, dict(record.properties))
