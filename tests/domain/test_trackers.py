"""What two trackers saw of one site counts once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.domain.trackers import without_second_trackers

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Seen:
    id: int
    source: str
    kind: str = "website_visit"
    occurred_at: datetime = NOON
    key: str = ""
    quantity: float = 1.0
    scope: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


def test_a_day_belongs_to_the_source_that_saw_most_of_it():
    seen = [
        Seen(1, "hubspot"),
        Seen(2, "ga4"),
        Seen(3, "ga4"),
        Seen(4, "hubspot", occurred_at=NOON + timedelta(days=1)),
    ]
    assert [each.id for each in without_second_trackers(seen)] == [2, 3, 4]


def test_kinds_that_no_two_sources_share_are_left_alone():
    seen = [
        Seen(1, "hubspot", "email_open"),
        Seen(2, "activecampaign", "email_open"),
        Seen(3, "ga4", "email_open"),
    ]
    assert without_second_trackers(seen) == seen


def test_one_source_alone_loses_nothing():
    seen = [Seen(number, "ga4", occurred_at=NOON + timedelta(hours=number)) for number in range(40)]
    assert without_second_trackers(seen) == seen


SEEN = st.builds(
    Seen,
    id=st.integers(),
    source=st.sampled_from(["ga4", "hubspot"]),
    kind=st.sampled_from(["website_visit", "conversion_event", "content_download"]),
    occurred_at=st.integers(0, 100).map(lambda hours: NOON + timedelta(hours=hours)),
)


@given(st.lists(SEEN, max_size=12), st.integers())
def test_the_order_of_what_was_seen_changes_nothing(seen: list[Seen], order: int):
    kept = without_second_trackers(seen)
    mixed = seen[:]
    Random(order).shuffle(mixed)
    assert sorted(map(repr, without_second_trackers(mixed))) == sorted(map(repr, kept))
    days = {(each.kind, each.occurred_at.date()) for each in kept if each.kind != "content_download"}
    assert len(
        {(*day, each.source) for day in days for each in kept if (each.kind, each.occurred_at.date()) == day}
    ) == len(days)
