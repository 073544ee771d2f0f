"""Identities and persons in the database: bulk, repeated, at once by several workers, and undone."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.records import IdentityKey
from app.store import people
from tests.store.people_of import contact, email, registrant


def persons(conn: sa.Connection, *keys: IdentityKey) -> list[int]:
    known = people.find(conn, keys)
    return [known[key].person_id for key in keys]


def test_resolve_answers_the_identity_of_each_first_key(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        keysets = [(registrant(1), email("ana")), (), (email("ana"),), (registrant(2),)]
        ids = people.resolve(conn, keysets, now)
        known = people.find(conn, [registrant(1), email("ana"), registrant(2)])
        assert ids == [
            known[registrant(1)].identity_id,
            None,
            known[email("ana")].identity_id,
            known[registrant(2)].identity_id,
        ]
        assert len(set(persons(conn, registrant(1), email("ana"), registrant(2)))) == 2
        assert people.resolve(conn, keysets, now) == ids


def test_a_merge_moves_the_names_notes_it_and_touches_who_is_kept(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        people.resolve(conn, [(registrant(1),), (contact(7), email("ana"))], now)
        loser, kept = persons(conn, registrant(1), contact(7))
        people.resolve(conn, [(registrant(1), email("ana"))], now)
        assert persons(conn, registrant(1), email("ana")) == [kept, kept]
        note = conn.execute(sa.text("SELECT kept_person_id, merged_person_id FROM merge")).one()
        assert tuple(note) == (kept, loser)
        assert [person for person, *_ in people.take_touched(conn, 10)] == [kept]


def test_a_merge_is_taken_back(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        people.resolve(conn, [(registrant(1),), (contact(7), email("ana"))], now)
        before = persons(conn, registrant(1), contact(7), email("ana"))
        people.resolve(conn, [(registrant(1), email("ana"))], now)
        merge_id = conn.scalar(sa.text("SELECT id FROM merge"))
        assert people.unmerge(conn, merge_id, now)
        assert persons(conn, registrant(1), contact(7), email("ana")) == before
        assert {person for person, *_ in people.take_touched(conn, 10)} == set(before)
        assert not people.unmerge(conn, merge_id, now)


def test_hubspots_merge_joins_two_contacts_and_ends_one_id(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        people.resolve(conn, [(contact(7), email("ana")), (contact(8), email("luis"))], now)
        assert people.merge_contacts(conn, "7", "8", now)
        assert not people.merge_contacts(conn, "7", "8", now)
        person = people.person_of(conn, "8")
        assert person == people.person_of(conn, "ana@example.com")
        assert people.identities_of(conn, [person]) == {person: [contact(7), email("ana"), email("luis")]}
        people.unmerge(conn, conn.scalar(sa.text("SELECT id FROM merge")), now)
        other = people.person_of(conn, "8")
        assert people.identities_of(conn, [other]) == {other: [contact(8), email("luis")]}


def test_a_merge_into_a_contact_we_never_saw_keeps_its_names(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        people.resolve(conn, [(contact(7), email("ana"))], now)
        people.merge_contacts(conn, "9", "7", now)
        person = people.person_of(conn, "9")
        assert people.identities_of(conn, [person]) == {person: [contact(9), email("ana")]}


def test_what_was_written_stays_with_the_person_who_is_kept(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        people.resolve(conn, [(contact(7),), (contact(8),)], now)
        kept, loser = persons(conn, contact(7), contact(8))
        conn.execute(
            sa.text(
                "INSERT INTO ledger (fingerprint, change_key, kind, person_id, contact_id, subject, change,"
                " state, intended_at) VALUES ('f', 'k', 'EnrolInWorkflow', :p, '8', 'w', '{}', 'done', :at)"
            ),
            {"p": loser, "at": now},
        )
        people.merge_contacts(conn, "7", "8", now)
        assert conn.scalar(sa.text("SELECT person_id FROM ledger")) == kept
        people.unmerge(conn, conn.scalar(sa.text("SELECT id FROM merge")), now)
        assert conn.scalar(sa.text("SELECT person_id FROM ledger")) == loser


def test_an_email_that_hubspot_gave_to_another_contact_moves(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        people.resolve(conn, [(contact(7), email("ana")), (contact(8),)], now)
        people.resolve(conn, [(contact(8), email("ana"))], now)
        assert persons(conn, email("ana")) == persons(conn, contact(8))
        assert persons(conn, contact(7)) != persons(conn, contact(8))


def test_names_that_no_index_or_text_can_hold_are_kept_all_the_same(
    database: sa.Engine, now: datetime
) -> None:
    odd = [
        IdentityKey("x", "id", "a" * 10_000),
        IdentityKey("x", "id", "nul\0\ud800"),
        email("\U0001f600\u200f\u0645"),
    ]
    with database.begin() as conn:
        ids = people.resolve(conn, [(key,) for key in odd], now)
        assert len(set(ids)) == 3
        assert people.resolve(conn, [(key,) for key in odd], now) == ids


def test_touched_people_come_oldest_first_and_once_touched_again_stay(
    database: sa.Engine, now: datetime
) -> None:
    with database.begin() as conn:
        people.resolve(conn, [(registrant(1),), (registrant(2),)], now)
        one, two = persons(conn, registrant(1), registrant(2))
        people.touch(conn, [two], now)
        people.touch(conn, [one], now + timedelta(seconds=1))
        taken = people.take_touched(conn, 10)
        assert [row.person_id for row in taken] == [two, one]
        people.touch(conn, [two], now)  # the same moment once more
        people.untouch(conn, taken)
        assert [person for person, *_ in people.take_touched(conn, 10)] == [two]
        assert people.any_touched(conn)
        assert people.count_touched(conn) == 1


def test_two_workers_take_different_people(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        people.resolve(conn, [(registrant(n),) for n in range(4)], now)
        people.touch(conn, persons(conn, *(registrant(n) for n in range(4))), now)
    with database.begin() as first, database.begin() as second:
        mine = {person for person, *_ in people.take_touched(first, 2)}
        theirs = {person for person, *_ in people.take_touched(second, 10)}
    assert (len(mine), len(theirs), mine & theirs) == (2, 2, set())


def test_workers_that_meet_the_same_new_people_agree(database: sa.Engine, now: datetime) -> None:
    """Overlapping keysets in opposite orders by four workers: no deadlock, one person a name."""
    names = [(registrant(n), email(f"lead{n % 20}")) for n in range(60)]
    faults: list[Exception] = []

    def work(number: int) -> None:
        try:
            for start in range(0, 60, 15):
                lot = names[start : start + 15]
                with database.begin() as conn:
                    people.resolve(conn, lot[::-1] if number % 2 else lot, now)
        except Exception as fault:  # noqa: BLE001  handed to the test's own thread
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    with database.connect() as conn:
        found = people.find(conn, {key for keyset in names for key in keyset})
        assert len(found) == 80
        assert len({known.person_id for known in found.values()}) == 20


def test_a_merge_waits_for_facts_on_their_way_to_the_person(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        people.resolve(conn, [(registrant(1),), (email("ana"),)], now)
    with database.begin() as writer:
        people.resolve(writer, [(registrant(1),)], now)
        with database.connect() as merger:
            merger.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
            with pytest.raises(sa.exc.OperationalError):
                people.resolve(merger, [(registrant(1), email("ana"))], now)


NAMES = st.sampled_from([registrant(n) for n in range(5)] + [email(n) for n in ("ana", "luis", "info")])
EVIDENCE = st.lists(st.lists(NAMES, min_size=1, max_size=3, unique=True).map(tuple), max_size=8)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EVIDENCE, st.randoms(use_true_random=False))
def test_one_by_one_in_any_order_or_all_at_once_is_the_same(database, now, evidence, random) -> None:
    keys = sorted({key for keyset in evidence for key in keyset})

    def grouping(lots: list[list[tuple[IdentityKey, ...]]]) -> set[frozenset[IdentityKey]]:
        with database.connect() as conn:
            for lot in lots:
                people.resolve(conn, lot, now)
            known = people.find(conn, keys)
            conn.rollback()
        owners = {found.person_id for found in known.values()}
        return {frozenset(k for k, found in known.items() if found.person_id == owner) for owner in owners}

    shuffled = list(evidence)
    random.shuffle(shuffled)
    assert grouping([evidence]) == grouping([[keyset] for keyset in shuffled])
