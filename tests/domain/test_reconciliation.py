"""Zoom's count = contacts + unmatched + missing, occurrence by occurrence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.reconciliation import WORDS, HeldAttendee, Reconciled, ReportCount, Why, reconcile
from app.domain.records import Occurrence

START = datetime(2026, 11, 3, 17, 0, tzinfo=UTC)


def run(uuid: str, minutes: float = 0) -> Occurrence:
    return Occurrence("zoom", uuid, "777", "IA 10x", START + timedelta(minutes=minutes))


RUNS = {"a": run("a"), "b": run("b", 43), "c": run("c", 7 * 24 * 60)}


def known(number: int, uuid: str = "a", person: int | None = None) -> HeldAttendee:
    return HeldAttendee(uuid, f"reg{number}", person or number)


def guest(name: str, uuid: str = "a", why: Why = "anonymous") -> HeldAttendee:
    return HeldAttendee(uuid, name, None, why)


def one(counts: list[ReportCount], held: list[HeldAttendee]) -> Reconciled:
    [found] = reconcile(RUNS, counts, held)
    return found


def test_everybody_is_a_contact_or_on_the_review_list() -> None:
    held = [
        *(known(number) for number in range(212)),
        guest("iPhone de Leo"),
        guest("ventas", why="role_mailbox"),
    ]
    found = one([ReportCount("a", 214, is_final=True)], held)
    assert str(found) == "Zoom 214 = HubSpot 212 + 2 unmatched"
    assert [who.why for who in found.unmatched] == ["anonymous", "role_mailbox"]
    assert found.is_final


def test_who_is_counted_and_not_held_is_missing() -> None:
    found = one([ReportCount("a", 3, is_final=True)], [known(1), guest("x")])
    assert str(found) == "Zoom 3 = HubSpot 1 + 1 unmatched + 1 missing"


def test_who_is_held_and_not_counted_is_surplus() -> None:
    found = one([ReportCount("a", 1, is_final=True)], [known(1), guest("x")])
    assert (found.zoom, found.surplus) == (1, 1)
    assert str(found) == "Zoom 1 = HubSpot 1 + 1 unmatched - 1 surplus"


def test_who_is_missing_of_one_run_does_not_hide_who_is_surplus_of_the_other() -> None:
    counts = [ReportCount("a", 2, is_final=True), ReportCount("b", 0, is_final=True)]
    found = one(counts, [known(1), known(2, "b")])
    assert str(found) == "Zoom 2 = HubSpot 2 + 1 missing - 1 surplus"


def test_who_was_there_before_and_after_the_host_dropped_out_is_one() -> None:
    counts = [ReportCount("a", 2, is_final=True), ReportCount("b", 2, is_final=False)]
    found = one(counts, [known(1), known(2), known(1, "b"), known(3, "b")])
    assert (found.run.uuid, str(found)) == ("a", "Zoom 3 = HubSpot 3")
    assert not found.is_final


def test_one_lead_under_two_names_is_two_for_zoom_and_one_contact() -> None:
    found = one([ReportCount("a", 2, is_final=True)], [known(1, person=9), known(2, person=9)])
    assert (found.zoom, found.matched, found.leads) == (2, 2, 1)


def test_each_occurrence_of_a_series_has_its_own_sum() -> None:
    counts = [ReportCount("c", 1, is_final=True), ReportCount("a", 1, is_final=True)]
    assert [item.run.uuid for item in reconcile(RUNS, counts, [known(1), known(1, "c")])] == ["a", "c"]


@given(st.integers(-9, 5), st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["", *WORDS]))))
def test_the_sum_always_holds(more: int, people: list[tuple[int, Why]]) -> None:
    held = [HeldAttendee("a", f"reg{number}", number, why) for number, why in people]
    names = {who.attendee for who in held}
    counted = max(0, len(names) + more)
    found = one([ReportCount("a", counted, is_final=True)], held)
    assert found.zoom == counted == found.matched + len(found.unmatched) + found.missing - found.surplus
