"""observations -> activities: one truth whatever the order, the repeats and the source that saw it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.attendance import derive_activities
from app.domain.occurrences import Runs, runs_of
from app.domain.records import Activity, Occurrence

START = datetime(2026, 11, 3, 17, 0, tzinfo=UTC)
NOW = START + timedelta(days=1)
RUN = "run=="


@dataclass(frozen=True)
class Seen:
    id: int
    kind: str
    key: str
    occurred_at: datetime
    quantity: float = 1.0
    scope: str = RUN
    attributes: Mapping[str, str | float | bool | None] = field(default_factory=dict)
    source: str = "zoom"


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def join(row: int, minutes: float, session: str = "laptop") -> Seen:
    return Seen(row, "webinar_join", f"join|{row}", at(minutes), attributes={"session": session})


def leave(row: int, minutes: float, session: str = "laptop") -> Seen:
    return Seen(row, "webinar_leave", f"leave|{row}", at(minutes), attributes={"session": session})


def segment(row: int, begins: float, ends: float, role: str = "attendee") -> Seen:
    seconds = (ends - begins) * 60
    return Seen(row, "webinar_segment", f"segment|{row}", at(begins), seconds, attributes={"role": role})


def registration(row: int, minutes: float) -> Seen:
    return Seen(row, "registration", f"registration|{row}", at(minutes), scope="777")


def cancellation(row: int, minutes: float) -> Seen:
    return Seen(row, "registration_cancelled", f"cancellation|{row}", at(minutes), scope="777")


NO_RUNS = runs_of({})


def run(ends: float | None = None, created: float | None = None) -> Runs:
    ends_at = None if ends is None else at(ends)
    created_at = None if created is None else at(created)
    return runs_of({RUN: Occurrence("zoom", RUN, "777", "IA 10x", START, ends_at, created_at)})


def only(seen: list[Seen], runs: Runs = NO_RUNS, now: datetime = NOW) -> Activity:
    [activity] = derive_activities(seen, runs, now)
    return activity


def test_a_join_and_its_leave_are_one_attendance_in_minutes() -> None:
    attendance = only([join(1, 0), leave(2, 61)], run())
    assert attendance.kind == "webinar_attendance"
    assert attendance.fact_key == RUN
    assert attendance.occurred_at == START
    assert attendance.quantity == 61
    assert attendance.observation_ids == (1, 2)
    assert attendance.attributes == {"webinar_id": "777", "topic": "IA 10x"}


def test_time_on_two_devices_at_once_counts_once() -> None:
    seen = [join(1, 0), leave(2, 40), join(3, 30, "phone"), leave(4, 50, "phone")]
    assert only(seen).quantity == 50


def test_reconnecting_adds_up_without_the_gap() -> None:
    assert only([join(1, 0), leave(2, 10), join(3, 20), leave(4, 40)]).quantity == 30


def test_leaving_and_joining_within_one_second_keeps_both_stays() -> None:
    assert only([join(1, 0), leave(2, 10), join(3, 10), leave(4, 40)]).quantity == 40


def test_seconds_count_as_parts_of_a_minute() -> None:
    assert only([segment(1, 0, 10.5)]).quantity == 10.5


def test_the_report_outranks_the_webhooks_of_its_run_entirely() -> None:
    seen = [join(1, 0), leave(2, 90), segment(3, 5, 20), segment(4, 30, 45)]
    attendance = only(seen)
    assert attendance.quantity == 30
    assert attendance.occurred_at == at(5)
    assert attendance.observation_ids == (3, 4)


def test_a_join_without_leave_is_open_until_the_end_of_the_run() -> None:
    assert only([join(1, 10)], run(ends=70)).quantity == 60


def test_a_join_without_leave_is_open_until_the_last_thing_seen() -> None:
    chat = Seen(2, "chat_message", "chat|1", at(25))
    attendance, message = derive_activities([join(1, 10), chat], run(), NOW)
    assert attendance.quantity == 15
    assert message.kind == "chat_participation"


def test_an_open_stay_never_reaches_into_the_future() -> None:
    assert only([join(1, 10)], run(ends=70), now=at(30)).quantity == 20


def test_a_leave_alone_is_an_attendance_of_unknown_length_counted_as_none() -> None:
    assert only([leave(1, 30)]).quantity == 0


def test_each_run_of_a_series_is_its_own_attendance() -> None:
    other = replace(segment(2, 0, 30), scope="other==")
    assert {item.fact_key for item in derive_activities([segment(1, 0, 30), other], NO_RUNS, NOW)} == {
        RUN,
        "other==",
    }


def test_nothing_a_panelist_does_in_the_run_counts() -> None:
    question = Seen(3, "qa_question", "question|1", at(20))
    seen = [join(1, 0), leave(2, 60), question, segment(4, 0, 60, role="panelist")]
    assert derive_activities(seen, run(), NOW) == []


def test_a_registration_counts_once_per_webinar_with_its_first_time() -> None:
    approved = replace(registration(2, 3), key="approval|2", attributes={"topic": "IA 10x"})
    registered = only([approved, registration(1, 0)], run(created=-60))
    assert (registered.kind, registered.fact_key) == ("webinar_registration", "777")
    assert registered.occurred_at == START
    assert registered.observation_ids == (1, 2)
    assert registered.attributes == {"topic": "IA 10x", "webinar_created_at": at(-60).isoformat()}


def test_a_cancelled_registration_is_none() -> None:
    assert derive_activities([cancellation(2, 5), registration(1, 0)], NO_RUNS, NOW) == []


def test_registering_again_after_cancelling_counts() -> None:
    seen = [registration(1, 0), cancellation(2, 5), registration(3, 9)]
    assert only(seen).occurred_at == at(9)


def test_each_answer_question_and_message_is_an_activity() -> None:
    kinds = ("poll_answer", "poll_answer", "qa_question", "chat_message", "email_click")
    seen = [Seen(row, kind, f"{kind}|{row}", at(row)) for row, kind in enumerate(kinds)]
    assert [(item.kind, item.fact_key) for item in derive_activities(seen, NO_RUNS, NOW)] == [
        ("poll_participation", "poll_answer|0"),
        ("poll_participation", "poll_answer|1"),
        ("qa_participation", "qa_question|2"),
        ("chat_participation", "chat_message|3"),
        ("email_click", "email_click|4"),
    ]


minutes = st.integers(0, 180)
rows = st.integers(1, 10**6)
things = st.one_of(
    st.builds(join, rows, minutes, st.sampled_from(["laptop", "phone"])),
    st.builds(leave, rows, minutes, st.sampled_from(["laptop", "phone"])),
    st.builds(lambda row, begins, length: segment(row, begins, begins + length), rows, minutes, minutes),
    st.builds(registration, rows, minutes),
    st.builds(cancellation, rows, minutes),
    st.builds(lambda row, when: Seen(row, "poll_answer", f"poll|{row}", at(when)), rows, minutes),
)
histories = st.lists(things, max_size=12, unique_by=lambda seen: seen.id)


@given(histories, st.data())
def test_order_and_repeats_never_change_the_activities(history: list[Seen], choices: st.DataObject) -> None:
    repeats = choices.draw(st.lists(st.sampled_from(history), max_size=5)) if history else []
    shuffled = choices.draw(st.permutations(history + repeats))
    runs = run(ends=120, created=-60)
    assert derive_activities(shuffled, runs, NOW) == derive_activities(history, runs, NOW)


@given(histories, minutes)
def test_attendance_is_never_negative_nor_longer_than_what_has_passed(history: list[Seen], now: int) -> None:
    for activity in derive_activities(history, run(ends=120), at(now)):
        if activity.kind == "webinar_attendance":
            assert 0 <= activity.quantity <= now + 1


@given(st.lists(st.tuples(minutes, minutes), min_size=1, max_size=8))
def test_minutes_are_those_covered_by_any_stay(stays: list[tuple[int, int]]) -> None:
    report = [segment(row, begins, begins + length) for row, (begins, length) in enumerate(stays)]
    covered = {minute for begins, length in stays for minute in range(begins, begins + length)}
    assert only(report).quantity == len(covered)


# --- a host who drops out: two runs, one occurrence --------------------------------------------------------

AGAIN = "again=="


def dropped(ends: float | None = 75) -> Runs:
    ends_at = None if ends is None else at(ends)
    again = Occurrence("zoom", AGAIN, "777", "IA 10x", at(43), ends_at)
    return runs_of({**run(ends=40).by_uuid, AGAIN: again})


def test_a_host_who_drops_out_leaves_one_attendance_with_the_minutes_of_both_runs() -> None:
    seen = [segment(1, 5, 40), replace(segment(2, 43, 73), scope=AGAIN)]
    attendance = only(seen, dropped())
    assert (attendance.fact_key, attendance.quantity) == (RUN, 65)
    assert attendance.observation_ids == (1, 2)


def test_of_one_run_the_report_counts_and_of_the_other_its_webhooks_until_theirs_is_there() -> None:
    webhooks = [
        join(1, 0),
        leave(2, 40),
        replace(join(3, 43), scope=AGAIN),
        replace(leave(4, 53), scope=AGAIN),
    ]
    assert only([*webhooks, segment(5, 10, 40)], dropped()).quantity == 40
    assert only([*webhooks, replace(segment(5, 43, 73), scope=AGAIN)], dropped()).quantity == 70


def test_who_came_after_the_break_alone_attended_the_same_occurrence() -> None:
    attendance = only([replace(segment(1, 43, 73), scope=AGAIN)], dropped())
    assert (attendance.fact_key, attendance.quantity) == (RUN, 30)


def test_staff_of_one_run_are_staff_of_the_occurrence() -> None:
    seen = [segment(1, 0, 40, "panelist"), replace(segment(2, 43, 73), scope=AGAIN)]
    assert derive_activities(seen, dropped(), NOW) == []


def test_the_share_watched_is_of_the_whole_occurrence_and_unknown_while_its_end_is() -> None:
    seen = [segment(1, 0, 30), replace(segment(2, 60, 75), scope=AGAIN)]
    assert only(seen, dropped()).attributes["share"] == 0.6
    assert only([segment(1, 0, 30)], run(ends=60)).attributes["share"] == 0.5
    assert "share" not in only([segment(1, 0, 30)], run()).attributes
