"""HubSpot as a source: owners, pipelines, contacts, deals, mail events; whole at first, then what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from app.domain.changes import Problem
from app.domain.errors import NotForUs, SaviaError
from app.domain.records import Page, Record
from connectors.http import PageLoopGuard
from connectors.hubspot import email_log
from connectors.hubspot.associations import associated_ids
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.deleted import deleted_pages
from connectors.hubspot.email_events import email_pages
from connectors.hubspot.errors import checked
from connectors.hubspot.gone import gone_for_good
from connectors.hubspot.health import problems_told
from connectors.hubspot.open_deals import open_deal_pages
from connectors.hubspot.records import read_rows
from connectors.hubspot.walk import Cursor, Row, Walked, next_page, walk

OWNERS_PAGE = 100


class HubSpotSource:
    """The PullSource and ContactReader of HubSpot. The properties to read come from mappings; `watched` are
    those of ours, read again wherever a contact changed.

    A contact's or deal's payload is HubSpot's own object; a deal's gains `contact_ids`. An e-mail event is
    a row of the portal's log, or the step of a counter as email_counters.py tells it.
    """

    name = "hubspot"
    streams = (
        "owners",
        "pipelines",
        "contacts",
        "deleted_contacts",
        "deals",
        "open_deals",
        "deleted_deals",
        "email_events",
    )

    def __init__(
        self,
        client: HubSpotClient,
        contact_properties: Sequence[str],
        deal_properties: Sequence[str],
        *,
        watched: Sequence[str] = (),
        calls_per_10_seconds: int = 0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._calls_per_10_seconds = calls_per_10_seconds
        self._clock = clock
        asked, extra = tuple(contact_properties), tuple(watched)
        self._contacts = Walked("contacts", "lastmodifieddate", asked, extra)
        self._deals = Walked("0-3", "hs_lastmodifieddate", tuple(deal_properties))

    def check(self) -> list[Problem]:
        try:
            headers = self._client.account_answer().headers
        except SaviaError as failure:
            return [Problem("error", "hubspot", str(failure))]
        return [*problems_told(headers, self._clock(), self._calls_per_10_seconds), *self._mail_problems()]

    def totals(self) -> dict[str, int]:
        """How many HubSpot counts of what our token may see; its index trails by seconds."""
        everything = {"filterGroups": [], "sorts": [], "properties": [], "limit": 1, "after": "0"}
        walked = {"contacts": self._contacts, "deals": self._deals}
        found: dict[str, int] = {}
        for stream, each in walked.items():
            with suppress(NotForUs):
                found[stream] = int(self._client.search(each.object_type, everything)["total"])
        return found

    def time_zone(self) -> str:
        """The portal's time zone, an IANA name: HubSpot's days and its daily limit go by it."""
        return str(self._client.account()["timeZone"])

    def pull(self, stream: str, after: Mapping[str, Any] | None, now: datetime) -> Iterator[Page]:
        """Pages of one stream; owners and pipelines are small and read whole each time."""
        if stream == "owners":
            yield from self._owner_pages()
        elif stream == "pipelines":
            yield self._pipeline_page()
        else:
            for rows, cursor in self._walk(stream, after, now):
                yield Page(_records(stream, rows), cursor)

    def _walk(self, stream: str, after: Cursor | None, now: datetime) -> Iterator[tuple[list[Row], Cursor]]:
        match stream:
            case "contacts":
                return walk(self._client, self._contacts, after, now)
            case "deals":
                pages = walk(self._client, self._deals, after, now)
                return ((self._with_contacts(rows), cursor) for rows, cursor in pages)
            case "open_deals":
                pages = open_deal_pages(self._client, self._deals, after, now)
                return ((self._with_contacts(rows), cursor) for rows, cursor in pages)
            case "deleted_contacts":
                return deleted_pages(self._client, replace(self._contacts, properties=()), after, now)
            case "deleted_deals":
                return deleted_pages(self._client, self._deals, after, now)
            case "email_events":
                return email_pages(self._client, after, now)
        raise ValueError(f"no such stream: {stream}")

    def read_records(self, contact_ids: Sequence[str]) -> Iterator[Record]:
        """The contacts as they are now, shaped as in the contacts stream; unknown ids are left out."""
        rows = read_rows(self._client, "contacts", contact_ids, self._contacts.asked_of_changed)
        return (Record("hubspot", "contacts", row) for row in rows)

    def gone(self, contact_ids: Sequence[str]) -> set[str]:
        """Those of these contacts that HubSpot has no more, not even in its recycle bin."""
        return gone_for_good(self._client, contact_ids)

    def _mail_problems(self) -> Iterator[Problem]:
        try:
            tells_all = email_log.answers(self._client)
        except SaviaError as failure:
            yield Problem("warning", "hubspot", str(failure))
            return
        if not tells_all:
            message = (
                "mail activity is read from each contact's counters, without campaign and link:"
                " for the log add the scope content (Marketing Hub) and issue the token anew"
            )
            yield Problem("warning", "hubspot", message)

    def _with_contacts(self, deals: Sequence[Row]) -> list[Row]:
        contacts = associated_ids(self._client, "deals", "contacts", [str(deal["id"]) for deal in deals])
        return [{**deal, "contact_ids": list(contacts.get(str(deal["id"]), ()))} for deal in deals]

    def _owner_pages(self) -> Iterator[Page]:
        guard = PageLoopGuard("HubSpot")
        asked: dict[str, Any] = {"limit": OWNERS_PAGE, "archived": False}
        while True:
            answer = self._client.package.owners.get_page(**asked, _preload_content=False).body
            yield Page(_records("owners", checked(answer)), {})
            token = next_page(answer)
            if not token:
                return
            guard.check(token)
            asked["after"] = token

    def _pipeline_page(self) -> Page:
        answer = self._client.package.pipelines.get_all("deals", _preload_content=False)
        return Page(_records("pipelines", checked(answer.body)), {})


def _records(stream: str, rows: Sequence[Row]) -> tuple[Record, ...]:
    return tuple(Record("hubspot", stream, row) for row in rows)
