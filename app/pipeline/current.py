"""What HubSpot holds now of the leads in question: read from it, or remembered where we alone changed it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from app.domain.changes import (
    AddToList,
    Change,
    Contact,
    EnrolInWorkflow,
    RemoveFromList,
    SetProperties,
)
from app.domain.desired import Desired
from app.domain.gate import Gate, judge
from app.domain.past import Past
from app.domain.plan import due_once
from app.domain.portal import asked_names
from app.domain.ports import Destination
from app.domain.records import Record
from app.domain.values import same_value
from app.services import Services
from app.store import mirror, runs
from app.store.ledger import Before

TRUSTED_FOR = timedelta(days=7)
"""A contact is read in full at least this often: who is on a list by hand leaves no stamp on the contact."""

MISSED_SYNCS = 3
"""So many intervals without a complete sync, and what other people change is not known any more."""


@dataclass(frozen=True, slots=True)
class Current:
    """Contacts by id as they stand, and which of them were read just now."""

    contacts: Mapping[str, Contact]
    read: frozenset[str]


def read_current(
    services: Services, destination: Destination, wanted: Sequence[Desired], known: Mapping[str, Contact]
) -> Current:
    """The contacts of these leads; who is not among `known` is asked for."""
    ids = {item.lead.contact_id for item in wanted if item.lead.contact_id}
    found = destination.read(sorted(ids - set(known)), asked_names(services.mappings.hubspot))
    return Current({**known, **found}, frozenset(found))


def remembered(
    services: Services,
    conn: sa.Connection,
    candidates: Sequence[Desired],
    held: Mapping[int, Contact],
    past: Past,
    gate: Gate,
    now: datetime,
) -> dict[str, Contact]:
    """Contacts that need not be read, by id: the sync follows HubSpot, and found nobody else's change since.

    Nobody is mailed or given to sales on the strength of memory, and a pilot's list is always looked at.
    """
    if gate.pilot_list or not _is_followed(services, conn, now):
        return {}
    sure = mirror.read_since(conn, [item.lead.person_id for item in candidates], now - TRUSTED_FOR)
    mapping = services.mappings.hubspot
    found: dict[str, Contact] = {}
    for item in candidates:
        contact = held.get(item.lead.person_id)
        if contact is None or item.lead.person_id not in sure or contact.contact_id != item.lead.contact_id:
            continue
        if not due_once(item, past) or judge(item.lead.person_id, contact, gate, mapping) != "act":
            found[contact.contact_id] = contact
    return found


def _is_followed(services: Services, conn: sa.Connection, now: datetime) -> bool:
    """Did a sync of HubSpot come to its end lately?"""
    latest = timedelta(minutes=MISSED_SYNCS * services.settings.schedule.sync_minutes)
    began = runs.last_complete(conn, "sync hubspot")
    return began is not None and now - began <= latest


def doubt_changed(conn: sa.Connection, records: Sequence[Record]) -> None:
    """Contacts that HubSpot shows otherwise than we remember them are not trusted until they are read again.

    A record older than our memory says nothing: HubSpot's search lags behind its writes.
    """
    rows = {
        str(record.payload["id"]): record.payload
        for record in records
        if (record.source, record.stream) == ("hubspot", "contacts") and "id" in record.payload
    }
    if not rows:
        return
    known = mirror.of_contacts(conn, sorted(rows))
    mirror.doubt(conn, [name for name, contact in known.items() if _differs(contact, rows[name])])


def _differs(held: Contact, row: Mapping[str, object]) -> bool:
    shown, stamp = row.get("properties"), row.get("updatedAt")
    if not isinstance(shown, Mapping) or not isinstance(stamp, str) or held.modified_at is None:
        return True
    if datetime.fromisoformat(stamp) < held.modified_at:
        return False
    return not all(same_value(value, shown.get(name) or "") for name, value in held.properties.items())


def before_images(changes: Sequence[Change], current: Mapping[str, Contact]) -> dict[str, Before]:
    """What HubSpot held before each change, by change key: what undo writes back."""
    images: dict[str, Before] = {}
    for change in changes:
        match change:
            case SetProperties() if change.contact_id in current:
                held = current[change.contact_id].properties
                images[change.key] = {name: held.get(name, "") for name in change.properties}
            case EnrolInWorkflow() if change.contact_id in current:
                contact = current[change.contact_id]
                images[change.key] = {
                    "member": change.list_name in contact.lists,
                    change.trigger_property: contact.properties.get(change.trigger_property, ""),
                }
            case AddToList() | RemoveFromList() if change.contact_id in current:
                images[change.key] = {"member": change.list_name in current[change.contact_id].lists}
            case _:
                pass
    return images
