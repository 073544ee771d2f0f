"""GA4 as a pull source, before a property made of the invented company's visitors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.domain.errors import TryLater
from app.domain.records import Page
from connectors.ga4.client import Ga4Client
from connectors.ga4.pull import DAYS as DAYS_STREAM
from connectors.ga4.pull import EVENTS, KEY_EVENTS, Ga4Source
from connectors.ga4.report import Question, Report
from tests.connectors.ga4.account import (
    DAYS,
    NOW,
    Clock,
    Shelf,
    client,
    hit,
    prop_of,
    rows_of,
    served,
    source,
    visits,
)
from tests.connectors.stand_in import Reply, StandIn
from tests.contracts.pull_source import PullSourceContract
from tests.sandbox.ga4 import Ga4Property
from tests.sandbox.visit_world import ACT_OF, Act, Truth, VisitWorld

VISITS = visits()
ACT_STREAMS: dict[str, Act] = {
    "session_start": "visits",
    "lead_identified": "visits",
    "file_download": "downloads",
    "share": "shares",
    KEY_EVENTS: "key_events",
}


def same_page_for_ever(path: str) -> Reply:
    dimensions = (
        "dateHourMinute",
        "customUser:hubspot_id",
        "eventName",
        "pagePath",
        "fileName",
        "deviceCategory",
    )
    row = {
        "dimensionValues": [{"value": "202611211005"}] * len(dimensions),
        "metricValues": [{"value": "1"}],
    }
    return Reply(
        200,
        {
            "dimensionHeaders": [{"name": name} for name in dimensions],
            "metricHeaders": [{"name": "eventCount", "type": "TYPE_INTEGER"}],
            "rows": [row],
            "rowCount": 5,
            "metadata": {"timeZone": "Europe/Madrid"},
        },
    )


class TestGa4Source(PullSourceContract):
    now = NOW
    paged_streams = (*EVENTS, KEY_EVENTS)

    @pytest.fixture
    def source(self) -> Iterator[Ga4Source]:
        with source(Ga4Property(VISITS, clock=Clock())) as made:
            yield made

    @pytest.fixture
    def looping(self) -> Iterator[Callable[[str], Ga4Source]]:
        with ExitStack() as stack:

            def make(stream: str) -> Ga4Source:
                vendor = stack.enter_context(StandIn(lambda asked: same_page_for_ever(asked.path)))
                return Ga4Source(stack.enter_context(client(vendor.url)))

            yield make


def counted(shelf: Shelf, world: VisitWorld) -> Truth:
    """What is held, as the world tells its truth."""
    lead_of = {user_id: key for key, user_id in world.ids.items()}
    found: dict[tuple[str, Any], Counter[Act]] = {}
    for stream, act in ACT_STREAMS.items():
        for row in shelf.rows(stream):
            day = datetime.fromisoformat(row["day"]).date()
            found.setdefault((lead_of[row["hubspot_id"]], day), Counter())[act] += 1
    return found


def test_once_every_day_is_final_each_visit_download_share_and_key_event_is_held_exactly_once():
    clock = Clock(NOW - timedelta(days=2))
    shelf = Shelf()
    with source(Ga4Property(VISITS, clock=clock)) as made:
        for _ in range(16):
            shelf.pull(made, clock.now)
            clock.now += timedelta(hours=7)
    truth = VISITS.truth("Europe/Madrid")
    assert sum(sum(acts.values()) for acts in truth.values()) > 100
    oldest = (NOW - timedelta(days=DAYS)).date()  # where the source began to look
    assert counted(shelf, VISITS) == {key: acts for key, acts in truth.items() if key[1] >= oldest}


def test_a_tag_that_fired_twice_counts_once_and_says_so():
    assert any(hit.doubled for hit in VISITS.hits)
    shelf = Shelf()
    with source(Ga4Property(VISITS, clock=Clock(NOW + timedelta(days=4)))) as made:
        shelf.pull(made, NOW + timedelta(days=4))
    assert {row["event_count"] for row in shelf.rows(*EVENTS)} == {"1", "2"}


@pytest.mark.parametrize(
    "user_id", ["007", "1e5", "1026454.4271112504", "90071992547409931", "0x1F", "1_000", "١٢٣", "NaN"]
)
def test_an_id_stays_the_text_it_was(user_id: str):
    assert [row["hubspot_id"] for row in rows_of(prop_of(hit(user_id=user_id)))] == [user_id]


def test_ids_of_the_public_sample_stay_text(ga4_sample_ids: list[str]):
    rows = rows_of(prop_of(*(hit(user_id=user_id) for user_id in ga4_sample_ids)))
    assert sorted(row["hubspot_id"] for row in rows) == sorted(set(ga4_sample_ids))


def test_events_whose_names_differ_in_letter_case_are_different_events():
    assert rows_of(prop_of(hit(name="File_Download"))) == []


def test_unknown_visitors_and_the_other_row_are_left_out():
    prop = prop_of(hit(user_id=""), hit(user_id="(other)"), hit(user_id="12345"))
    assert [row["hubspot_id"] for row in rows_of(prop)] == ["12345"]


def test_an_email_address_sent_as_id_never_comes_in():
    assert rows_of(prop_of(hit(user_id="ana@example.com"))) == []


def test_a_row_that_vanishes_from_a_later_reading_is_gone_from_what_is_held():
    clock = Clock()
    robot = hit(gone_from=NOW + timedelta(hours=10))
    shelf = Shelf()
    with source(prop_of(robot, clock=clock)) as made:
        shelf.pull(made, clock.now)
        assert len(shelf.rows("file_download")) == 1
        clock.now += timedelta(hours=12)
        shelf.pull(made, clock.now)
    assert shelf.rows("file_download") == []


def test_a_day_is_a_day_of_the_propertys_own_zone():
    late_evening = datetime.fromisoformat("2026-11-21T03:30:00+00:00")
    (row,) = rows_of(prop_of(hit(late_evening), time_zone="America/Mexico_City"))
    assert (row["day"], row["at"], row["time_zone"]) == (
        "2026-11-20",
        "2026-11-20T21:30",
        "America/Mexico_City",
    )


def test_only_days_that_still_grow_are_read_again_and_not_within_the_hour():
    clock = Clock()
    prop = prop_of(hit(), clock=clock)
    shelf = Shelf()
    read = []
    with source(prop) as made:
        for wait in (timedelta(), timedelta(minutes=59), timedelta(minutes=1), timedelta(days=1)):
            clock.now += wait
            read.append(shelf.keep("share", made.readings("share", shelf.cursors.get("share"), clock.now)))
    assert read == [DAYS + 1, 0, 3, 4]  # all; none; today and the two days before; those and a new one
    assert shelf.cursors["share"]["final"] == "2026-11-20"


def test_days_missed_while_nobody_asked_are_read_afterwards():
    clock = Clock()
    shelf = Shelf()
    with source(prop_of(hit(), clock=clock)) as made:
        shelf.pull(made, clock.now)
        clock.now += timedelta(days=10)
        shelf.pull(made, clock.now)
    assert {row["day"] for row in shelf.rows(DAYS_STREAM)} >= {f"2026-11-{day}" for day in range(17, 31)}


def test_a_report_of_several_pages_is_read_whole():
    many = prop_of(*(hit(user_id=str(number)) for number in range(40)))
    assert len(rows_of(many, page_rows=7)) == 40


class Growing:
    """A client before a property whose time runs: ten minutes pass with every report."""

    def __init__(self, inner: Ga4Client, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock

    def report(self, question: Question, now: datetime) -> Report:
        answer = self._inner.report(question, now)
        self._clock.now += timedelta(minutes=10)
        return answer


def growing_day(*shown_after: int) -> Iterator[Page]:
    """Today, read in pages of two, of a property that shows further rows after so many minutes."""
    clock = Clock()
    hits = [
        hit(NOW, user_id=f"{after:04}", shown_from=NOW + timedelta(minutes=after)) for after in shown_after
    ]
    with served(prop_of(*hits, clock=clock)) as endpoint, client(endpoint) as inner:
        made = Ga4Source(Growing(inner, clock), history=timedelta(), page_rows=2)
        yield from made.pull("file_download", None, NOW)


def test_a_day_that_changes_between_its_pages_is_read_again_from_its_beginning():
    (page,) = growing_day(0, 1, 2, 15)
    assert len(page.records) == 4


def test_a_day_that_never_stands_still_is_left_for_later():
    with pytest.raises(TryLater):
        list(growing_day(0, 1, 2, *range(5, 500, 5)))


def test_the_flags_of_a_day_stand_on_its_rows_and_on_the_day():
    prop = prop_of(hit(), hit(user_id="rare"), sampling=(1, 4))
    (row, _) = rows_of(prop)
    assert row["flags"] == "sampled"
    day = next(one for one in rows_of(prop, DAYS_STREAM) if one["day"] == "2026-11-21")
    assert (day["rows"], day["flags"], day["sampled"], day["is_final"]) == (2, "sampled", 0.25, False)


def test_withheld_rows_are_flagged_even_where_none_is_left():
    day = next(
        one for one in rows_of(prop_of(hit(), withhold_below=5), DAYS_STREAM) if one["day"] == "2026-11-21"
    )
    assert (day["rows"], day["flags"]) == (0, "thresholded")


def test_where_rows_by_the_minute_would_be_lost_they_are_read_by_the_hour():
    begins = NOW - timedelta(days=1)
    crowd = [hit(begins + timedelta(minutes=minute)) for minute in range(30)]
    rows = rows_of(prop_of(*crowd, most_rows=20))
    assert [(row["at"], row["grain"], row["event_count"], row["flags"]) for row in rows] == [
        ("2026-11-21T10:00", "hour", "30", "")
    ]


def test_rows_lost_by_the_hour_too_are_flagged():
    crowd = [hit(user_id=str(number)) for number in range(30)]
    rows = rows_of(prop_of(*crowd, most_rows=20))
    assert len(rows) == 20
    assert {row["flags"] for row in rows} == {"other_row"}


def test_an_event_with_a_stream_of_its_own_is_no_key_event_as_well():
    prop = prop_of(hit(), hit(name="generate_lead"), key_events=("file_download", "generate_lead"))
    assert [row["event"] for row in rows_of(prop, KEY_EVENTS)] == ["generate_lead"]


def test_every_act_the_world_knows_has_a_stream():
    assert set(ACT_OF.values()) == set(ACT_STREAMS.values())
