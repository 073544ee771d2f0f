"""One lead that breaks scoring in a way nobody foresaw: the others get their score, it waits to be seen."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from app.domain.features import count_facts
from app.pipeline import apart, lead_reading
from app.pipeline.checkup import check_up
from app.pipeline.explain import read_line, tell
from app.pipeline.understand import rescore_after, rescore_due, rescore_touched
from app.services import Services
from app.store import people, scores, unscored
from tests.line import Moment
from tests.pipeline.past import act, keep, profile

BREAKS = "breaks"


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours: one job title breaks the making of features."""

    def breaks(activities, profiles, now):  # type: ignore[no-untyped-def]  # stands for any feature code
        if any(item.fields.get("job_title") == BREAKS for item in profiles):
            raise KeyError("María García")
        return count_facts(activities, profiles, now)

    monkeypatch.setattr(lead_reading, "count_facts", breaks)


def titled(services: Services, at: datetime, **titles: str) -> None:
    keep(services, *(profile(int(n[1:]), at, at, job_title=title) for n, title in titles.items()))


def scored(services: Services) -> set[int]:
    """The numbers of the leads that have a score."""
    with services.database.connect() as conn:
        ids = {n: people.person_of(conn, f"lead{n}@example.com") or 0 for n in range(1, 9)}
        found = scores.latest(conn, list(ids.values()))
    return {n for n, person_id in ids.items() if person_id in found}


@pytest.mark.usefixtures("faulty")
def test_the_others_are_scored_and_the_one_is_shown_in_check_and_explain(
    services: Services, clock: Moment
) -> None:
    titled(services, clock(), n1="CEO", n2="Analista", n3=BREAKS, n4="CEO", n5="CEO")
    done = rescore_touched(services, clock())
    assert (done.leads, done.changed, done.held) == (5, 4, 1)
    assert scored(services) == {1, 2, 4, 5}
    assert rescore_touched(services, clock()).leads == 0  # it does not come again and again
    with services.database.connect() as conn:
        assert unscored.count(conn) == [("KeyError", 1)]
    told = [problem.message for problem in check_up(services, clock(), ask_vendors=False).problems]
    [message] = [one for one in told if "KeyError" in one]
    assert "1 lead" in message
    assert "García" not in message
    line = read_line(services, "lead3@example.com")
    assert line is not None
    assert any("KeyError" in row for row in tell(line, services))


@pytest.mark.usefixtures("faulty")
def test_new_facts_or_a_rescoring_of_everybody_try_it_again(services: Services, clock: Moment) -> None:
    titled(services, clock(), n1="CEO", n2=BREAKS)
    rescore_touched(services, clock())
    assert rescore_after(services, 0, clock())[0].held == 1
    titled(services, clock.move(hours=1), n2="CEO")
    done = rescore_touched(services, clock())
    assert (done.changed, done.held) == (1, 0)
    assert scored(services) == {1, 2}
    with services.database.connect() as conn:
        assert unscored.count(conn) == []


@pytest.mark.usefixtures("faulty")
def test_one_that_broke_is_not_due_for_ever(services: Services, clock: Moment) -> None:
    titled(services, clock(), n1="CEO", n2="CEO")
    keep(services, act(1, 1, clock()), act(2, 1, clock()))
    rescore_touched(services, clock())
    titled(services, clock.move(hours=1), n2=BREAKS)
    assert rescore_touched(services, clock()).held == 1
    clock.move(days=60)
    assert rescore_due(services, clock()).leads == 1
    assert rescore_due(services, clock()).leads == 0


def test_a_fault_that_lets_nobody_through_is_no_leads_fault(
    services: Services, clock: Moment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise ZeroDivisionError

    keep(services, *(profile(n, clock(), clock() + timedelta(1)) for n in range(1, 9)))
    monkeypatch.setattr(lead_reading, "count_facts", breaks)
    monkeypatch.setattr(apart, "MOST_ALONE", 5)
    with pytest.raises(ZeroDivisionError):
        rescore_touched(services, clock())
    monkeypatch.undo()
    assert rescore_touched(services, clock()).changed == 8
