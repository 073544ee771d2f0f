"""Before rules are released: what they would send in all, counted over everybody without asking HubSpot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from app.domain.changes import Contact
from app.domain.desired import task_key
from app.domain.gate import judge
from app.domain.portal import HubSpotMapping
from app.pipeline.release import gate_of
from app.services import Services
from app.store import facts, ledger, mirror, standings

LOT = 5_000
"""Leads counted in one transaction."""


@dataclass(slots=True)
class ReleaseTotal:
    """Enrolments and tasks that the current rules would bring, by what is known of each contact. `unread` are
    leads, among those concerned, whose contact no plan has read yet: of them the last sync's word counts.
    """

    enrolments: int = 0
    tasks: int = 0
    unread: int = 0


def count_release(services: Services) -> ReleaseTotal:
    """Lot by lot over everybody whose band has a workflow or a task. A contact may have changed since it was
    read: a plan asks HubSpot again before anything is sent.
    """
    mapping, total, after = services.mappings.hubspot, ReleaseTotal(), 0
    concerned = sorted({flow.band for flow in mapping.workflows} | {rule.band for rule in mapping.tasks})
    while True:
        with services.database.begin() as conn:
            bands = standings.in_bands(conn, concerned, after, LOT)
            if not bands:
                return total
            after = max(bands)
            _count(services, conn, bands, total)


def _count(services: Services, conn: sa.Connection, bands: Mapping[int, str], total: ReleaseTotal) -> None:
    ids, mapping = sorted(bands), services.mappings.hubspot
    enrolled, task_keys = ledger.done_once(conn, ids)
    gate, _ = gate_of(services, conn, ids, enrol=True)
    read = mirror.shown(conn, ids)
    synced = _as_synced(conn, [person for person in ids if person not in read], mapping)
    for person, contact in {**synced, **read}.items():
        if judge(person, contact, gate, mapping) != "act":
            continue
        band = bands[person]
        flows = sum(flow.band == band and (person, flow.key) not in enrolled for flow in mapping.workflows)
        tasks = sum(
            rule.band == band and task_key(rule.key, person) not in task_keys for rule in mapping.tasks
        )
        total.enrolments += flows
        total.tasks += tasks
        total.unread += bool(flows or tasks) and person in synced


def _as_synced(conn: sa.Connection, person_ids: Sequence[int], mapping: HubSpotMapping) -> dict[int, Contact]:
    """Contacts that no plan has read, as the last sync brought them: what it does not say (a bounce, the
    pilot list) is not known.
    """
    mail = mapping.mailability
    names = {mail.marketable: "marketable", mail.opted_out: "opted_out", mapping.pause.name: "paused"}
    return {
        person: Contact("", "", {name: held.fields.get(field, "") for name, field in names.items()})
        for person, profiles in facts.profiles_of(conn, person_ids).items()
        for held in profiles
        if held.source == "hubspot" and held.fields.get("archived") != "true"
    }
