"""One small plan per kind of change on a portal of its own, made by hand: what must come of it is known."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask

from app.domain.changes import (
    AddToList,
    Change,
    CreateContact,
    CreateTask,
    EnrolInWorkflow,
    EnsureList,
    EnsureProperty,
    Plan,
    RemoveFromList,
    SetProperties,
)
from app.domain.plan import canonical_place, fingerprint
from app.domain.portal import asked_names
from app.domain.portal_schema import wanted_schema
from app.pipeline.current import before_images
from app.pipeline.lots import people_of
from app.pipeline.release import rules_of
from app.services import Services
from app.store import ledger, mirror, plans, switches, work_list
from app.store.ledger import LedgerRow
from connectors.call_limits import RateLimit
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.destination import HubSpotDestination
from connectors.hubspot.values import shows
from tests.line import MAPPINGS, TOKEN, Moment, services_of
from tests.sandbox.hubspot import HubSpotPortal, make_blueprint
from tests.sandbox.hubspot.answers import iso
from tests.sandbox.hubspot.workflows import ListTrigger, V2Trigger
from tests.sandbox.serving import LocalServer

COUNT = 6
SEQUENCE, CALLED = "Savia: secuencia hot_leads", "Savia: secuencia warm_leads"
BY_LIST, BY_CALL = "4710", "4711"
KNOWN = sa.text("""
    INSERT INTO person (created_at) SELECT :at FROM generate_series(1, :people)
""")
IMPATIENT = 0.4
"""Seconds these clients wait for an answer."""


@dataclass(frozen=True)
class Scene:
    """A portal with contacts, over HTTP; `ids` are theirs."""

    clock: Moment
    portal: HubSpotPortal
    services: Services
    ids: tuple[str, ...]


@contextmanager
def scene(database: sa.Engine, clock: Moment) -> Iterator[Scene]:
    """A portal in which everything of ours is set up, and six contacts hold old values."""
    portal = HubSpotPortal(token=TOKEN, now=clock.timestamp)
    portal.limits.window_max = portal.limits.search_max = 1_000_000
    app = Flask("scene")
    app.register_blueprint(make_blueprint(portal))
    plenty = RateLimit(1_000_000, 1)
    with LocalServer(app) as server:
        client = HubSpotClient(TOKEN, server.url, burst=plenty, searches=plenty, sleep=lambda _: None)
        client.session._timeout = (5, IMPATIENT)
        try:
            destination = HubSpotDestination(client)
            services = services_of(database, clock, destination=destination)
            with database.begin() as conn:
                conn.execute(KNOWN, {"at": clock(), "people": 200})
            yield Scene(clock, portal, services, _set_up(portal, destination))
        finally:
            client.close()


def _set_up(portal: HubSpotPortal, destination: HubSpotDestination) -> tuple[str, ...]:
    list(destination.apply(wanted_schema(MAPPINGS.hubspot, "es")))
    portal.add_workflow(BY_LIST, "hot", ListTrigger(SEQUENCE))
    portal.add_workflow(BY_CALL, "warm", V2Trigger())
    held = {"hs_marketable_status": "true", "savia_score": "41", "savia_band": "cold", "firstname": "Ana"}
    ids = tuple(portal.add_contact({**held, "email": f"lead{each}@example.com"}) for each in range(COUNT))
    cold = [AddToList(f"join:{each}", 0, contact, "Savia: cold") for each, contact in enumerate(ids)]
    list(destination.apply(cold))
    return ids


# --- the kinds --------------------------------------------------------------------------------------------


def properties(_: Scene) -> list[Change]:
    made = []
    for each in range(COUNT):
        name = f"savia_more_{each}"
        body = {"name": name, "label": name, "groupName": "savia", "type": "number", "fieldType": "number"}
        made.append(EnsureProperty(f"property:{name}", name, body))
    return list(made)


def lists(_: Scene) -> list[Change]:
    return [EnsureList(f"list:{each}", f"Savia: more {each}") for each in range(COUNT)]


def new_contacts(_: Scene) -> list[Change]:
    """With one list each: what follows needs the id of a contact that is not there yet."""
    made: list[Change] = []
    for person in range(1, COUNT + 1):
        values = {"firstname": "Eva", "savia_score": "70", "savia_band": "warm"}
        made.append(CreateContact(f"create:{person}", person, f"new{person}@example.com", values))
        made.append(AddToList(f"join:{person}:warm", person, "", "Savia: warm"))
    return made


def values(scene: Scene) -> list[Change]:
    wanted = {"savia_score": "85", "savia_band": "hot", "savia_next_action": "Llamar"}
    return [SetProperties(f"set:{person}", person, key, wanted) for person, key in leads(scene)]


def joins(scene: Scene) -> list[Change]:
    return [AddToList(f"join:{person}:hot", person, key, "Savia: hot") for person, key in leads(scene)]


def leaves(scene: Scene) -> list[Change]:
    return [
        RemoveFromList(f"leave:{person}:cold", person, key, "Savia: cold") for person, key in leads(scene)
    ]


def enrolments(
    scene: Scene, workflow: str = "hot_leads", list_name: str = SEQUENCE, v2: str = ""
) -> list[Change]:
    stamp = int(scene.clock.timestamp() * 1000)
    return [
        EnrolInWorkflow(
            key=f"enrol:{workflow}:{person}",
            person_id=person,
            contact_id=key,
            email=f"lead{person - 1}@example.com",
            workflow=workflow,
            list_name=list_name,
            trigger_property=f"savia_{workflow}_at",
            triggered_at=stamp,
            v2_workflow_id=v2,
        )
        for person, key in leads(scene)
    ]


def enrolments_by_call(scene: Scene) -> list[Change]:
    return enrolments(scene, "warm_leads", CALLED, BY_CALL)


def tasks(scene: Scene) -> list[Change]:
    due = scene.clock.now + timedelta(hours=4)
    return [
        CreateTask(f"call:{person}", person, key, f"Llamar a {person}", "Vio el webinar.", due)
        for person, key in leads(scene)
    ]


def everything(scene: Scene) -> list[Change]:
    """All kinds in one plan."""
    kinds = (properties, lists, new_contacts, values, leaves, joins, enrolments, enrolments_by_call, tasks)
    return sorted((change for kind in kinds for change in _apart(kind, scene)), key=canonical_place)


def _apart(kind: Callable[[Scene], list[Change]], scene: Scene) -> list[Change]:
    """New contacts are other people than those who are there."""
    made = kind(scene)
    return [replace(each, person_id=each.person_id + 100) for each in made] if kind is new_contacts else made  # type: ignore[union-attr]  # these have a person


KINDS: dict[str, Callable[[Scene], list[Change]]] = {
    "EnsureProperty": properties,
    "EnsureList": lists,
    "CreateContact": new_contacts,
    "SetProperties": values,
    "RemoveFromList": leaves,
    "AddToList": joins,
    "EnrolInWorkflow by list": enrolments,
    "EnrolInWorkflow by call": enrolments_by_call,
    "CreateTask": tasks,
}


def leads(scene: Scene) -> list[tuple[int, str]]:
    """(person, contact) of everybody who is there."""
    return list(enumerate(scene.ids, start=1))


def shown(scene: Scene, changes: Sequence[Change]) -> Plan:
    """The changes as a plan that was shown, with what HubSpot holds before them."""
    services = scene.services
    assert services.destination is not None
    current = services.destination.read(scene.ids, asked_names(services.mappings.hubspot))
    ordered = tuple(sorted(changes, key=canonical_place))
    counts = dict(Counter(type(change).__name__ for change in ordered))
    plan = Plan(ordered, fingerprint(ordered, 0), ("waits",), counts)
    with services.database.begin() as conn:
        switches.turn(conn, "released_rules", rules_of(services, conn), services.clock())
        plans.save(conn, plan, {}, before_images(ordered, current), services.clock())
        work_list.add(conn, set(people_of(ordered)) - {0}, services.clock())  # as leads in a plan stand there
    return plan


# --- what must come of it ---------------------------------------------------------------------------------


def after(dump: dict[str, Any], changes: Sequence[Change], refused: set[str]) -> dict[str, Any]:
    """The portal's dump as it must be once these changes were made but for those refused."""
    wanted = copy.deepcopy(dump)
    emails = {change.person_id: change.email for change in changes if isinstance(change, CreateContact)}
    lost = {
        change.person_id for change in changes if isinstance(change, CreateContact) and change.key in refused
    }
    for change in changes:
        if change.key in refused or getattr(change, "person_id", 0) in lost:
            continue
        person = getattr(change, "person_id", 0)
        _fold(wanted, change, emails.get(person) or f"lead{person - 1}@example.com")
    for rows in (*wanted["lists"].values(), wanted["enrolments"], wanted["tasks"]):
        rows.sort()
    return wanted


def _fold(dump: dict[str, Any], change: Change, who: str) -> None:
    match change:
        case EnsureProperty():
            dump["properties"][f"contacts.{change.name}"] = None
        case EnsureList():
            dump["lists"][change.name] = []
        case CreateContact():
            dump["contacts"][change.email] = {**change.properties, "email": change.email}
        case SetProperties():
            dump["contacts"][who] |= change.properties
        case RemoveFromList():
            dump["lists"][change.list_name].remove(who)
        case AddToList():
            dump["lists"][change.list_name].append(who)
        case EnrolInWorkflow():
            dump["lists"][change.list_name].append(who)
            dump["contacts"][who][change.trigger_property] = iso(change.triggered_at / 1000)
            dump["enrolments"].append([change.v2_workflow_id or BY_LIST, who])
        case CreateTask():
            body = f"{change.body}\nsavia:{change.key}"
            dump["tasks"].append([who, change.subject, body, change.priority, change.task_type])


def found(scene: Scene) -> dict[str, Any]:
    """The dump, without what a portal adds of its own and the definitions of properties."""
    dump = scene.portal.dump()
    for row in dump["contacts"].values():
        row.pop("hs_object_source", None)
    dump["properties"] = dict.fromkeys(dump["properties"])
    return dump


def ledger_rows(services: Services) -> list[LedgerRow]:
    with services.database.connect() as conn:
        runs = conn.scalars(sa.text("SELECT DISTINCT run_id FROM ledger")).all()
        return [row for run in runs for row in ledger.of_run(conn, run)]


def assert_the_ledger_is_hubspots(scene: Scene) -> None:
    """Every change that the ledger has for done is found by reading, and so is all that is remembered."""
    services = scene.services
    assert services.destination is not None
    rows = ledger_rows(services)
    assert {row.state for row in rows} <= {"done"}, "nothing is left without an answer"
    done = [_as_sent(row) for row in rows]
    assert services.destination.find_applied(done) == {change.key for change in done}
    with services.database.connect() as conn:
        people = [row.person_id for row in rows if row.person_id]
        remembered = mirror.hold(conn, people)
    names = asked_names(services.mappings.hubspot)
    held = services.destination.read([contact.contact_id for contact in remembered.values()], names)
    for contact in remembered.values():
        ours = {name: value for name, value in contact.properties.items() if name in names and value}
        assert shows(held[contact.contact_id].properties, ours)
        assert contact.lists <= held[contact.contact_id].lists


def _as_sent(row: LedgerRow) -> Change:
    has_contact = isinstance(row.change, AddToList) and not row.change.contact_id
    return replace(row.change, contact_id=row.contact_id) if has_contact else row.change  # type: ignore[arg-type]


def assert_nothing_is_doubled(portal: HubSpotPortal) -> None:
    counted = [
        Counter((each.workflow_id, each.contact_id) for each in portal.enrolments),
        Counter(task.properties["hs_task_body"] for task in portal.tasks.values()),
        Counter(contact.properties.get("email") for contact in portal.contacts.values()),
    ]
    assert [name for counter in counted for name, times in counter.items() if times > 1] == []
