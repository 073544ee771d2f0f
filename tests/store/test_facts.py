"""Facts come late, twice, and in any order: what is kept is the same, and only who changed is touched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.records import (
    ContactHint,
    Deal,
    Fact,
    Observation,
    Occurrence,
    Profile,
    Reference,
)
from app.store import facts, people
from app.store.facts import Cause
from tests.store.people_of import contact, email

T0 = datetime(2026, 11, 1, 10, 0, tzinfo=UTC)
RUN = Cause(run_id=1)
ANA = contact(7), email("ana")


def seen(key: str, name: str = "ana", minute: int = 0, **other) -> Observation:
    return Observation("zoom", "webinar_join", key, (email(name),), T0 + timedelta(minutes=minute), **other)


def said(minute: int = 0, who=ANA, **fields: str) -> Profile:
    return Profile("hubspot", who, fields, T0 + timedelta(minutes=minute))


def hint(change: str, contact_id: str = "7", minute: int = 0, into: str = "") -> ContactHint:
    return ContactHint("hubspot", contact_id, change, T0 + timedelta(minutes=minute), into)


def store(conn: sa.Connection, now: datetime, *found: Fact, cause: Cause = RUN) -> set[int]:
    return facts.store(conn, [(fact, cause) for fact in found], now)


def fields_of(conn: sa.Connection, name: str) -> list[dict[str, str]]:
    person = people.person_of(conn, name)
    return [dict(profile.fields) for profile in facts.profiles_of(conn, [person])[person]]


# --- observations -----------------------------------------------------------------------------------------


def test_an_observation_is_kept_with_its_cause_and_touches_its_person(
    database: sa.Engine, now: datetime
) -> None:
    with database.begin() as conn:
        touched = store(conn, now, seen("k1", scope="run", attributes={"a": 1.5}), cause=Cause(inbox_id=4))
        person = people.person_of(conn, "ana@example.com")
        assert touched == {person}
        (row,) = facts.observations_of(conn, [person])[person]
        assert (row.key, row.scope, row.attributes, row.inbox_id, row.occurred_at) == (
            "k1",
            "run",
            {"a": 1.5},
            4,
            T0,
        )
        assert people.take_touched(conn, 9) == [(person, now, True)]
        assert facts.observed_people(conn, [person]) == {person}


def test_the_same_delivery_again_touches_nobody(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        store(conn, now, seen("k1"), said(job_title="CEO"))
        people.untouch(conn, people.take_touched(conn, 9))
        assert store(conn, now, seen("k1"), said(job_title="CEO"), cause=Cause(inbox_id=9)) == set()
        assert not people.any_touched(conn)


def test_other_content_under_the_same_key_replaces_and_touches_both_people(
    database: sa.Engine, now: datetime
) -> None:
    with database.begin() as conn:
        first = store(conn, now, seen("k1", "ana"))
        both = store(conn, now, seen("k1", "luis", quantity=2.0))
        luis = people.person_of(conn, "luis@example.com")
        assert both == {*first, luis}
        assert [row.quantity for row in facts.observations_of(conn, [luis])[luis]] == [2.0]


def test_within_a_lot_the_last_word_counts(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        (person,) = store(conn, now, seen("k1", quantity=1.0), seen("k1", quantity=2.0))
        assert [row.quantity for row in facts.observations_of(conn, [person])[person]] == [2.0]


def test_an_anonymous_act_is_kept_for_review(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        assert store(conn, now, Observation("zoom", "chat_message", "k", (), T0)) == set()
        assert conn.scalar(sa.text("SELECT count(*) FROM observation WHERE identity_id IS NULL")) == 1


def test_text_that_postgresql_cannot_hold_is_mended_and_the_lot_goes_on(
    database: sa.Engine, now: datetime
) -> None:
    odd = {"nul": "a\0b", "escaped": "\\u0000", "half": "\ud83d", "name": "😀 مرحبا", "long": "x" * 10_000}
    with database.begin() as conn:
        (person,) = store(conn, now, seen("k" * 5_000, attributes=odd), said(job_title="\0"))
        (row,) = facts.observations_of(conn, [person])[person]
        assert row.attributes == odd | {"nul": "a\ufffdb", "half": "?"}


DELIVERIES = st.lists(
    st.builds(
        seen,
        key=st.sampled_from(["k1", "k2", "k3"]),
        name=st.sampled_from(["ana", "luis"]),
        minute=st.integers(0, 5),
    ),
    max_size=8,
)


def _kept(conn: sa.Connection) -> list[tuple[object, ...]]:
    columns = "o.source, o.key, o.kind, i.value, o.occurred_at, o.quantity, o.attributes::text"
    query = f"SELECT {columns} FROM observation o JOIN identity i ON i.id = o.identity_id ORDER BY o.key"
    return [tuple(row) for row in conn.execute(sa.text(query))]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DELIVERIES, st.randoms(use_true_random=False), st.integers(1, 8))
def test_repeats_order_and_lots_do_not_change_what_is_kept(database, now, deliveries, random, size) -> None:
    """One content per key, as a source delivers it: again, late and in other lots."""
    one_each = list({fact.key: fact for fact in deliveries}.values())
    repeated = one_each * 2
    random.shuffle(repeated)
    with database.connect() as conn:
        store(conn, now, *one_each)
        expected = _kept(conn)
        conn.rollback()
        for start in range(0, len(repeated), size):
            store(conn, now, *repeated[start : start + size])
        assert _kept(conn) == expected
        conn.rollback()


# --- profiles ---------------------------------------------------------------------------------------------


def test_the_newer_profile_wins_whatever_comes_first(database: sa.Engine, now: datetime) -> None:
    for order in ([0, 1], [1, 0]):
        with database.connect() as conn:
            for minute in order:
                store(conn, now, said(minute, job_title=f"title {minute}"))
            assert fields_of(conn, "7") == [{"job_title": "title 1"}]


def test_a_newer_profile_leaves_what_it_does_not_know(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        store(conn, now, said(0, job_title="CEO", city="Lima"))
        store(conn, now, said(1, city=""))
        assert fields_of(conn, "7") == [{"job_title": "CEO", "city": ""}]


def test_a_newer_profile_that_says_the_same_touches_nobody(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        store(conn, now, said(0, city="Lima"))
        assert store(conn, now, said(5, city="Lima")) == set()
        assert store(conn, now, said(3, city="Quito")) == set()
        assert fields_of(conn, "7") == [{"city": "Lima"}]


PROFILES = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(["a", "b"])),
    max_size=6,
    unique_by=lambda pair: pair[0],
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PROFILES, st.randoms(use_true_random=False))
def test_profiles_in_any_order_end_as_the_newest(database, now, profiles, random) -> None:
    shuffled = profiles * 2
    random.shuffle(shuffled)
    with database.connect() as conn:
        for minute, city in shuffled:
            store(conn, now, said(minute, city=city))
        if profiles:
            assert fields_of(conn, "7") == [{"city": max(profiles)[1]}]
        conn.rollback()


# --- webinars and deals -----------------------------------------------------------------------------------


def test_a_run_that_changes_touches_those_who_were_in_it(database: sa.Engine, now: datetime) -> None:
    run = Occurrence("zoom", "run==", "w1", "Topic", T0)
    with database.begin() as conn:
        (person,) = store(conn, now, seen("k1", scope="run=="))
        assert store(conn, now, run) == {person}
        assert store(conn, now, run) == set()
        ended = Occurrence("zoom", "run==", "w1", "", T0, ends_at=T0 + timedelta(hours=1))
        assert store(conn, now, ended) == {person}
        assert store(conn, now, run) == set()  # unknown again: the end stays known
        kept = facts.occurrences_of(conn, ["run=="])["run=="]
        assert (kept.topic, kept.ends_at) == ("Topic", T0 + timedelta(hours=1))
        assert facts.occurrences_of(conn).keys() == {"run=="}


def test_a_run_before_or_after_it_that_day_touches_them_too(database: sa.Engine, now: datetime) -> None:
    """Which runs are one occurrence depends on all of a webinar's runs of that day."""
    with database.begin() as conn:
        (person,) = store(conn, now, seen("k1", scope="again=="))
        store(conn, now, Occurrence("zoom", "again==", "w1", "Topic", T0 + timedelta(minutes=43)))
        assert store(conn, now, Occurrence("zoom", "run==", "w1", "Topic", T0)) == {person}
        assert store(conn, now, Occurrence("zoom", "week", "w1", "Topic", T0 + timedelta(days=7))) == set()
        assert store(conn, now, Occurrence("zoom", "other", "w2", "Topic", T0)) == set()
        assert facts.occurrences_of(conn, ["again=="]).keys() == {"again==", "run==", "week"}


def test_a_series_announced_for_its_next_day_touches_those_of_the_day_it_was_on(
    database: sa.Engine, now: datetime
) -> None:
    """It goes by one uuid: until then they were in the occurrence that it announced."""
    with database.begin() as conn:
        (person,) = store(conn, now, seen("k1", scope="run=="))
        store(conn, now, Occurrence("zoom", "run==", "w1", "Topic", T0 + timedelta(minutes=3)))
        store(conn, now, Occurrence("zoom", "series", "w1", "Topic", T0))
        later = Occurrence("zoom", "series", "w1", "Topic", T0 + timedelta(days=7))
        assert store(conn, now, later) == {person}
        assert store(conn, now, later) == set()


def deal(minute: int = 0, *, won: bool = False, contacts: tuple[str, ...] = ("7",)) -> Deal:
    at = T0 + timedelta(minutes=minute)
    return Deal("hubspot", "d1", contacts, "default", "won" if won else "new", 10.5, won, won, T0, None, at)


def test_a_deal_touches_the_contacts_it_has_and_had(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        store(conn, now, said(), said(who=(contact(8),)))
        seven, eight = people.person_of(conn, "7"), people.person_of(conn, "8")
        assert store(conn, now, deal(0)) == {seven}
        assert store(conn, now, deal(1)) == set()
        assert store(conn, now, deal(2, won=True, contacts=("8",))) == {seven, eight}
        assert store(conn, now, deal(0)) == set()  # an older version, late
        assert facts.deals_of(conn, [seven, eight]) == {
            seven: [],
            eight: [deal(2, won=True, contacts=("8",))],
        }


def test_references_are_kept_as_last_read(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        for name in ("Ana", "Eva"):
            store(conn, now, Reference("hubspot", "owner", "5", {"name": name}))
        assert facts.references(conn, "hubspot", "owner") == {"5": {"name": "Eva"}}


# --- what HubSpot says happened ---------------------------------------------------------------------------


def test_a_changed_contact_waits_to_be_read_again(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        store(conn, now, hint("changed"), hint("restored", "8"), cause=Cause(inbox_id=3))
        taken = facts.take_hints(conn, 10)
        assert [(row.contact_id, row.inbox_id) for row in taken] == [("7", 3), ("8", 3)]
        store(conn, now, hint("changed", "8"))  # named again while it is read
        facts.drop_hints(conn, taken)
        assert [row.contact_id for row in facts.take_hints(conn, 10)] == ["8"]
        assert facts.any_hint(conn)


def test_a_deleted_contact_is_marked_until_it_is_restored(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        (person,) = store(conn, now, said(0, city="Lima"))
        assert store(conn, now, hint("deleted", minute=1)) == {person}
        assert fields_of(conn, "7") == [{"city": "Lima", "archived": "true", "contact_id": "7"}]
        assert store(conn, now, said(0, city="Lima")) == set()
        assert store(conn, now, hint("restored", minute=2)) == {person}
        assert fields_of(conn, "7") == [{"city": "Lima", "contact_id": "7"}]


def test_a_deletion_heard_after_the_restored_contact_was_read_marks_nothing(
    database: sa.Engine, now: datetime
) -> None:
    with database.begin() as conn:
        store(conn, now, said(5, city="Lima"))
        store(conn, now, hint("deleted", "99"), hint("restored", minute=4))
        assert "archived" not in fields_of(conn, "7")[0]
        assert people.person_of(conn, "99") is None


def test_merged_contacts_become_one_and_the_kept_one_is_read_again(
    database: sa.Engine, now: datetime
) -> None:
    with database.begin() as conn:
        store(conn, now, said(), said(who=(contact(8), email("luis"))))
        store(conn, now, hint("merged", "8", into="7"), cause=Cause(inbox_id=3))
        assert people.person_of(conn, "luis@example.com") == people.person_of(conn, "7")
        assert [row.contact_id for row in facts.take_hints(conn, 9)] == ["7"]
        assert len(fields_of(conn, "7")) == 1  # the ended contact's profile counts no more


def test_a_privacy_deletion_leaves_nothing_but_a_proof(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        store(conn, now, said(city="Lima"), seen("k1"), deal(), said(who=(contact(8),)))
        store(conn, now, hint("merged", "8", into="7"), hint("changed", "7"))
        other = store(conn, now, seen("k2", "luis"))
        store(conn, now, hint("privacy_deleted"))
        for table in ("observation", "identity", "person"):
            assert conn.scalar(sa.text(f"SELECT count(*) FROM {table}")) == 1, table
        for table in ("profile", "touched", "hint", "merge", "mirror"):
            wanted = 1 if table == "touched" else 0
            assert conn.scalar(sa.text(f"SELECT count(*) FROM {table}")) == wanted, table
        assert conn.scalar(sa.text("SELECT contact_ids FROM deal")) == []
        assert [person for person, *_ in people.take_touched(conn, 9)] == list(other)
        proof = conn.execute(sa.text("SELECT subject_hash, row_counts FROM erasure")).one()
        assert len(proof.subject_hash) == 64
        assert (proof.row_counts["observation"], proof.row_counts["identity"]) == (1, 3)


def test_the_erasure_of_an_unknown_contact_is_proved_too(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        store(conn, now, hint("privacy_deleted", "404"))
        assert conn.scalar(sa.text("SELECT count(*) FROM erasure")) == 1


def test_two_workers_absorb_the_same_facts_at_once(database: sa.Engine, now: datetime) -> None:
    with database.begin() as conn:
        store(conn, now, seen("k0"))
    with database.connect() as one, database.connect() as two:
        store(one, now, seen("k0", quantity=3.0))
        one.commit()
        store(two, now, seen("k0", quantity=3.0))
        two.commit()
    with database.connect() as conn:
        assert conn.scalar(sa.text("SELECT count(*) FROM observation")) == 1
