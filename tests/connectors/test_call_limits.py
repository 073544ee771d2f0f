"""A window of calls beside a vendor's own, which counts them as they come in."""

from __future__ import annotations

import heapq
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.call_limits import RateLimit
from tests.connectors.stand_in import StoryTime

WINDOW, LONGEST_WAY = 10.0, 0.3

ways = st.tuples(st.floats(0, LONGEST_WAY), st.floats(0, 3))
"""How long a call is on its way, and how long it is then worked on."""


@given(st.integers(1, 6), st.integers(1, 20), st.lists(st.integers(0, 8), max_size=60))
def test_no_window_ever_holds_more_calls_than_allowed(calls, seconds, pauses):
    time = StoryTime()
    limit = RateLimit(calls, seconds, clock=time.clock, sleep=time.sleep)
    moments = []
    for pause in pauses:
        time.now += pause
        limit.wait()
        moments.append(time.now)
    for first, moment in zip(moments, moments[calls:], strict=False):
        assert moment - first >= seconds


def test_calls_within_the_limit_do_not_wait():
    time = StoryTime()
    limit = RateLimit(3, 10, clock=time.clock, sleep=time.sleep)
    for _ in range(3):
        limit.wait()
    assert time.now == 0


@settings(max_examples=60)
@given(st.integers(1, 6), st.lists(ways, max_size=40))
def test_a_vendor_never_counts_too_many_however_long_calls_are_on_their_way(calls, journeys):
    time, arrivals = StoryTime(), []
    limit = RateLimit(calls, WINDOW, longest_way=LONGEST_WAY, clock=time.clock, sleep=time.sleep)
    with ExitStack() as stack:
        threads = [stack.enter_context(ThreadPoolExecutor(1)) for _ in range(4)]
        free, under_way = list(threads), []
        for number, (way, work) in enumerate(journeys):
            if not free:
                answered_at, _, thread = heapq.heappop(under_way)
                time.now = max(time.now, answered_at)
                thread.submit(limit.answered).result()
                free.append(thread)
            thread = free.pop()
            thread.submit(limit.wait).result()
            arrivals.append(time.now + way)
            heapq.heappush(under_way, (time.now + way + work, number, thread))
    arrivals.sort()
    for first, later in zip(arrivals, arrivals[calls:], strict=False):
        assert later - first >= WINDOW - 1e-9


def test_a_call_that_takes_long_keeps_its_place_no_longer_than_it_can_be_on_its_way():
    time = StoryTime()
    limit = RateLimit(1, WINDOW, longest_way=LONGEST_WAY, clock=time.clock, sleep=time.sleep)
    limit.wait()
    time.now = 5.0
    limit.answered()
    limit.wait()
    assert time.now == WINDOW + LONGEST_WAY


def test_an_answer_to_no_call_changes_nothing():
    time = StoryTime()
    limit = RateLimit(1, WINDOW, longest_way=LONGEST_WAY, clock=time.clock, sleep=time.sleep)
    limit.answered()
    limit.wait()
    assert time.now == 0.0
