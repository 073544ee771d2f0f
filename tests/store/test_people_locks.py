"""Scoring, writing and reading run beside privacy deletions and merges: nothing of who is gone comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import sqlalchemy as sa

from app.domain.records import ContactHint, Fact, Observation, Profile
from app.pipeline.understand import rescore_after, rescore_touched
from app.store import facts, people
from app.store.cause import Cause
from app.store.people_locks import hold_to_score, persons_left
from tests.line import Moment, services_of
from tests.store.people_of import contact, email

WAITS = sa.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
BY_PERSON = sa.text("""
    SELECT table_name FROM information_schema.columns
    WHERE column_name = 'person_id' AND table_schema = 'public'
""")
NOTE = sa.text("INSERT INTO feature (person_id, values, computed_at) VALUES (:person, '{}', :at)")


def store(database: sa.Engine, now: datetime, *found: Fact) -> None:
    with database.begin() as conn:
        facts.store(conn, [(fact, Cause(run_id=1)) for fact in found], now)


def ana(now: datetime, number: int = 7) -> Profile:
    return Profile("hubspot", (contact(number), email("ana")), {"city": "Lima"}, now)


def visit(now: datetime) -> Observation:
    return Observation("ga4", "website_visit", "v1", (contact(7), email("ana")), now)


def forget_ana(now: datetime) -> ContactHint:
    return ContactHint("hubspot", "7", "privacy_deleted", now)


def person_of(database: sa.Engine, name: str = "7") -> int | None:
    with database.connect() as conn:
        return people.person_of(conn, name)


def tables_that_name(database: sa.Engine, person: int | None) -> list[str]:
    with database.connect() as conn:
        return [
            table
            for table in conn.scalars(BY_PERSON)
            if conn.scalar(
                sa.text(f"SELECT EXISTS (SELECT FROM {table} WHERE person_id = :id)"), {"id": person}
            )
        ]


@contextmanager
def meanwhile(database: sa.Engine, now: datetime, *found: Fact) -> Iterator[None]:
    """`found` is stored by another worker, which has to wait for what the block holds."""
    other = threading.Thread(target=store, args=(database, now, *found))
    other.start()
    with database.connect() as conn:
        while other.is_alive() and not conn.scalar(WAITS):
            conn.rollback()
            time.sleep(0.01)
    yield
    other.join()


def test_a_deletion_waits_for_the_scoring_under_way_and_takes_what_it_wrote(
    database: sa.Engine, now: datetime
) -> None:
    store(database, now, ana(now))
    person = person_of(database)
    scoring = database.connect()
    assert hold_to_score(scoring, [person]) == [person]
    with meanwhile(database, now, forget_ana(now)):
        scoring.execute(NOTE, {"person": person, "at": now})
        scoring.commit()
        scoring.close()
    assert tables_that_name(database, person) == []


def test_a_deletion_waits_for_intents_that_are_being_written_down(database: sa.Engine, now: datetime) -> None:
    store(database, now, ana(now))
    person = person_of(database)
    writing = database.connect()
    assert persons_left(writing, [person]) == [person]
    with meanwhile(database, now, forget_ana(now)):
        writing.commit()
        writing.close()
    with database.connect() as conn:
        assert persons_left(conn, [person]) == []


def test_who_is_gone_or_merged_away_is_not_scored(database: sa.Engine, now: datetime) -> None:
    services = services_of(database, Moment(now))
    store(database, now, ana(now), Profile("hubspot", (contact(8), email("luis")), {}, now))
    erased, merged = person_of(database), person_of(database, "8")
    store(database, now, Profile("hubspot", (contact(9),), {}, now))
    store(database, now, ContactHint("hubspot", "8", "merged", now, into="9"), forget_ana(now))
    with database.begin() as conn:
        assert hold_to_score(conn, [erased, merged, person_of(database, "9")]) == [person_of(database, "9")]
    rescore_touched(services, now)
    rescore_after(services, 0, now)
    assert tables_that_name(database, erased) == []


def test_a_page_read_before_the_deletion_does_not_bring_the_contact_back(
    database: sa.Engine, now: datetime
) -> None:
    store(database, now, ana(now))
    store(database, now, forget_ana(now))
    store(database, now, ana(now), visit(now), Profile("hubspot", (contact(8),), {"city": "Quito"}, now))
    assert person_of(database) is None
    assert person_of(database, "ana@example.com") is None
    assert person_of(database, "8") is not None


def test_somebody_forgotten_who_comes_again_as_a_new_contact_is_known_again(
    database: sa.Engine, now: datetime
) -> None:
    store(database, now, ana(now))
    store(database, now, forget_ana(now))
    store(database, now, ana(now, number=70))
    assert person_of(database, "70") == person_of(database, "ana@example.com") is not None
