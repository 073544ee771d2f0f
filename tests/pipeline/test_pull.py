"""Pages and their cursors go together: whatever stops a pull, the next one goes on behind the last page."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from app.domain.changes import Problem
from app.domain.errors import BadCredentials, BadRecord, NotForUs, PartlyRead, SaviaError, TryLater
from app.domain.records import Page, Record
from app.pipeline import steps
from app.pipeline.pull import pull_round, pull_source
from app.services import Services
from app.store import cursors, facts, people, quarantine, runs


def contact(number: int, **properties: str) -> Record:
    known = {"email": f"ana.{number}@example.com", "lastmodifieddate": "2026-11-20T10:00:00Z", **properties}
    return Record("hubspot", "contacts", {"id": str(number), "properties": known})


class Pages:
    """A source of two streams: three pages of contacts, and one of owners. `fails_at` is the page it fails
    before.
    """

    name = "hubspot"
    streams = ("contacts", "owners")

    def __init__(self, failure: BaseException | None = None, fails_at: int = 0) -> None:
        self.failure, self.fails_at = failure, fails_at
        self.asked: list[tuple[str, Mapping[str, Any] | None]] = []

    def check(self) -> list[Problem]:
        return []

    def pull(self, stream: str, after: Mapping[str, Any] | None, now: datetime) -> Iterator[Page]:
        self.asked.append((stream, after))
        if stream == "owners":
            yield Page((Record("hubspot", "owners", {"id": "1"}),), {"page": 1})
            return
        for page in range(after["page"] + 1 if after else 1, 4):
            if self.failure is not None and page == self.fails_at:
                raise self.failure
            yield Page((contact(2 * page), contact(2 * page + 1)), {"page": page})


def known(services: Services) -> set[str]:
    with services.database.connect() as conn:
        return set(conn.scalars(sa.text("SELECT value FROM identity WHERE kind = 'contact_id'")))


def cursor(services: Services, stream: str = "contacts") -> dict[str, Any] | None:
    with services.database.connect() as conn:
        return cursors.read(conn, "hubspot", stream)


def last_run(services: Services) -> runs.Run:
    with services.database.connect() as conn:
        run = runs.last(conn, "sync hubspot")
    assert run is not None
    return run


def test_every_page_of_every_stream_is_stored_with_its_run(services: Services) -> None:
    source = Pages()
    services = replace(services, sources={"hubspot": source})
    read, ended = pull_source(services, "hubspot", services.clock())
    assert (read, ended) == ({"contacts": 6, "owners": 1}, ["contacts", "owners"])
    assert known(services) == {"2", "3", "4", "5", "6", "7"}
    run = last_run(services)
    assert (run.error, run.result) == (None, {"read": read, "complete": True})
    assert run.finished_at is not None
    with services.database.connect() as conn:
        person = people.person_of(conn, "ana.4@example.com") or 0
        assert facts.profiles_of(conn, [person])[person][0].run_id == run.id


def test_streams_that_are_read_in_part_each_have_their_turn_and_the_run_says_what_is_left(
    services: Services,
) -> None:
    class InParts(Pages):
        streams = ("contacts", "owners", "pipelines")

        def pull(self, stream: str, after: Mapping[str, Any] | None, now: datetime) -> Iterator[Page]:
            self.asked.append((stream, after))
            yield Page((contact(len(self.asked)),), {})
            raise PartlyRead(f"{stream}: one is refused")

    source = InParts()
    services = replace(services, sources={"hubspot": source})
    with pytest.raises(TryLater, match="contacts: one is refused"):
        pull_source(services, "hubspot", services.clock())
    assert [stream for stream, _ in source.asked] == list(source.streams)
    assert "one is refused" in (last_run(services).error or "")


@pytest.mark.parametrize(
    "failure",
    [
        BadCredentials("expired"),
        KeyError("gap"),
        KeyboardInterrupt(),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_what_was_read_before_a_failure_stays_and_the_next_pull_goes_on_behind_it(
    services: Services, failure: BaseException
) -> None:
    source = Pages(failure, fails_at=2)
    services = replace(services, sources={"hubspot": source})
    with pytest.raises(type(failure)):
        pull_source(services, "hubspot", services.clock())
    assert (known(services), cursor(services)) == ({"2", "3"}, {"page": 1})
    assert cursor(services, "owners") is None
    source.failure = None
    pull_source(services, "hubspot", services.clock())
    assert ("contacts", {"page": 1}) in source.asked
    assert known(services) == {"2", "3", "4", "5", "6", "7"}


@pytest.mark.parametrize(
    "failure", [TryLater("busy"), BadCredentials("expired"), BadRecord("x", "odd"), KeyError("gap")]
)
def test_a_run_that_failed_says_so(services: Services, failure: Exception) -> None:
    services = replace(services, sources={"hubspot": Pages(failure, fails_at=2)})
    with pytest.raises(type(failure)):
        pull_source(services, "hubspot", services.clock())
    run = last_run(services)
    assert run.finished_at is not None
    assert run.error == (str(failure) if isinstance(failure, SaviaError) else "KeyError")


def test_a_pull_told_to_stop_ends_behind_a_page_and_the_round_goes_on_there(services: Services) -> None:
    source = Pages()
    services = replace(services, sources={"hubspot": source})
    rounds = 0
    while not pull_round(services, services.clock(), stop=lambda: True):
        rounds += 1
        assert rounds < 9
    assert known(services) == {"2", "3", "4", "5", "6", "7"}
    assert [after for stream, after in source.asked if stream == "contacts"][:3] == [
        None,
        {"page": 1},
        {"page": 2},
    ]


def test_a_page_that_cannot_be_stored_leaves_its_cursor_where_it_was(services: Services) -> None:
    class Unstorable(Pages):
        def pull(self, stream: str, after: Mapping[str, Any] | None, now: datetime) -> Iterator[Page]:
            yield Page((contact(2),), {"page": 1})
            yield Page((contact(3),), {"page": object()})

    services = replace(services, sources={"hubspot": Unstorable()})
    with pytest.raises(TypeError):
        pull_source(services, "hubspot", services.clock())
    assert (known(services), cursor(services)) == ({"2"}, {"page": 1})


class Deadly(UserDict[str, Any]):
    """A cursor at whose saving the process is killed."""

    def __iter__(self) -> Iterator[str]:
        raise KeyboardInterrupt


@pytest.mark.parametrize("dies_at", [1, 2, 3])
def test_killed_between_the_records_of_a_lot_and_its_cursor_nothing_of_it_stays_and_nothing_is_lost(
    services: Services, dies_at: int
) -> None:
    class Killed(Pages):
        def pull(self, stream: str, after: Mapping[str, Any] | None, now: datetime) -> Iterator[Page]:
            for page in super().pull(stream, after, now):
                yield replace(page, cursor=Deadly(page.cursor)) if page.cursor["page"] >= dies_at else page

    killed = replace(services, sources={"hubspot": Killed()})
    with pytest.raises(KeyboardInterrupt):
        pull_source(killed, "hubspot", services.clock(), streams=["contacts"])
    reached = (cursor(services) or {"page": 0})["page"]
    assert reached < dies_at
    assert known(services) == {str(number) for number in range(2, 2 * reached + 2)}
    services = replace(services, sources={"hubspot": Pages()})
    pull_source(services, "hubspot", services.clock())
    assert known(services) == {"2", "3", "4", "5", "6", "7"}


def test_a_bad_record_of_a_page_is_held_with_its_run_and_the_others_go_on(services: Services) -> None:
    class OneBad(Pages):
        def pull(self, stream: str, after: Mapping[str, Any] | None, now: datetime) -> Iterator[Page]:
            bad = Record("hubspot", "contacts", {"properties": {"lastmodifieddate": "2026-11-20T10:00:00Z"}})
            yield Page((contact(2), bad, contact(3)), {"page": 1})

    services = replace(services, sources={"hubspot": OneBad()})
    pull_source(services, "hubspot", services.clock())
    assert (known(services), cursor(services)) == ({"2", "3"}, {"page": 1})
    with services.database.connect() as conn:
        (item,) = quarantine.open_items(conn, 9)
    assert (item.record.path, item.record.run_id) == ("id", last_run(services).id)


def test_a_source_that_is_away_does_not_keep_the_others_from_their_turn(services: Services) -> None:
    away, well = Pages(TryLater("busy"), fails_at=1), Pages()
    services = replace(services, sources={"away": away, "hubspot": well})
    with pytest.raises(TryLater):
        steps.sync(services, services.clock())
    assert known(services) == {"2", "3", "4", "5", "6", "7"}


@pytest.mark.parametrize("failure", [TryLater("busy"), NotForUs("no right"), BadRecord("x", "odd")])
def test_a_stream_that_cannot_be_read_keeps_no_other_of_its_source_from_its_turn(
    services: Services, failure: SaviaError
) -> None:
    source = Pages(failure, fails_at=2)
    services = replace(services, sources={"hubspot": source})
    with pytest.raises(type(failure)):
        pull_source(services, "hubspot", services.clock())
    assert (known(services), cursor(services)) == ({"2", "3"}, {"page": 1})
    assert cursor(services, "owners") == {"page": 1}
    source.failure = None
    pull_source(services, "hubspot", services.clock())
    assert ("contacts", {"page": 1}) in source.asked
    assert known(services) == {"2", "3", "4", "5", "6", "7"}


def test_a_vendor_whose_streams_fail_one_after_the_other_is_left_alone(services: Services) -> None:
    class Away(Pages):
        streams = ("a", "b", "c", "d")

        def pull(self, stream: str, after: Mapping[str, Any] | None, now: datetime) -> Iterator[Page]:
            self.asked.append((stream, after))
            raise TryLater("away")
            yield

    source = Away()
    services = replace(services, sources={"hubspot": source})
    with pytest.raises(TryLater):
        pull_source(services, "hubspot", services.clock())
    assert [stream for stream, _ in source.asked] == ["a", "b"]


def test_what_our_key_may_not_see_is_told_when_all_else_is_read_and_all_of_it_in_the_run(
    services: Services,
) -> None:
    class Narrow(Pages):
        streams = ("a", "b", "contacts", "c")

        def pull(self, stream: str, after: Mapping[str, Any] | None, now: datetime) -> Iterator[Page]:
            if stream in {"a", "b"}:
                raise NotForUs(f"add the scope {stream}")
            if stream == "c":
                raise TryLater("busy")
            yield from super().pull(stream, after, now)

    services = replace(services, sources={"hubspot": Narrow()})
    with pytest.raises(NotForUs):
        pull_source(services, "hubspot", services.clock())
    assert known(services) == {"2", "3", "4", "5", "6", "7"}
    assert last_run(services).error == "add the scope a; add the scope b; busy"


class Breaking(dict[str, Any]):
    """A payload that breaks us in a way nobody foresaw."""

    def get(self, *_: object) -> Any:
        raise ZeroDivisionError


def test_records_that_break_us_are_found_and_held_and_the_rest_of_their_page_is_stored(
    services: Services,
) -> None:
    class Poisoned(Pages):
        def pull(self, stream: str, after: Mapping[str, Any] | None, now: datetime) -> Iterator[Page]:
            breaking = (Record("hubspot", "contacts", Breaking({"id": str(number)})) for number in (6, 9))
            (six, nine), good = breaking, [contact(number) for number in (2, 3, 4, 5, 7, 8)]
            yield Page((*good[:4], six, *good[4:], nine), {"page": 1})

    services = replace(services, sources={"hubspot": Poisoned()})
    pull_source(services, "hubspot", services.clock())
    assert (known(services), cursor(services)) == ({"2", "3", "4", "5", "7", "8"}, {"page": 1})
    with services.database.connect() as conn:
        held = [item.record for item in quarantine.open_items(conn, 9)]
    assert [(item.payload, item.run_id) for item in held] == [
        ({"id": "6"}, last_run(services).id),
        ({"id": "9"}, last_run(services).id),
    ]
    assert all("ZeroDivisionError" in item.reason for item in held)


def test_the_same_pages_again_touch_nobody(services: Services) -> None:
    services = replace(services, sources={"hubspot": Pages()})
    pull_source(services, "hubspot", services.clock())
    with services.database.begin() as conn:
        people.untouch(conn, people.take_touched(conn, 99))
        conn.execute(sa.text("DELETE FROM cursor"))
    pull_source(services, "hubspot", services.clock())
    assert steps.waiting(services) == []
