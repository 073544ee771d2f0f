"""The least that reading HubSpot takes: one session, JSON parsed, our upsert of the rows, a commit a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import requests
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from app.store import cursors, deals, people, profiles, touched
from tests.sandbox.server import HUBSPOT_TOKEN

Row = dict[str, Any]
TABLES = ("person", "identity", "profile", "deal", "touched", "cursor")
REFERENCES = (("identity", "person_id", "person"), ("profile", "identity_id", "identity"))


class Floor:
    """Pages over one `requests.Session`, parsed, and upserted by the statements that keep our profiles and
    deals: nobody is looked up, nothing is checked, no cursor is kept, no call is booked.

    `whole`: every row that we write about a new contact, by our own statements, with nothing looked up first.
    """

    def __init__(self, url: str, database: str, properties: dict[str, Sequence[str]], *, whole: bool) -> None:
        self._url = f"{url}/crm"
        self._properties = properties
        self._whole = whole
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {HUBSPOT_TOKEN}"
        address = make_url(database).set(drivername="postgresql+psycopg")
        self._database = sa.create_engine(address, connect_args={"options": "-c search_path=floor"})
        with self._database.begin() as conn:
            conn.execute(sa.text("CREATE SCHEMA floor"))
            for table in TABLES:
                conn.execute(sa.text(f"CREATE TABLE {table} (LIKE public.{table} INCLUDING ALL)"))
            for table, column, other in REFERENCES if whole else ():
                conn.execute(sa.text(f"ALTER TABLE {table} ADD FOREIGN KEY ({column}) REFERENCES {other}"))

    def answers(self, stream: str) -> Iterator[Row]:
        """HubSpot's pages of "contacts" or "deals", parsed; a deal with its contacts, asked for apart."""
        url = f"{self._url}/objects/2026-09/{'contacts' if stream == 'contacts' else '0-3'}"
        asked = {"limit": "100", "properties": ",".join(self._properties[stream]), "archived": "false"}
        while True:
            answer = self._session.get(url, params=asked, timeout=30).json()
            if stream == "deals":
                self._add_contacts(answer["results"])
            yield answer
            if "paging" not in answer:
                return
            asked["after"] = answer["paging"]["next"]["after"]

    def pages(self, stream: str) -> Iterator[int]:
        """Records in each page, once it is committed."""
        for answer in self.answers(stream):
            rows, now = answer["results"], datetime.now(UTC)
            with self._database.begin() as conn:
                if stream == "deals":
                    conn.execute(deals.WRITE, {"rows": json.dumps(list(map(_deal, rows)))})
                else:
                    ids = self._people(conn, rows, now) if self._whole else [int(each["id"]) for each in rows]
                    conn.execute(profiles.WRITE, {"rows": json.dumps(list(map(_profile, rows, ids)))})
                if self._whole:
                    cursors.save(conn, "hubspot", stream, answer.get("paging", {}), now)
            yield len(rows)

    def _add_contacts(self, rows: list[Row]) -> None:
        url = f"{self._url}/associations/2026-09/deals/contacts/batch/read"
        inputs = {"inputs": [{"id": row["id"]} for row in rows]}
        linked = self._session.post(url, json=inputs, timeout=30).json()["results"]
        contacts = {each["from"]["id"]: [str(to["toObjectId"]) for to in each["to"]] for each in linked}
        for row in rows:
            row["contact_ids"] = contacts.get(row["id"], [])

    def _people(self, conn: sa.Connection, rows: list[Row], now: datetime) -> list[int]:
        """A person for each contact, with both names, touched: the identities of the contact ids."""
        persons = conn.scalars(people.NEW_PERSONS, {"at": now, "number": len(rows)}).all()
        names = [("hubspot", "contact_id", each["id"], one) for each, one in zip(rows, persons, strict=True)]
        names += [
            ("any", "email", each["properties"]["email"].lower(), one)
            for each, one in zip(rows, persons, strict=True)
            if each["properties"]["email"]
        ]
        made = conn.scalars(people.NEW_IDENTITIES, {"names": json.dumps(names), "at": now}).all()
        touched.touch(conn, persons, now)
        return sorted(made)[: len(rows)]

    def close(self) -> None:
        self._session.close()
        self._database.dispose()


def _profile(contact: Row, identity_id: int) -> Row:
    return {
        "identity_id": identity_id,
        "source": "hubspot",
        "fields": contact["properties"],
        "observed_at": contact["updatedAt"],
    }


def _deal(deal: Row) -> Row:
    told = deal["properties"]
    return {
        "source": "hubspot",
        "deal_id": deal["id"],
        "contact_ids": deal["contact_ids"],
        "pipeline": told["pipeline"],
        "stage": told["dealstage"],
        "amount": told["amount"],
        "is_closed": told["hs_is_closed"] or False,
        "is_won": told["hs_is_closed_won"] or False,
        "created_at": told["createdate"] or deal["createdAt"],
        "closed_at": told["closedate"],
        "modified_at": deal["updatedAt"],
    }
