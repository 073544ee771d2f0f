"""Zoom as a pull source, before an account made of the fixtures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.domain.errors import BadCredentials, PartlyRead, TryLater
from app.domain.records import Page
from connectors.zoom import reports
from connectors.zoom.pull import ZoomSource
from connectors.zoom.scopes import SCOPES
from tests.connectors.stand_in import Asked, Reply
from tests.connectors.zoom.account import HELD, NOT_READY, NOW, OF_STREAM, Account, meant, source, zoom
from tests.contracts.pull_source import PullSourceContract


class TestZoomSource(PullSourceContract):
    now = NOW
    paged_streams = ("registrants", "participants")

    @pytest.fixture
    def source(self) -> Iterator[ZoomSource]:
        with source(Account()) as made:
            yield made

    @pytest.fixture
    def looping(self) -> Iterator[Callable[[str], ZoomSource]]:
        def same_token(stream: str) -> Account:
            def instead(endpoint: str, name: str, asked: Asked) -> Reply | None:
                label = "webinars" if stream == "webinars" else stream
                return (
                    Reply(200, {label: [], "next_page_token": "x"}) if endpoint == OF_STREAM[stream] else None
                )

            return Account(instead)

        with ExitStack() as stack:
            yield lambda stream: stack.enter_context(source(same_token(stream)))

    def test_a_listing_of_webinars_that_repeats_its_token_raises_try_later(self, looping):
        with pytest.raises(TryLater):
            self.pull(looping("webinars"), "webinars")


def payloads(
    account: Account, stream: str, after: Any = None, now: datetime = NOW
) -> tuple[list[dict[str, Any]], Any]:
    with source(account) as made:
        pages = list(made.pull(stream, after, now))
    records = [record for page in pages for record in page.records if record.stream == stream]
    return [dict(record.payload) for record in records], pages[-1].cursor


def only(endpoint: str, name: str, reply: Reply) -> Account:
    """The account, with one answer replaced."""
    return Account(lambda at, of, asked: reply if (at, of) == (endpoint, name) else None)


def test_every_run_is_known_once_held_ones_by_the_uuid_of_their_instance():
    rows, _ = payloads(Account(), "webinars")
    assert [(row["topic"], row["uuid"], bool(row["instance"])) for row in rows] == [
        ("Café con datos", "aB3dE/fGSxOcWk1mZr8t2w==", True),
        ("Café con datos", "Kd93+hTlQ1mzVbX6uYc7Ng==", True),
        ("IA para pymes", HELD, True),
        ("Automatizar sin programar", "p2BBBiAAAAAiAiAiiAii0w==", False),
    ]
    assert rows[2]["start_time"] == "2026-11-19T15:58:12.0000000+00:00"
    assert rows[2]["created_at"]


def test_only_runs_to_come_are_told_again_when_the_rest_is_complete():
    _, cursor = payloads(Account(), "webinars")
    rows, _ = payloads(Account(), "webinars", cursor)
    assert [row["topic"] for row in rows] == ["Automatizar sin programar"]


def test_a_registrant_is_for_the_first_run_that_was_not_over_when_they_registered():
    rows, _ = payloads(Account(), "registrants")
    run_of = {row["email"]: (row["webinar_uuid"], row["topic"], row["webinar_id"]) for row in rows}
    assert run_of["ana.ruiz@example.com"] == (HELD, "IA para pymes", "81000000001")
    assert run_of["noa.vidal@example.com"][0] == HELD  # registered while it ran
    assert run_of["ivo@example.com"][0] == "p2BBBiAAAAAiAiAiiAii0w=="
    assert run_of["eva.prado@example.com"][0] == "Kd93+hTlQ1mzVbX6uYc7Ng=="  # after the first of two runs
    assert len(rows) == 5


def test_a_registrant_whose_run_cannot_be_told_names_none():
    account = Account()
    for page in account.answers["webinars_registrants"]["81000000003"]:
        page["registrants"][0]["create_time"] = "2026-11-20T00:00:00Z"  # after the last run
    rows, _ = payloads(account, "registrants")
    assert next(row for row in rows if row["last_name"] == "Prado")["webinar_uuid"] == ""


def test_registrants_of_a_webinar_to_come_are_always_read_again():
    _, cursor = payloads(Account(), "registrants")
    rows, _ = payloads(Account(), "registrants", cursor)
    assert [row["email"] for row in rows] == ["ivo@example.com"]


def test_a_webinar_without_registration_stops_no_other():
    refused = Reply(400, {"code": 300, "message": "Registration has not been enabled for this webinar."})
    rows, cursor = payloads(only("webinars_registrants", "81000000001", refused), "registrants")
    assert len(rows) == 2
    assert "81000000001" not in cursor["read"]


def test_participants_come_per_connection_with_their_run_and_role():
    rows, _ = payloads(Account(), "participants")
    held = [row for row in rows if row["webinar_uuid"] == HELD]
    assert [(row["name"], row["role"]) for row in held] == [
        ("Marta Gil", "host"),
        ("Pau Ferrer", "panelist"),
        ("Ana Ruiz", "attendee"),
        ("Ana Ruiz", "attendee"),
        ("iPhone de Leo", "attendee"),
    ]
    assert {row["webinar_id"] for row in held} == {"81000000001"}
    assert held[4]["registrant_id"] == "rEgLeoQAeOnbmudzWa5g"


def counts(account: Account, now: datetime = NOW) -> dict[str, tuple[int, bool]]:
    """What is told of each run's report beside its rows."""
    with source(account) as made:
        pages = list(made.pull("participants", None, now))
    told = [r.payload for page in pages for r in page.records if r.stream == "participants.count"]
    return {row["webinar_uuid"]: (row["attendees"], row["is_final"]) for row in told}


def test_a_report_tells_how_many_it_counts_without_host_and_panelists():
    assert counts(Account())[HELD] == (2, True)


def test_a_report_is_final_a_day_after_the_end():
    end = datetime.fromisoformat("2026-11-19T16:58:12+00:00")
    assert counts(Account(), end + timedelta(hours=1))[HELD] == (2, False)
    assert counts(Account(), end + timedelta(hours=25))[HELD] == (2, True)


BROKEN = Reply(500, {"code": 500, "message": "Something went wrong."})


@pytest.mark.parametrize("stream", ["participants", "polls", "questions", "surveys"])
def test_a_report_that_always_fails_keeps_no_other_from_being_read(stream):
    with source(only(OF_STREAM[stream], HELD, BROKEN)) as made:
        pulled = made.pull(stream, None, NOW)
        pages = []
        with pytest.raises(TryLater):
            pages.extend(pulled)
        read = {r.payload["webinar_uuid"] for page in pages for r in page.records}
    assert read
    assert HELD not in read


def test_when_no_report_can_be_had_the_rest_is_not_asked_for():
    broken = Account(lambda at, of, asked: BROKEN if at == OF_STREAM["polls"] else None)
    with zoom(broken) as (client, server):
        with pytest.raises(TryLater):
            list(ZoomSource(client).pull("polls", None, NOW))
        assert len({one.path for one in server.asked if one.path.endswith("/polls")}) == 2


def test_participants_are_asked_for_with_their_registrant_id():
    with zoom(Account()) as (client, server):
        list(ZoomSource(client).pull("participants", None, NOW))
    asked = [one for one in server.asked if one.path.endswith("/participants")]
    assert all(one.query["include_fields"] == "registrant_id" for one in asked)
    assert asked[-1].path == "/v2/report/webinars/%252Fq7Xk%252F%252F9TeSC2zA5bPzW1g%253D%253D/participants"


def test_a_report_outlives_its_webinar():
    account = only("webinars_panelists", "81000000001", NOT_READY)
    rows, _ = payloads(account, "participants")
    assert {row["role"] for row in rows} == {"host", "attendee"}


def test_each_poll_answer_is_a_record_and_equal_ones_are_told_apart():
    rows, _ = payloads(Account(), "polls")
    held = [row for row in rows if row["webinar_uuid"] == HELD]
    assert [(row["name"], row["answer"], row["index"]) for row in held] == [
        ("Ana Ruiz", "Sí", 0),
        ("Ana Ruiz", "Este trimestre", 0),
        ("Anonymous Attendee", "No", 0),
        ("Anonymous Attendee", "No", 1),
    ]
    assert held[0]["polling_id"] == "798fGJEWrA"
    assert held[0]["date_time"] == "2026-11-19T16:10:05Z"
    assert "question_details" not in held[0]


def test_each_question_asked_is_a_record():
    rows, _ = payloads(Account(), "questions")
    assert [(row["email"], row["question_id"]) for row in rows] == [
        ("", "zxU4wOwnlxu"),
        ("leo@example.org", "zxU4wOwnlxs"),
        ("leo@example.org", "zxU4wOwnlxt"),
    ]
    assert rows[1]["create_time"] == "2026-11-19T16:22:10Z"


@pytest.mark.parametrize("stream", ["participants", "polls", "questions", "surveys"])
def test_a_report_that_is_not_ready_stops_no_other_and_is_read_later(stream):
    rows, cursor = payloads(only(OF_STREAM[stream], HELD, NOT_READY), stream)
    assert rows
    assert HELD not in cursor["read"]
    assert payloads(Account(), stream, cursor, NOW + timedelta(minutes=5))[0] == []
    later, cursor = payloads(Account(), stream, cursor, NOW + timedelta(hours=17))
    assert later
    assert {row["webinar_uuid"] for row in later} == {HELD}
    assert HELD in cursor["read"]
    assert "asked" not in cursor


def test_a_report_that_does_not_come_is_asked_for_ever_more_seldom():
    """By a pull every ten minutes of the three days after which a survey is given up."""
    with zoom(only(OF_STREAM["surveys"], HELD, NOT_READY)) as (client, server):
        made, cursor, times = ZoomSource(client), None, []
        end = datetime.fromisoformat("2026-11-19T16:58:12+00:00")
        for number in range(1, 6 * 24 * 3):
            before = len(server.asked)
            cursor = list(made.pull("surveys", cursor, end + timedelta(minutes=10 * number)))[-1].cursor
            times += [number for one in server.asked[before:] if _is_report_of(HELD, one.path)]
    assert times[:5] == [1, 2, 3, 4, 5], "in the first hour every time"
    assert len(times) < 30
    assert times[-1] > 6 * 24 * 2


def test_of_a_run_whose_participants_are_not_known_yet_no_other_report_is_asked_for_just_then():
    with zoom(only(OF_STREAM["participants"], HELD, NOT_READY)) as (client, server):
        source = ZoomSource(client)
        for stream in ("participants", "polls", "questions", "surveys"):
            list(source.pull(stream, None, NOW))
            assert len([one for one in server.asked if _is_report_of(HELD, one.path)]) == 1
        list(source.pull("polls", None, NOW + timedelta(minutes=10)))
        assert len([one for one in server.asked if _is_report_of(HELD, one.path)]) == 2


def _is_report_of(uuid: str, path: str) -> bool:
    found = re.fullmatch("/v2/report/webinars/(.+)/[a-z]+", path)
    return found is not None and meant(found[1]) == uuid


def test_each_answer_to_a_survey_is_a_record_and_equal_ones_are_told_apart():
    rows, _ = payloads(Account(), "surveys")
    held = [row for row in rows if row["webinar_uuid"] == HELD]
    assert [(row["email"], row["answer"], row["index"]) for row in held] == [
        ("leo@example.org", "Muy claro, me gustaría ver una demo.", 0),
        ("leo@example.org", "9", 0),
        ("", "Bien", 0),
        ("", "Bien", 1),
    ]
    assert "answer_details" not in held[0]


def test_an_app_without_a_scope_for_surveys_asks_for_none():
    narrow = " ".join(f"{one.narrow}:admin" for one in SCOPES)
    with zoom(Account(scope=narrow)) as (client, server):
        list(ZoomSource(client).pull("surveys", None, NOW))
        assert not [one for one in server.asked if one.path.endswith("/survey")]
        assert [problem.severity for problem in ZoomSource(client).check()] == ["warning"]


def test_a_survey_that_never_comes_is_given_up_after_three_days():
    account = only(OF_STREAM["surveys"], HELD, NOT_READY)
    end = datetime.fromisoformat("2026-11-19T16:58:12+00:00")
    for hours, given_up in ((71, False), (73, True)):
        _, cursor = payloads(account, "surveys", now=end + timedelta(hours=hours))
        assert (HELD in cursor["read"]) is given_up


def wholes(account: Account, stream: str) -> dict[str, set[str]]:
    """What each page that says so is all there is of, with the e-mails on it."""
    with source(account) as made:
        pages = [page for page in made.pull(stream, None, NOW) if page.replaces]
    assert all(page.as_of == NOW for page in pages)
    key = "user_email" if stream == "participants" else "email"
    return {page.replaces: {str(r.payload.get(key)) for r in page.records} for page in pages}


def test_a_report_of_several_pages_is_one_whole_that_replaces_what_its_run_held():
    assert "ana.ruiz@example.com" in wholes(Account(), "participants")[HELD]
    assert HELD in wholes(Account(), "surveys")


def test_a_listing_of_registrants_is_all_who_are_registered_but_for_a_series():
    assert wholes(Account(), "registrants").keys() == {"81000000001", "81000000002"}


def test_an_empty_report_takes_nothing_away():
    nothing = Reply(200, {"participants": [], "next_page_token": ""})
    found = wholes(only(OF_STREAM["participants"], HELD, nothing), "participants")
    assert HELD not in found
    assert found


def test_a_listing_too_long_to_be_held_at_once_takes_nothing_away(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reports, "LONGEST_WHOLE", 2)
    rows, cursor = payloads(Account(), "participants")
    assert len([row for row in rows if row["webinar_uuid"] == HELD]) == 5
    assert HELD in cursor["read"]
    assert HELD not in wholes(Account(), "participants")
    assert counts(Account())[HELD] == (2, True)


UNKNOWN = Reply(400, {"code": 1010, "message": "User does not belong to this account."})


@pytest.mark.parametrize("stream", ["registrants", "participants", "polls", "questions", "surveys"])
def test_what_zoom_refuses_of_one_webinar_stops_no_other_and_is_told_at_the_end(stream: str):
    name = "81000000001" if stream == "registrants" else HELD
    pages: list[Page] = []
    told = "webinar 81000000001: refuses the call .400, code 1010"
    with source(only(OF_STREAM[stream], name, UNKNOWN)) as made, pytest.raises(PartlyRead, match=told):
        pages.extend(made.pull(stream, None, NOW))
    read = {record.payload["webinar_id"] for page in pages for record in page.records}
    assert read
    assert "81000000001" not in read


def test_a_host_without_a_licence_stops_no_other_host():
    unlicensed = Reply(400, {"code": 200, "message": "Webinar plan is missing."})
    account = Account(lambda at, of, asked: unlicensed if of == "other@example.com" else None)
    hosts = ("other@example.com", "me")
    with source(account, hosts) as made:
        pulled = made.pull("webinars", None, NOW)
        assert next(pulled).records
        with pytest.raises(PartlyRead, match="host 1: the host has no webinar add-on"):
            next(pulled)
        assert list(made.pull("registrants", None, NOW)), "told once a round, by the first stream"
        assert [problem.message.partition(":")[0] for problem in made.check()] == ["host 1"]
    with source(account, hosts[:1]) as made, pytest.raises(BadCredentials, match="webinar add-on"):
        list(made.pull("webinars", None, NOW))


def test_a_webinar_whose_runs_are_refused_stops_no_other():
    with source(only("past_webinars_instances", "81000000003", UNKNOWN)) as made:
        pulled = made.pull("webinars", None, NOW)
        assert {record.payload["topic"] for record in next(pulled).records} >= {"IA para pymes"}
        with pytest.raises(PartlyRead, match="the runs of webinar 81000000003"):
            next(pulled)


def test_a_run_too_old_for_its_report_is_not_asked_about_again():
    too_old = Reply(400, {"code": 12702, "message": "Can not access webinar info one year ago."})
    rows, cursor = payloads(only(OF_STREAM["polls"], HELD, too_old), "polls")
    assert rows
    assert HELD in cursor["read"]


def test_a_report_that_never_comes_is_given_up_after_a_month():
    account = only(OF_STREAM["participants"], HELD, NOT_READY)
    _, cursor = payloads(account, "participants", now=NOW + timedelta(days=29))
    assert HELD in cursor["read"]
    _, cursor = payloads(account, "participants", now=NOW + timedelta(days=27))
    assert HELD not in cursor["read"]


def test_a_report_is_read_again_until_it_is_complete():
    end = datetime.fromisoformat("2026-11-19T16:58:12+00:00")
    cursor, read_at = None, []
    for minutes in (0, 5, 16, 30, 61, 120, 24 * 60 + 1, 48 * 60):
        now = end + timedelta(minutes=minutes)
        rows, cursor = payloads(Account(), "participants", cursor, now)
        if any(row["webinar_uuid"] == HELD for row in rows):
            read_at.append(minutes)
    assert read_at == [0, 16, 61, 24 * 60 + 1]


def test_a_report_cut_off_between_pages_is_read_again_from_its_start():
    def instead(endpoint: str, name: str, asked: Asked) -> Reply | None:
        second = endpoint == OF_STREAM["participants"] and name == HELD and "next_page_token" in asked.query
        return BROKEN if second else None

    with source(Account(instead)) as made:
        pages = []
        with pytest.raises(PartlyRead):
            pages.extend(made.pull("participants", None, NOW))
    assert not [r for page in pages for r in page.records if r.payload["webinar_uuid"] == HELD]
    rows, _ = payloads(Account(), "participants", pages[-1].cursor)
    assert [row["webinar_uuid"] for row in rows] == [HELD] * 5


def test_an_expired_page_token_starts_the_listing_again():
    fails = iter([Reply(400, {"code": 300, "message": "The next page token is invalid or expired."})])

    def instead(endpoint: str, name: str, asked: Asked) -> Reply | None:
        second = endpoint == OF_STREAM["participants"] and "next_page_token" in asked.query
        return next(fails, None) if second else None

    rows, cursor = payloads(Account(instead), "participants")
    names = [row["name"] for row in rows if row["webinar_uuid"] == HELD]
    assert len(names) == 8  # the first page twice
    assert len(set(names)) == 4
    assert HELD in cursor["read"]


def test_page_tokens_that_always_expire_raise_try_later():
    def instead(endpoint: str, name: str, asked: Asked) -> Reply | None:
        return Reply(400, {"code": 300, "message": "expired"}) if "next_page_token" in asked.query else None

    with pytest.raises(TryLater):
        payloads(Account(instead), "registrants")


def test_the_cursor_forgets_what_is_older_than_a_year():
    old = {"read": {"gone": "2025-11-20T00:00:00+00:00", "kept": "2025-11-23T00:00:00+00:00"}}
    _, cursor = payloads(Account(), "polls", old)
    assert "gone" not in cursor["read"]
    assert "kept" in cursor["read"]


def test_an_unknown_host_is_named_as_a_setting_to_correct():
    with pytest.raises(BadCredentials, match="hosts"), source(Account(), ("nobody@example.com",)) as made:
        list(made.pull("webinars", None, NOW))


def test_check_says_which_setting_is_wrong():
    with source(Account(), ("nobody@example.com",)) as made:
        assert [problem.severity for problem in made.check()] == ["error"]
    with zoom(Account(), client_secret="wrong") as (client, _):
        (problem,) = ZoomSource(client).check()
        assert problem.severity == "error"
        assert "ZOOM_CLIENT_SECRET" in problem.message


def test_check_warns_while_zoom_is_away():
    with source(lambda asked: Reply(503, {})) as made:
        assert [problem.severity for problem in made.check()] == ["warning"]


def test_check_names_a_missing_scope():
    narrow = [f"{one.narrow}:admin" for one in SCOPES]
    panelists = narrow.pop(3)
    with source(Account(scope=" ".join([*narrow, "report:read:webinar_survey:admin"]))) as made:
        (problem,) = made.check()
    assert (problem.severity, panelists in problem.message) == ("error", True)
    assert not any(one in problem.message for one in narrow)


@pytest.mark.parametrize("wide", ["webinar:read:admin report:read:admin", "webinar:read,report:read"])
def test_an_older_apps_wide_scopes_stand_for_the_narrow_ones(wide: str):
    with source(Account(scope=wide)) as made:
        assert made.check() == []


def test_check_is_one_call():
    with zoom(Account()) as (client, server):
        assert ZoomSource(client).check() == []
    assert len([asked for asked in server.asked if asked.path != "/oauth/token"]) == 1


def test_registrants_whose_reading_is_left_at_every_step_come_to_an_end():
    whole, _ = payloads(Account(), "registrants")
    read: set[str] = set()
    cursor: Any = None
    with source(Account()) as made:
        for _ in range(20):
            pages = made.pull("registrants", cursor, NOW)
            for page in pages:  # a turn ends where the cursor has moved on
                read |= {record.payload["email"] for record in page.records}
                if page.cursor != cursor:
                    break
            pages.close()
            cursor = page.cursor
            if "began" not in cursor:
                break
    assert "began" not in cursor
    assert read == {row["email"] for row in whole}
