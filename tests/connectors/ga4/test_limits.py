"""GA4 as a good neighbour: the tokens left to others, and what `check` finds before anything is read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.domain.errors import BadCredentials, TryLater
from connectors.ga4.pull import Ga4Source
from connectors.ga4.report import Tokens
from tests.connectors.ga4.account import NOW, Clock, Shelf, client, hit, prop_of, served, source
from tests.sandbox.ga4 import Quota


def test_reading_stops_while_only_the_tokens_kept_for_others_are_left_and_goes_on_after():
    clock = Clock()
    prop = prop_of(hit(), clock=clock, quota=Quota(tokens_per_hour=250), tokens_per_report=10)
    shelf = Shelf()
    with source(prop, kept_free=Tokens(day=0, hour=50, project_hour=0)) as made:
        with pytest.raises(TryLater) as refused:
            shelf.pull(made, clock.now)
        assert refused.value.after == timedelta(hours=1)
        asked = prop.requests["runReport"]
        with pytest.raises(TryLater):
            shelf.pull(made, clock.now + timedelta(minutes=30))
        assert prop.requests["runReport"] == asked, "nobody asks while it is known that nothing is left"
        for _ in range(30):
            clock.now += timedelta(hours=1)
            try:
                shelf.pull(made, clock.now)
            except TryLater:
                continue
    assert prop.quota.refused == 0
    assert len(shelf.rows("file_download")) == 1


def test_a_spent_day_is_taken_up_again_at_midnight_us_pacific():
    with (
        source(prop_of(hit(), quota=Quota(tokens_per_day=100)), kept_free=Tokens(99, 0, 0)) as made,
        pytest.raises(TryLater) as refused,
    ):
        list(made.pull("share", None, NOW))
    assert refused.value.after == timedelta(hours=23)  # 9:00 UTC is 1:00 there


def test_check_names_the_dimension_that_is_not_registered():
    with source(prop_of(dimension="customUser:crm_id")) as made:
        (problem,) = made.check()
    assert problem.severity == "error"
    assert "customUser:hubspot_id" in problem.message


def test_a_dimension_that_is_not_registered_stops_the_source():
    with (
        source(prop_of(dimension="customUser:crm_id")) as made,
        pytest.raises(BadCredentials, match="README"),
    ):
        list(made.pull("share", None, NOW))


def test_check_says_when_the_property_is_closed_to_us():
    with served(prop_of()) as endpoint, client(endpoint, "987") as made:
        (problem,) = Ga4Source(made).check()
    assert problem.severity == "error"
    assert "Viewer" in problem.message


def test_check_of_a_vendor_that_is_away_is_a_warning():
    prop = prop_of()
    prop.faults.next("502", times=9)
    with source(prop) as made:
        (problem,) = made.check()
    assert problem.severity == "warning"
