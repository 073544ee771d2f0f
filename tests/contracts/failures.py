"""Every way a vendor fails, by class, and what must come of it: it mends itself, or says in one line what a
person must do; in the end nothing is lost and nothing stands twice.

Page tokens that repeat or expire, ties on the cursor's value, and a crash between a page and its cursor are
promises of every pull source (pull_source.py) and of the store (tests/pipeline/test_pull.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import pytest

from app.domain.errors import BadCredentials, SaviaError, TryLater
from app.domain.ports import PullSource
from tests.contracts.trouble import HTML, Spoilt, Trouble

Ends = Literal["mends itself", "later", "a person"]
"""Within the call; with the next run; once a person did what the message says."""

CLASSES = (
    "time-out", "reset", "answer lost", "401", "403 missing scope", "404", "409", "423", "429 burst",
    "429 daily", "429 search", "500 HTML", "503 HTML", "200 with an error inside", "truncated JSON",
    "wrong content type",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """One class of failure: what the vendor does once, and how it must end. `lasting` is how it must end when
    it goes on and on, where that differs; `strikes` the calls it can befall, where these are fewer.
    """

    spoilt: Spoilt
    ends: Ends
    lasting: Ends | None = None
    strikes: tuple[str, ...] = ()


def on_the_way(lasting: Ends = "later") -> dict[str, Case]:
    """What a network does to any vendor."""
    return {
        "time-out": Case(Spoilt("hang"), "mends itself", lasting),
        "reset": Case(Spoilt("reset"), "mends itself", lasting),
        "answer lost": Case(Spoilt("lose"), "mends itself", lasting),
        "500 HTML": Case(Spoilt(status=500, body=HTML), "mends itself", lasting),
        "503 HTML": Case(Spoilt(status=503, body=HTML), "mends itself", lasting),
        "truncated JSON": Case(Spoilt("cut"), "mends itself", lasting),
        "wrong content type": Case(Spoilt(status=200, body=HTML), "mends itself", lasting),
    }


def told_by(work: Callable[[], object]) -> SaviaError | None:
    """The error that stopped the work."""
    try:
        work()
    except SaviaError as failure:
        return failure
    return None


def assert_told(failure: SaviaError, ends: Ends) -> None:
    """The right kind of error, in one line that holds nothing of the answer and no personal data."""
    text = str(failure)
    assert "\n" not in text
    assert text.strip()
    assert "secret-in-a-body" not in text
    assert "@example." not in text
    if ends == "a person":
        assert isinstance(failure, BadCredentials), text
        assert any(sign in text for sign in (";", ":")), "says what to do"
    else:
        assert isinstance(failure, TryLater), text


class FailureContract:
    """`table` holds the classes that can befall a vendor, `not_here` why each of the others cannot.
    `strikes` are parts of the calls that are spoilt in turn.
    """

    table: Mapping[str, Case]
    not_here: Mapping[str, str]
    strikes: tuple[str, ...]

    def test_every_class_of_failure_is_tried_or_cannot_happen(self) -> None:
        assert sorted([*self.table, *self.not_here]) == sorted(CLASSES)

    @pytest.fixture
    def trouble(self) -> Trouble:
        """The way to the vendor's stand-in."""
        raise NotImplementedError


class PullFailureContract(FailureContract):
    """A source read through trouble, all streams each time. `later` is when a run finds the vendor well;
    records of the streams in `moving` are other ones by then.
    """

    now: datetime
    later: datetime
    moving: tuple[str, ...] = ()

    @pytest.fixture
    def source(self, trouble: Trouble) -> PullSource:
        """Before the stand-in behind `trouble`, with short time-outs."""
        raise NotImplementedError

    @pytest.fixture
    def whole(self, source: PullSource) -> set[str]:
        """All there is to read."""
        reading = Reading(source, self.moving)
        reading.pull(self.now)
        return reading.records

    def test_once(self, source: PullSource, trouble: Trouble, whole: set[str], failure: str) -> None:
        case = self.table[failure]
        for place, strike in enumerate(case.strikes or self.strikes):
            trouble.way.strike(case.spoilt, at=1 + place % 2, matching=strike)
            self.run(source, trouble, whole, case.ends, strike)

    def test_on_and_on(self, source: PullSource, trouble: Trouble, whole: set[str], failure: str) -> None:
        case = self.table[failure]
        for strike in (case.strikes or self.strikes)[:3]:
            trouble.way.strike(case.spoilt, times=10_000, matching=strike)
            self.run(source, trouble, whole, case.lasting or case.ends, strike)

    def run(self, source: PullSource, trouble: Trouble, whole: set[str], ends: Ends, strike: str) -> None:
        reading = Reading(source, self.moving)
        failure = told_by(lambda: reading.pull(self.now))
        if failure is None:
            assert not trouble.way.struck or ends == "mends itself", f"{strike}: nobody is told"
        else:
            assert ends != "mends itself", f"{strike}: {failure}"
            assert_told(failure, ends)
        trouble.way.heal()
        reading.pull(self.later)
        assert whole <= reading.records, f"{strike}: lost"


class Reading:
    """What a store would hold of a source: its records and, per stream, the cursor it goes on from."""

    def __init__(self, source: PullSource, moving: tuple[str, ...] = ()) -> None:
        self.records: set[str] = set()
        self._moving = moving
        self._source = source
        self._cursors: dict[str, Any] = {}

    def pull(self, now: datetime) -> None:
        """Every stream from where it stands. What was read before a failure stays."""
        for stream in self._source.streams:
            for page in self._source.pull(stream, self._cursors.get(stream), now):
                kept = [record for record in page.records if record.stream not in self._moving]
                self.records |= {json.dumps(record.payload, sort_keys=True) for record in kept}
                self._cursors[stream] = json.loads(json.dumps(page.cursor))
