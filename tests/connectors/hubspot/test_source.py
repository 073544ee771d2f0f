"""HubSpot as a source: every contact and deal once, then every change, whatever happens meanwhile."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import request
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.errors import BadCredentials, TryLater
from app.domain.records import Record
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.paths import Paths
from connectors.hubspot.source import HubSpotSource
from connectors.hubspot.times import from_iso, to_iso, to_millis
from connectors.hubspot.walk import Walked, walk
from tests.connectors.hubspot.conftest import NOW, client_of
from tests.contracts.pull_source import PullSourceContract
from tests.contracts.readers import ContactReaderContract
from tests.sandbox.hubspot import HubSpotPortal, MailEvent


@pytest.fixture
def source(client: HubSpotClient) -> HubSpotSource:
    return HubSpotSource(client, ["email", "firstname"], ["dealname", "dealstage", "amount"])


@pytest.fixture
def peopled(portal: HubSpotPortal) -> HubSpotPortal:
    """102 contacts, 101 deals, 101 owners: two pages of each."""
    ids = [portal.add_contact({"email": f"lead{position}@example.com"}) for position in range(102)]
    for position in range(101):
        portal.add_deal(
            {"dealname": f"Deal {position}", "dealstage": "contractsent"}, ids[position : position + 2]
        )
        portal.add_owner(f"sales{position}@example.com")
    for position, contact_id in enumerate(ids):
        portal.mail(contact_id, MailEvent("OPEN", (NOW - timedelta(days=2, minutes=position)).timestamp()))
    portal.delete(portal.add_contact({"email": "gone@example.com"}))
    portal.delete_deal(portal.add_deal({"dealname": "Gone", "dealstage": "closedwon"}, ids[:1]))
    return portal


class TestHubSpotSourceContract(PullSourceContract):
    now = NOW
    paged_streams = ("owners", "contacts", "deals")
    looping_streams = (*paged_streams, "deleted_contacts", "deleted_deals", "email_events")

    @pytest.fixture
    def source(self, peopled: HubSpotPortal, source: HubSpotSource) -> HubSpotSource:
        return source

    @pytest.fixture
    def looping(self, answering: Callable[..., HubSpotClient]) -> Callable[[str], HubSpotSource]:
        def view(path: str) -> dict[str, Any]:
            again = {"events": [], "hasMore": True, "offset": "7"}
            return {"results": [], "paging": {"next": {"after": "7"}}, **again}

        return lambda _stream: HubSpotSource(answering(view), ["email"], ["dealname"])


def ids_of(pages: Any) -> list[str]:
    return [record.payload["id"] for page in pages for record in page.records]


def test_a_deal_knows_its_contacts(peopled: HubSpotPortal, source: HubSpotSource):
    deal_id = peopled.add_deal({"dealname": "Nobody's", "dealstage": "contractsent"}, [])
    linked = {
        record.payload["id"]: record.payload["contact_ids"]
        for page in source.pull("deals", None, NOW)
        for record in page.records
    }
    assert linked.pop(deal_id) == []
    assert len(linked) == 101
    assert all(len(contacts) == 2 for contacts in linked.values())


def test_only_what_changed_since_comes_again(portal: HubSpotPortal, source: HubSpotSource):
    early = portal.add_contact({"email": "early@example.com"})
    portal.add_contact({"email": "quiet@example.com"})
    cursor = list(source.pull("contacts", None, NOW + timedelta(hours=2)))[-1].cursor
    portal.crm.now = (NOW + timedelta(hours=3)).timestamp
    portal.edit_as_person(early, {"firstname": "Ana"})
    assert ids_of(source.pull("contacts", cursor, NOW + timedelta(hours=3))) == [early]


def test_more_than_10000_changes_are_walked_by_id(address: str, portal: HubSpotPortal):
    """HubSpot gives no result beyond 10,000 of one search, so a bulk import would end the walk there."""
    ids = [portal.add_contact({"email": f"bulk{number}@example.com"}) for number in range(10_201)]
    changes = {"phase": "seen", "since": to_iso(NOW - timedelta(minutes=1))}
    with client_of(address) as client:
        found = ids_of(HubSpotSource(client, ["email"], []).pull("contacts", changes, NOW))
    assert found == ids


def test_a_page_token_that_expired_begins_the_listing_again(peopled: HubSpotPortal, source: HubSpotSource):
    first = next(iter(source.pull("contacts", None, NOW)))
    peopled.page_token_seconds = 0.0
    began = next(iter(source.pull("contacts", first.cursor, NOW)))
    assert (began.records, began.cursor["after"]) == ((), "")
    peopled.page_token_seconds = None
    assert set(ids_of(source.pull("contacts", began.cursor, NOW))) == set(peopled.contacts)


def test_a_quiet_portal_is_not_read_again_for_ever(portal: HubSpotPortal, source: HubSpotSource):
    portal.add_contact({"email": "early@example.com"})
    later = NOW + timedelta(hours=3)
    cursor = list(source.pull("contacts", None, NOW))[-1].cursor
    cursor = list(source.pull("contacts", cursor, later))[-1].cursor
    assert ids_of(source.pull("contacts", cursor, later + timedelta(minutes=5))) == []


class TestHubSpotContactReader(ContactReaderContract):
    @pytest.fixture
    def reader(self, peopled: HubSpotPortal, source: HubSpotSource) -> HubSpotSource:
        return source

    @pytest.fixture
    def contacts(self, reader: HubSpotSource) -> dict[str, Record]:
        pages = reader.pull("contacts", None, NOW)
        return {record.payload["id"]: record for page in pages for record in page.records}


def test_the_time_zone_of_the_portal_is_told(source: HubSpotSource):
    assert source.time_zone() == "Europe/Madrid"


def test_a_refused_token_is_a_problem_of_check_and_an_error_of_pull(address: str):
    with client_of(address, token="wrong") as client:
        source = HubSpotSource(client, [], [])
        (problem,) = source.check()
        assert problem.severity == "error"
        assert "HUBSPOT_ACCESS_TOKEN" in problem.message
        with pytest.raises(BadCredentials):
            list(source.pull("contacts", None, NOW))


def test_with_a_dated_version_no_call_goes_to_a_v3_path(peopled: HubSpotPortal, address: str):
    with client_of(address) as client:
        source = HubSpotSource(client, ["email"], ["dealname"])
        for stream in source.streams:
            list(source.pull(stream, None, NOW))
    calls = [call for call in peopled.request_counts if "/" in call and "/email/public/" not in call]
    assert calls
    assert all("/2026-09" in call for call in calls)


def test_an_association_page_is_followed_and_a_loop_noticed(answering: Callable[..., HubSpotClient]):
    from connectors.hubspot.associations import associated_ids

    def two_pages(path: str) -> dict[str, Any]:
        (asked,) = request.get_json()["inputs"]
        if "after" in asked:
            return {"results": [{"from": {"id": "1"}, "to": [{"toObjectId": 12}]}]}
        page = {"from": {"id": "1"}, "to": [{"toObjectId": 11}], "paging": {"next": {"after": "x"}}}
        return {"results": [page]}

    def loop(path: str) -> dict[str, Any]:
        return {"results": [{"from": {"id": "1"}, "to": [], "paging": {"next": {"after": "x"}}}]}

    assert associated_ids(answering(two_pages), "deals", "contacts", ["1"]) == {"1": ("11", "12")}
    with pytest.raises(TryLater):
        associated_ids(answering(loop), "deals", "contacts", ["1"])


def test_the_vendor_package_is_loaded_only_when_a_cold_path_is_asked():
    program = (
        "import sys, connectors.hubspot.source, connectors.hubspot.destination, connectors.hubspot.webhook;"
        "assert not any(name == 'hubspot' or name.startswith('hubspot.') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


class BusyPortal:
    """A client's `call` and `search` over records that are modified while they are read. The index lags."""

    paths = Paths("2026-09")

    def __init__(self, script: list[tuple[int, list[int]]], lag: timedelta) -> None:
        self.now = NOW
        self.versions: dict[int, list[datetime]] = {record: [NOW] for record in range(1, 451)}
        self._script = script
        self._lag = lag

    def call(self, method: str, path: str, *, params: Mapping[str, Any]) -> dict[str, Any]:
        self._live()
        ids = [record for record in sorted(self.versions) if record > int(params.get("after", "0"))]
        page = ids[: params["limit"]]
        body: dict[str, Any] = {"results": [self._row(each, self.versions[each][-1]) for each in page]}
        if len(ids) > len(page):
            body["paging"] = {"next": {"after": str(page[-1])}}
        return body

    def search(self, object_type: str, query: Mapping[str, Any]) -> dict[str, Any]:
        self._live()
        since, after = (int(each["value"]) for each in query["filterGroups"][0]["filters"])
        known = ((record, self._indexed(record)) for record in sorted(self.versions))
        found = [(record, at) for record, at in known if at and to_millis(at) >= since and record > after]
        return {"results": [self._row(*each) for each in found[: query["limit"]]]}

    def _live(self) -> None:
        """Time passes with every call, and the next line of the script happens."""
        seconds, touched = self._script.pop() if self._script else (1, [])
        self.now += timedelta(seconds=seconds)
        for record in touched:
            self.versions.setdefault(record, []).append(self.now)

    def _indexed(self, record: int) -> datetime | None:
        lag = self._lag * (record % 2)  # not every write waits as long
        return max((at for at in self.versions[record] if at <= self.now - lag), default=None)

    def _row(self, record: int, at: datetime) -> dict[str, Any]:
        return {"id": str(record), "properties": {"lastmodifieddate": to_iso(at)}, "updatedAt": to_iso(at)}


STEP = st.tuples(st.integers(0, 600), st.lists(st.integers(1, 500), max_size=20))
BULK = st.tuples(st.integers(0, 600), st.just(list(range(100, 460))))


@settings(max_examples=60, deadline=None)
@given(
    script=st.lists(STEP | BULK, max_size=25),
    lag=st.integers(0, 240),
    stops=st.lists(st.integers(1, 4), max_size=12),
)
def test_no_change_is_lost_while_records_are_modified_and_pulls_are_cut_short(
    script: list[tuple[int, list[int]]], lag: int, stops: list[int]
):
    portal = BusyPortal(list(script), timedelta(seconds=lag))
    walked = Walked("contacts", "lastmodifieddate", ())
    seen: dict[str, datetime] = {}
    cursor = None

    def pull(pages: int | None) -> None:
        nonlocal cursor
        for number, (rows, after) in enumerate(walk(portal, walked, cursor, portal.now), 1):
            cursor = after
            for row in rows:
                at = from_iso(row["properties"]["lastmodifieddate"])
                seen[row["id"]] = max(at, seen.get(row["id"], datetime.min.replace(tzinfo=UTC)))
            if number == pages:
                return

    for pages in stops:
        pull(pages)
    while portal._script:
        pull(None)
        portal.now += timedelta(seconds=30)
    for _ in range(2):
        portal.now += timedelta(minutes=10)
        pull(None)
    assert seen == {str(record): versions[-1] for record, versions in portal.versions.items()}


def test_a_change_the_index_tells_late_is_found_by_the_next_walk():
    portal = BusyPortal([], timedelta(minutes=4))
    walked = Walked("contacts", "lastmodifieddate", ())
    portal.now += timedelta(hours=2)
    *_, (_, cursor) = walk(portal, walked, None, portal.now)
    for late_or_not in (1, 2):
        portal.now += timedelta(seconds=10)
        portal.versions[late_or_not].append(portal.now)
    ((rows, cursor),) = walk(portal, walked, cursor, portal.now)
    assert [row["id"] for row in rows] == ["2"]
    portal.now += timedelta(minutes=10)
    ((rows, _),) = walk(portal, walked, cursor, portal.now)
    assert [row["id"] for row in rows] == ["1", "2"]


def test_gone_is_who_is_neither_alive_nor_merged_nor_in_the_recycle_bin(
    portal: HubSpotPortal, source: HubSpotSource
):
    alive, kept, merged, deleted, forgotten = (
        portal.add_contact({"email": f"ana{number}@example.com"}) for number in range(5)
    )
    portal.merge(kept, merged)
    portal.delete(deleted)
    portal.privacy_delete(forgotten)
    assert source.gone([alive, kept, merged, deleted, forgotten]) == {forgotten}


def test_an_answer_that_leaves_somebody_out_says_of_nobody_that_they_are_gone(
    answering: Callable[..., HubSpotClient],
):
    from connectors.hubspot.gone import gone_for_good

    assert gone_for_good(answering(lambda path: {"status": "COMPLETE", "results": []}), ["1", "2"]) == set()
