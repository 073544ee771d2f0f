"""Who is gone from HubSpot for good is found by asking and erased with a proof; nobody else ever is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.domain.errors import NotForUs, TryLater
from app.domain.records import IdentityKey, Page, Profile
from app.pipeline import gone
from app.pipeline.checkup import check_up
from app.pipeline.gone import follow_gone, release_gone
from app.pipeline.pull import pull_source
from app.services import Services
from app.store import facts, people, runs
from app.store.facts import Cause
from tests.line import Moment, Town

NEVER = bool  # as `stop`: False


class Portal:
    """A vendor that has some contacts no more."""

    name = "hubspot"
    streams = ()

    def __init__(self, lost: Iterable[str] = ()) -> None:
        self.lost, self.failure = set(lost), False
        self.asked: list[str] = []

    def check(self) -> list[Any]:
        return []

    def pull(self, stream: str, after: Mapping[str, Any] | None, now: datetime) -> Iterator[Page]:
        if stream == "owners":
            raise NotForUs("add the scope crm.objects.owners.read")
        yield from ()

    def totals(self) -> dict[str, int]:
        return {"contacts": 0, "deals": 0}

    def gone(self, contact_ids: Sequence[str]) -> set[str]:
        if self.failure:
            raise TryLater("an answer came in part")
        self.asked += contact_ids
        return self.lost & set(contact_ids)


def hold(services: Services, number: int, at: datetime) -> None:
    """So many contacts, ids from 1 on."""
    with services.database.begin() as conn:
        for each in range(1, number + 1):
            keys = (
                IdentityKey("hubspot", "contact_id", str(each)),
                IdentityKey("any", "email", f"ana{each}@example.com"),
            )
            facts.store(conn, [(Profile("hubspot", keys, {"company": "Nube"}, at), Cause())], at)


def count_twice(services: Services, at: datetime, here: int) -> None:
    """Two counts that found nobody there."""
    told = {"counted": {"contacts": {"there": 0, "here": here}}}
    with services.database.begin() as conn:
        for _ in range(2):
            runs.finish(conn, runs.start(conn, "sync hubspot", at), at, result=told)


def look(services: Services, vendor: Portal, now: datetime) -> int:
    some = replace(services, sources={"hubspot": vendor})
    with services.database.begin() as conn:
        run_id = runs.start(conn, "look", now)
    return follow_gone(some, "hubspot", run_id, now, NEVER)


def held(services: Services) -> set[str]:
    with services.database.connect() as conn:
        return set(conn.scalars(sa.text("SELECT value FROM identity WHERE kind = 'contact_id'")))


def proofs(services: Services) -> int:
    with services.database.connect() as conn:
        return int(conn.scalar(sa.text("SELECT count(*) FROM erasure")))


def told(services: Services, now: datetime) -> list[str]:
    found = check_up(services, now, ask_vendors=False).problems
    return [each.message for each in found if "--erase-gone" in each.message]


def test_a_privacy_deletion_that_nobody_told_is_found_by_polling(
    place: Town, living: Services, clock: Moment
) -> None:
    names = ("forgotten", "deleted", "kept", "merged")
    ids = {name: place.portal.add_contact({"email": f"{name}@example.com"}) for name in names}

    def sync(days: int) -> None:
        for _ in range(days):
            clock.move(days=1, minutes=1)
            pull_source(living, "hubspot", clock.now)

    sync(1)
    place.portal.privacy_delete(ids["forgotten"])
    place.portal.delete(ids["deleted"])
    place.portal.merge(ids["kept"], ids["merged"])
    sync(3)
    assert ids["forgotten"] in held(living), "one look is not enough"
    sync(2)
    assert ids["forgotten"] not in held(living)
    assert set(ids.values()) - held(living) == {ids["forgotten"]}
    assert proofs(living) == 1
    with living.database.connect() as conn:
        assert people.person_of(conn, "forgotten@example.com") is None
        tables = conn.scalars(sa.text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
        kept = "\n".join(str(conn.execute(sa.text(f"SELECT * FROM {name}")).all()) for name in tables)
    assert "forgotten@example.com" not in kept
    assert f"'{ids['forgotten']}'" not in kept


def test_an_answer_in_part_erases_nobody_and_the_look_goes_on_where_it_stood(
    services: Services, clock: Moment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gone, "LOT", 4)
    monkeypatch.setattr(gone, "LOTS", 2)
    vendor = Portal(lost={"3"})
    hold(services, 10, clock.now)
    count_twice(services, clock.now, 10)
    look(services, vendor, clock.now)
    assert len(vendor.asked) == 8
    vendor.failure = True
    look(services, vendor, clock.move(days=2))
    vendor.failure = False
    look(services, vendor, clock.now)
    assert sorted(vendor.asked, key=int) == [str(number) for number in range(1, 11)]
    vendor.failure = True
    assert look(services, vendor, clock.move(days=2)) == 0
    assert len(held(services)) == 10
    vendor.failure = False
    assert look(services, vendor, clock.now) == 1
    assert (len(held(services)), proofs(services)) == (9, 1)


def test_who_is_there_again_at_the_second_look_stays(services: Services, clock: Moment) -> None:
    vendor = Portal(lost={"3"})
    hold(services, 5, clock.now)
    count_twice(services, clock.now, 5)
    look(services, vendor, clock.now)
    vendor.lost.clear()
    assert look(services, vendor, clock.move(days=1)) == 0
    assert (len(held(services)), proofs(services)) == (5, 0)


def test_without_a_lasting_surplus_only_who_was_in_the_recycle_bin_is_asked_for(
    services: Services, clock: Moment
) -> None:
    vendor = Portal(lost={"2", "3"})
    hold(services, 5, clock.now)
    bin_key = (IdentityKey("hubspot", "contact_id", "2"),)
    later = clock.now + timedelta(minutes=1)
    with services.database.begin() as conn:
        facts.store(conn, [(Profile("hubspot", bin_key, {"archived": "true"}, later), Cause())], later)
    look(services, vendor, clock.move(minutes=5))
    assert vendor.asked == ["2"]
    look(services, vendor, clock.move(hours=23))
    assert vendor.asked == ["2"], "once a day"
    assert look(services, vendor, clock.move(hours=2)) == 1
    assert held(services) == {"1", "3", "4", "5"}


def test_more_than_a_small_share_waits_for_a_person(services: Services, clock: Moment) -> None:
    vendor = Portal(lost=map(str, range(1, 6)))
    hold(services, 20, clock.now)
    count_twice(services, clock.now, 20)
    for _ in range(4):
        assert look(services, vendor, clock.now) == 0
        clock.move(days=1)
    assert len(held(services)) == 20
    (line,) = told(services, clock.now)
    assert line.startswith("5 contacts held here")
    with services.database.begin() as conn:
        assert release_gone(conn, clock.now) == 5
    assert look(services, vendor, clock.now) == 5
    assert (len(held(services)), proofs(services), told(services, clock.now)) == (15, 5, [])


def test_a_right_that_is_missing_elsewhere_keeps_nobody_from_being_forgotten(
    services: Services, clock: Moment
) -> None:
    vendor = Portal(lost={"3"})
    hold(services, 5, clock.now)
    count_twice(services, clock.now, 5)
    some = replace(services, sources={"hubspot": vendor})
    for _ in range(2):
        with pytest.raises(NotForUs):
            pull_source(some, "hubspot", clock.move(days=1), streams=["owners", "contacts"])
    assert (held(services), proofs(services)) == ({"1", "2", "4", "5"}, 1)


def test_ours_are_counted_once_an_hour(place: Town, living: Services, clock: Moment) -> None:
    def told_in() -> int:
        with living.database.connect() as conn:
            return len(runs.last_results(conn, "sync hubspot", "counted", 9))

    numbers = []
    for minutes in (1, 10, 51):
        clock.move(minutes=minutes)
        pull_source(living, "hubspot", clock.now)
        numbers.append(told_in())
    assert numbers == [1, 1, 2]
