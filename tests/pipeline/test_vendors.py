"""ActiveCampaign's mails and GA4's days through the line: machines count for nothing, days are replaced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.domain.changes import Problem
from app.domain.records import Page, Record
from app.pipeline.checkup import check_up
from app.pipeline.explain import read_line, tell
from app.pipeline.pull import pull_source
from app.pipeline.reconcile import reconciled
from app.pipeline.understand import rescore_touched
from app.services import Services
from tests.line import MAPPINGS, Moment, services_of


class Told:
    """A PullSource that says what it was told to, one page a pull."""

    def __init__(self, name: str, stream: str, *pages: Page) -> None:
        self.name, self.streams, self._pages = name, (stream,), list(pages)

    def check(self) -> list[Problem]:
        return []

    def pull(self, stream: str, after: Mapping[str, Any] | None, now: datetime) -> Iterator[Page]:
        yield self._pages.pop(0)


def services_with(database: sa.Engine, now: datetime, source: Told) -> Services:
    return services_of(database, Moment(now), sources={source.name: source})


def visit(contact: str, minute: str, day: str = "2026-11-21", **more: str) -> Record:
    payload = {
        "scope": f"session_start {day}",
        "at": f"{day}T10:{minute}",
        "time_zone": "Europe/Madrid",
        "hubspot_id": contact,
        "event_count": "1",
    }
    return Record("ga4", "session_start", payload | more)


def day(*records: Record, day: str = "2026-11-21") -> Page:
    return Page(records, {"read": day}, replaces=f"session_start {day}")


def keys(database: sa.Engine) -> list[str]:
    with database.connect() as conn:
        return list(conn.scalars(sa.text('SELECT key FROM observation ORDER BY key COLLATE "C"')))


def pull_and_score(services: Services, source: str) -> None:
    pull_source(services, source, services.clock())
    rescore_touched(services, services.clock())


def test_a_day_read_again_takes_the_place_of_what_it_brought_before(database: sa.Engine, now: datetime):
    source = Told(
        "ga4",
        "session_start",
        day(visit("1", "05"), visit("1", "20"), visit("2", "07")),
        day(visit("1", "05", "2026-11-22"), day="2026-11-22"),
        day(visit("1", "05")),
    )
    services = services_with(database, now, source)
    for _ in range(3):
        pull_and_score(services, "ga4")
    assert len(keys(database)) == 2, "one visit a day is left, the other day untouched"
    first, second = (read_line(services, contact) for contact in "12")
    assert first is not None
    assert second is not None
    assert first.features["website_visits"] == 2
    assert second.features["website_visits"] is None, "whose only visit was a robot's is unknown again"


def test_a_day_without_rows_empties_its_scope_alone(database: sa.Engine, now: datetime):
    source = Told("ga4", "session_start", day(visit("1", "05")), day())
    services = services_with(database, now, source)
    pull_and_score(services, "ga4")
    pull_and_score(services, "ga4")
    assert keys(database) == []


def test_a_page_that_replaces_nothing_deletes_nothing(database: sa.Engine, now: datetime):
    source = Told("ga4", "session_start", day(visit("1", "05")), Page((visit("1", "20"),), {}))
    services = services_with(database, now, source)
    pull_and_score(services, "ga4")
    pull_and_score(services, "ga4")
    assert len(keys(database)) == 2


def act(shape: str, second: int, **more: Any) -> Record:
    at = f"2026-11-22T09:{second // 60:02d}:{second % 60:02d}+00:00"
    payload = {
        "tstamp": at,
        "minute": at[:16] + "Z" + str(second),
        "contact": {"id": "7", "email": "ana@example.com"},
        "campaign": {"id": "41"},
    }
    return Record("activecampaign", f"activities.{shape}", payload | more)


def link(number: int) -> dict[str, Any]:
    return {"link": {"id": str(number), "link": f"https://example.com/{number}"}}


@pytest.fixture
def mailed(database: sa.Engine, now: datetime) -> Services:
    """One mail: a filter follows three links at once; an hour later the person opens it and follows one."""
    records = (
        act("sent", 0),
        *(act("click", 20 + n, **link(n)) for n in range(3)),
        act("open", 1_800),
        act("click", 1_860, **link(1)),
    )
    services = services_with(database, now, Told("activecampaign", "activities", Page(records, {})))
    pull_and_score(services, "activecampaign")
    return services


def test_what_a_mail_filter_did_is_kept_with_its_evidence_and_counts_for_nothing(mailed: Services):
    line = read_line(mailed, "ana@example.com")
    assert line is not None
    assert line.features["email_clicks"] == 1.0
    assert line.features["email_opens"] == 1.0
    machines = [item for item in line.activities if item.attributes.get("machine")]
    assert [item.kind for item in machines] == ["email_click"] * 3
    assert all("different links" in str(item.attributes["evidence"]) for item in machines)
    assert line.score is not None
    assert line.score.score.engagement == pytest.approx(4.0, abs=0.1), "one open and one click"


def test_explain_says_which_acts_were_a_machines_and_why(mailed: Services):
    line = read_line(mailed, "ana@example.com")
    assert line is not None
    told = [row for row in tell(line, mailed) if "email_click" in row and "a machine's:" in row]
    assert len(told) == 3


def test_explain_calls_a_campaign_by_its_name(mailed: Services, now: datetime):
    campaign = Record("activecampaign", "campaigns", {"id": "41", "name": "Boletín", "sdate": "2026-11-22"})
    named = services_with(mailed.database, now, Told("activecampaign", "campaigns", Page((campaign,), {})))
    pull_and_score(named, "activecampaign")
    line = read_line(named, "ana@example.com")
    assert line is not None
    assert sum("email_click 1 of Boletín (sync run" in row for row in tell(line, named)) == 4


def test_a_day_that_ga4_did_not_tell_whole_is_shown_by_check_and_at_its_visits(
    database: sa.Engine, now: datetime
):
    flags = "thresholded sampled"
    days = [("2026-11-20", flags), ("2026-11-21", "sampled"), ("2026-11-19", ""), ("2026-01-01", flags)]
    told = [Record("ga4", "days", {"day": one, "flags": flags, "rows": 3}) for one, flags in days]
    for source in (
        Told("ga4", "days", Page(tuple(told), {})),
        Told("ga4", "session_start", day(visit("1", "05", flags=flags), visit("2", "05"))),
    ):
        services = services_with(database, now, source)
        pull_and_score(services, "ga4")
    messages = [one.message for one in check_up(services, now, ask_vendors=False).problems]
    assert any(
        "2 days are not told whole lately (sampled 2, thresholded 1; the last: 2026-11-21)" in message
        for message in messages
    )
    lines = [read_line(services, contact) for contact in "12"]
    shown = [[row for row in tell(line, services) if "did not tell all" in row] for line in lines if line]
    assert [len(rows) for rows in shown] == [1, 0]
    assert "[ga4 did not tell all of that day: thresholded sampled]" in shown[0][0]


def test_every_kind_of_activity_the_vendors_make_has_its_weight():
    assert MAPPINGS.engagement.kinds["conversion_event"].weight == 5


RUN = "run=="


def stay(user: str, **more: str) -> Record:
    payload = {
        "webinar_uuid": RUN,
        "webinar_id": "777",
        "user_id": user,
        "name": "Ana",
        "join_time": "2026-11-20T16:00:00Z",
        "leave_time": "2026-11-20T16:40:00Z",
        "role": "attendee",
    }
    return Record("zoom", "participants", payload | more)


def count(attendees: int) -> Record:
    payload = {"webinar_uuid": RUN, "webinar_id": "777", "attendees": attendees, "is_final": True}
    return Record("zoom", "participants.count", payload)


def report(*records: Record, whole: bool = True) -> Page:
    return Page((*records, count(1)), {}, RUN if whole else "", datetime(2026, 11, 21, tzinfo=UTC))


def chat() -> Record:
    message = {
        "message_id": "m1",
        "sender_email": "ana@example.com",
        "date_time": "2026-11-20T16:10:00Z",
        "message_content": "hola",
    }
    about = {"uuid": RUN, "chat_message": message}
    return Record("zoom", "webinar.chat_message_sent", {"payload": {"object": about}})


def run_of_it() -> Record:
    payload = {"uuid": RUN, "id": "777", "topic": "IA", "start_time": "2026-11-20T16:00:00Z"}
    return Record("zoom", "webinars", payload)


@pytest.mark.parametrize(
    ("whole", "line"),
    [(True, "Zoom 1 = HubSpot 0 + 1 unmatched"), (False, "Zoom 1 = HubSpot 0 + 2 unmatched - 1 surplus")],
)
def test_an_address_filled_in_later_takes_the_place_of_the_nameless_stay(
    database: sa.Engine, now: datetime, whole: bool, line: str
):
    first, later = stay("16778240"), stay("16778240", user_email="ana@example.com")
    source = Told("zoom", "participants", report(run_of_it(), chat(), first), report(later, whole=whole))
    services = services_with(database, now, source)
    pull_and_score(services, "zoom")
    pull_and_score(services, "zoom")
    with database.connect() as conn:
        [told] = reconciled(conn)
    assert str(told) == line
    assert len(keys(database)) == 2 + (not whole), "what was said in the chat of that run stays"


def test_who_left_the_list_of_the_approved_is_registered_no_more(database: sa.Engine, now: datetime):
    def row(email: str) -> Record:
        payload = {"webinar_id": "777", "id": email, "email": email, "create_time": "2026-11-01T09:00:00Z"}
        return Record("zoom", "registrants", payload)

    def hook(change: str, email: str, at: datetime) -> Record:
        who = {"id": email, "email": email}
        payload = {
            "event_ts": int(at.timestamp() * 1000),
            "payload": {"object": {"id": 777, "registrant": who}},
        }
        return Record("zoom", f"webinar.registration_{change}", payload)

    asked_at = datetime(2026, 11, 10, tzinfo=UTC)
    cancelled = hook("cancelled", "back@example.com", asked_at - timedelta(days=1))
    approved = hook("approved", "gone@example.com", asked_at - timedelta(days=2))
    just_now = hook("approved", "new@example.com", asked_at + timedelta(minutes=1))
    people = ("stays@example.com", "gone@example.com", "back@example.com")
    source = Told(
        "zoom",
        "registrants",
        Page((*(row(one) for one in people), cancelled, approved, just_now), {}),
        Page((row("stays@example.com"), row("back@example.com")), {}, "777", asked_at),
    )
    services = services_with(database, now, source)
    for registered in (
        {"stays@example.com", "gone@example.com", "new@example.com"},
        {"stays@example.com", "back@example.com", "new@example.com"},
    ):
        pull_and_score(services, "zoom")
        lines = {one: read_line(services, one) for one in (*people, "new@example.com")}
        assert {one for one, line in lines.items() if line and line.activities} == registered
