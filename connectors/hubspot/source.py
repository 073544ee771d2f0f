"""HubSpot as a source: owners, pipelines, contacts and deals, whole at first, then what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from app.domain.changes import Problem
from app.domain.errors import SaviaError
from app.domain.records import Page, Record
from connectors.http import PageLoopGuard
from connectors.hubspot.associations import associated_ids
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.health import problems_told
from connectors.hubspot.records import read_rows
from connectors.hubspot.walk import Row, Walked, next_page, walk

OWNERS_PAGE = 100


class HubSpotSource:
    """The PullSource and ContactReader of HubSpot. The properties to read come from mappings.

    A contact's or deal's payload is HubSpot's own object; a deal's gains `contact_ids`.
    """

    name = "hubspot"
    streams = ("owners", "pipelines", "contacts", "deals")

    def __init__(
        self,
        client: HubSpotClient,
        contact_properties: Sequence[str],
        deal_properties: Sequence[str],
        *,
        calls_per_10_seconds: int = 0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._calls_per_10_seconds = calls_per_10_seconds
        self._clock = clock
        self._contacts = Walked("contacts", "lastmodifieddate", tuple(contact_properties))
        self._deals = Walked("0-3", "hs_lastmodifieddate", tuple(deal_properties))

    def check(self) -> list[Problem]:
        try:
            headers = self._client.account_answer().headers
        except SaviaError as failure:
            return [Problem("error", "hubspot", str(failure))]
        return list(problems_told(headers, self._clock(), self._calls_per_10_seconds))

    def time_zone(self) -> str:
        """The portal's time zone, an IANA name: HubSpot's days and its daily limit go by it."""
        return str(self._client.account()["timeZone"])

    def pull(self, stream: str, after: Mapping[str, Any] | None, now: datetime) -> Iterator[Page]:
        """Pages of one stream; owners and pipelines are small and read whole each time."""
        match stream:
            case "contacts":
                for rows, cursor in walk(self._client, self._contacts, after, now):
                    yield Page(_records(stream, rows), cursor)
            case "deals":
                for rows, cursor in walk(self._client, self._deals, after, now):
                    yield Page(_records(stream, self._with_contacts(rows)), cursor)
            case "owners":
                yield from self._owner_pages()
            case "pipelines":
                yield self._pipeline_page()
            case _:
                raise ValueError(f"no such stream: {stream}")

    def read_records(self, contact_ids: Sequence[str]) -> Iterator[Record]:
        """The contacts as they are now, shaped as in the contacts stream; unknown ids are left out."""
        rows = read_rows(self._client, "contacts", contact_ids, self._contacts.asked)
        return (Record("hubspot", "contacts", row) for row in rows)

    def _with_contacts(self, deals: Sequence[Row]) -> list[Row]:
        contacts = associated_ids(self._client, "deals", "contacts", [str(deal["id"]) for deal in deals])
        return [{**deal, "contact_ids": list(contacts.get(str(deal["id"]), ()))} for deal in deals]

    def _owner_pages(self) -> Iterator[Page]:
        guard = PageLoopGuard("HubSpot")
        asked: dict[str, Any] = {"limit": OWNERS_PAGE, "archived": False}
        while True:
            answer = self._client.package.owners.get_page(**asked, _preload_content=False).body
            yield Page(_records("owners", answer["results"]), {})
            token = next_page(answer)
            if not token:
                return
            guard.check(token)
            asked["after"] = token

    def _pipeline_page(self) -> Page:
        answer = self._client.package.pipelines.get_all("deals", _preload_content=False)
        return Page(_records("pipelines", answer.body["results"]), {})


def _records(stream: str, rows: Sequence[Row]) -> tuple[Record, ...]:
    return tuple(Record("hubspot", stream, row) for row in rows)
