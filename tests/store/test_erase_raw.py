"""A privacy deletion reaches what is kept as it came: held records, deliveries, plans. Others' words stay."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa

from app.domain.changes import AddToList, CreateContact, Plan, SetProperties
from app.domain.records import ContactHint, Profile
from app.store import facts, inbox, plans, quarantine
from app.store.cause import Cause
from app.store.quarantine import HeldRecord
from tests.store.people_of import contact, email, registrant

ANA, LUIS = "20100000001", "20100000002"
ANA_EMAIL = "ana.ruiz@example.com"
REGISTRANT = "r7Xk9TeSC2zA5bPzW1g"


def erase_ana(conn: sa.Connection, now: datetime) -> dict[str, int]:
    """Ana as the line knows her, and HubSpot's word that she is to be forgotten."""
    names = (contact(ANA), email("ana.ruiz"), email("ana+zoom"), registrant(REGISTRANT))
    cause = Cause(run_id=1)
    facts.store(conn, [(Profile("hubspot", names, {"city": "Lima"}, now), cause)], now)
    facts.store(conn, [(ContactHint("hubspot", ANA, "privacy_deleted", now), cause)], now)
    counts: dict[str, int] = conn.scalar(sa.text("SELECT row_counts FROM erasure"))
    return counts


def everything(conn: sa.Connection) -> str:
    """All that the store holds, as text."""
    tables = conn.scalars(
        sa.text(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        )
    ).all()
    shown = [str(conn.execute(sa.text(f"SELECT * FROM {table}")).all()) for table in tables]
    return "\n".join(shown).lower()


@pytest.mark.parametrize(
    ("source", "payload"),
    [
        ("hubspot", {"id": ANA, "properties": {"lastmodifieddate": "yesterday"}}),
        ("hubspot", {"objectId": int(ANA), "subscriptionType": 7}),
        ("hubspot", {"id": LUIS, "properties": {"hs_merged_object_ids": f"7;{ANA}"}}),
        ("zoom", {"registrant": {"email": "Ana.Ruiz@Example.com", "join": 3}}),
        ("zoom", {"text": f"escríbeme a {ANA_EMAIL}."}),
        ("zoom", {"participant": {"registrant_id": REGISTRANT}}),
        ("activecampaign", {"contact": {"email": "ana+zoom@example.com"}}),
    ],
)
def test_a_held_record_that_names_them_goes(
    database: sa.Engine, now: datetime, source: str, payload: dict[str, Any]
) -> None:
    with database.begin() as conn:
        quarantine.hold(conn, [HeldRecord(source, "contacts", "path", "is not a time", payload)], now)
        assert erase_ana(conn, now)["quarantine"] == 1
        assert quarantine.count_open(conn) == 0


@pytest.mark.parametrize(
    ("source", "payload"),
    [
        ("hubspot", {"id": LUIS}),
        ("hubspot", {"id": f"{ANA}9"}),
        ("zoom", {"email": f"mari.{ANA_EMAIL}"}),
        ("zoom", {"email": f"{ANA_EMAIL}.mx"}),
        ("zoom", {"webinar": int(ANA)}),  # another vendor's number is no contact of HubSpot
    ],
)
def test_a_held_record_of_somebody_else_stays(
    database: sa.Engine, now: datetime, source: str, payload: dict[str, Any]
) -> None:
    with database.begin() as conn:
        quarantine.hold(conn, [HeldRecord(source, "contacts", "path", "is not a time", payload)], now)
        assert erase_ana(conn, now)["quarantine"] == 0
        assert quarantine.count_open(conn) == 1


def test_of_a_delivery_only_their_events_go(database: sa.Engine, now: datetime) -> None:
    events = [
        {"objectId": int(ANA), "propertyValue": "Ana"},
        {"objectId": int(LUIS), "propertyValue": "Luis"},
    ]
    with database.begin() as conn:
        kept = inbox.land(conn, "hubspot", json.dumps(events).encode(), now)
        assert erase_ana(conn, now)["inbox"] == 1
        (row,) = inbox.take(conn, 9)
        assert (row.id, json.loads(row.body)) == (kept, [events[1]])


@pytest.mark.parametrize("state", ["new", "done", "ignored", "quarantined"])
@pytest.mark.parametrize(
    ("source", "body"),
    [
        ("zoom", json.dumps({"participant": {"email": ANA_EMAIL.upper()}})),
        ("zoom", '{"cut": "' + ANA_EMAIL),
        ("activecampaign", urlencode({"type": "open", "contact[email]": "ana+zoom@example.com"})),
        ("hubspot", json.dumps([{"objectId": int(ANA)}])),
    ],
)
def test_a_delivery_about_them_alone_is_emptied_and_never_read_again(
    database: sa.Engine, now: datetime, source: str, body: str, state: inbox.State
) -> None:
    with database.begin() as conn:
        inbox_id = inbox.land(conn, source, body.encode(), now, state)
        if state == "quarantined":
            quarantine.hold(conn, [HeldRecord(source, "", "body", "is not JSON", None, inbox_id)], now)
        assert erase_ana(conn, now)["inbox"] == 1
        (row,) = inbox.read(conn, [inbox_id or 0])
        assert row.body == b""
        assert inbox.take(conn, 9) == []
        assert quarantine.count_open(conn) == 0
        assert inbox.land(conn, source, body.encode(), now) is None  # the vendor's retry is still known


def test_an_address_outside_ascii_is_found_however_it_is_written(database: sa.Engine, now: datetime) -> None:
    address = "ñandú@example.com"
    bodies = [json.dumps({"email": address}), json.dumps({"email": address}, ensure_ascii=False)]
    bodies.append(urlencode({"contact[email]": address}))
    with database.begin() as conn:
        for body in bodies:
            inbox.land(conn, "zoom", body.encode(), now)
        names = (contact(ANA), email("ñandú"))
        facts.store(conn, [(Profile("hubspot", names, {}, now), Cause(run_id=1))], now)
        facts.store(conn, [(ContactHint("hubspot", ANA, "privacy_deleted", now), Cause(run_id=1))], now)
        assert inbox.take(conn, 9) == []


@pytest.mark.parametrize("state", ["shown", "applying", "applied"])
def test_plans_lose_them_and_a_plan_that_waits_goes_whole(
    database: sa.Engine, now: datetime, state: str
) -> None:
    changes = (
        CreateContact("create:1", 1, ANA_EMAIL, {"firstname": "Ana"}),
        SetProperties(f"set:{ANA}", 1, ANA, {"savia_score": "90"}),
        AddToList(f"add:{LUIS}", 2, LUIS, "Savia hot"),
    )
    before = {change.key: {"savia_score": "1"} for change in changes}
    with database.begin() as conn:
        plans.save(conn, Plan(changes, "f1", (), {}), {1: 10, 2: 20}, before, now)
        plans.mark(conn, "f1", state, now)
        assert erase_ana(conn, now)["plan"] == 1
        kept = plans.load(conn, "f1")
        if state == "shown":
            assert kept is None
            return
        assert kept is not None
        assert kept.plan.changes == changes[2:]
        assert set(kept.before) == {changes[2].key}


def test_a_hundred_forgotten_at_once_each_have_their_proof_and_nobody_else_loses_anything(
    database: sa.Engine, now: datetime
) -> None:
    forgotten, kept = range(100), range(100, 120)
    with database.begin() as conn:
        for number in (*forgotten, *kept):
            names = (contact(ANA + str(number)), email(f"lead{number}"))
            facts.store(conn, [(Profile("hubspot", names, {}, now), Cause(run_id=1))], now)
            body = {"email": f"lead{number}@example.com"}
            inbox.land(conn, "zoom", json.dumps(body).encode(), now)
        told = [ContactHint("hubspot", ANA + str(number), "privacy_deleted", now) for number in forgotten]
        facts.store(conn, [(hint, Cause(run_id=1)) for hint in told], now)
        assert conn.scalar(sa.text("SELECT count(*) FROM erasure")) == len(forgotten)
        assert len(inbox.take(conn, 500)) == len(kept)
        assert conn.scalar(sa.text("SELECT count(*) FROM person")) == len(kept)


def test_nothing_of_them_is_left_anywhere(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        quarantine.hold(conn, [HeldRecord("zoom", "x", "p", "r", {"email": ANA_EMAIL})], now)
        inbox.land(conn, "hubspot", json.dumps([{"objectId": int(ANA)}, {"objectId": 5}]).encode(), now)
        plans.save(conn, Plan((CreateContact("c", 1, ANA_EMAIL, {}),), "f1", (), {}), {}, {}, now)
        erase_ana(conn, now)
        held = everything(conn)
        assert [
            name for name in (ANA, ANA_EMAIL, "ana+zoom", REGISTRANT.lower(), "lima") if name in held
        ] == []
