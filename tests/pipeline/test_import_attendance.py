"""Attendance from exported reports: every layout and date style, the same file twice, staff left out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from app.domain.errors import BadConfig
from app.domain.records import Occurrence
from app.pipeline.explain import Line, read_line
from app.pipeline.import_attendance import import_attendance
from app.pipeline.understand import rescore_touched
from app.services import Services
from app.store import facts
from app.store.cause import Cause
from connectors.zoom.attendee_report import AttendeeReport
from connectors.zoom.report_dates import DAY_FIRST, MONTH_FIRST, order_of_days, read_time
from tests.conftest import ROOT
from tests.contracts.looked_over import AttendanceFileContract
from tests.line import Moment, services_of

FIXTURES = ROOT / "tests" / "fixtures" / "zoom"
MADRID = ZoneInfo("Europe/Madrid")
SHARED = ROOT.parent / "shared" / "data" / "zoom" / "zoom_webinar_attendee_report_2025_layout.csv"
NEWER = (FIXTURES / "attendee_report.csv").read_text("utf-8")
OLDER = """\
Attendee Report
Report generated time,11/20/2026 02:31:08 PM
Topic;Webinar ID
"""
NUMBERED = (FIXTURES / "attendee_report_dates_of_numbers.csv").read_text("utf-8")


class TestAttendeeReport(AttendanceFileContract):
    exported = NEWER

    def make_file(self) -> AttendeeReport:
        return AttendeeReport()


@pytest.fixture
def services(database: sa.Engine, now: datetime) -> Services:
    return services_of(database, Moment(now), attendance_file=AttendeeReport())


def take(services: Services, text: str = NEWER) -> Occurrence:
    run, done = import_attendance(services, text, MADRID, services.clock())
    assert done.held == 0
    assert done.ignored == 0
    rescore_touched(services, services.clock())
    return run


def line(services: Services, who: str) -> Line:
    found = read_line(services, who)
    assert found is not None
    return found


def kinds(services: Services, who: str) -> dict[str, float]:
    return {item.kind: item.quantity for item in line(services, who).activities}


@pytest.mark.parametrize("text", [NEWER, NUMBERED, NEWER.replace("\n", "\r\n"), "\ufeff" + NEWER])
def test_every_layout_gives_the_same_minutes(services: Services, text: str):
    run = take(services, text)
    assert run.starts_at.astimezone(UTC) == datetime(2026, 11, 19, 16, 0, tzinfo=UTC)
    assert run.webinar_id == "81000000001"
    assert kinds(services, "ana.ruiz@example.com") == {"webinar_registration": 1, "webinar_attendance": 50}


def test_who_signed_up_and_stayed_away_attended_no_minutes_and_who_cancelled_did_not_sign_up(
    services: Services,
):
    take(services)
    assert kinds(services, "leo@example.org") == {"webinar_registration": 1}
    assert line(services, "leo@example.org").features["webinar_attendance_duration"] == 0
    assert read_line(services, "mar@example.org") is None


def test_hosts_do_not_attend(services: Services):
    take(services)
    assert kinds(services, "marta.gil@example.com") == {}


def test_who_gave_no_address_is_kept_for_review(services: Services, database: sa.Engine):
    take(services)
    with database.connect() as conn:
        count = conn.scalar(sa.text("SELECT count(*) FROM observation WHERE identity_id IS NULL"))
    assert count == 1


def test_the_same_file_again_changes_nothing(services: Services, database: sa.Engine):
    take(services)
    _, again = import_attendance(services, NEWER, MADRID, services.clock())
    assert not again.touched
    with database.connect() as conn:
        assert conn.scalar(sa.text("SELECT count(*) FROM occurrence")) == 1


def test_a_run_that_zoom_told_of_stays_one_run(services: Services, database: sa.Engine):
    planned = datetime(2026, 11, 19, 16, 30, tzinfo=UTC)
    known = Occurrence("zoom", "run==", "81000000001", "Ventas con IA", planned)
    with database.begin() as conn:
        facts.store(conn, [(known, Cause(run_id=1))], services.clock())
    assert take(services).uuid == "run=="
    with database.connect() as conn:
        assert conn.scalar(sa.text("SELECT count(*) FROM occurrence")) == 1


def test_another_file_is_refused_with_what_to_do(services: Services):
    for text in ("", "a,b\n1,2\n", OLDER):
        with pytest.raises(BadConfig, match="export the attendee report"):
            import_attendance(services, text, MADRID, services.clock())


def test_dates_of_numbers_are_read_day_first_only_where_nothing_else_is_possible():
    assert order_of_days(["11/19/2026 05:00 PM"]) == MONTH_FIRST
    assert order_of_days(["10/06/2026 05:50 PM", "19/11/2026 17:00"]) == DAY_FIRST
    assert read_time("10/06/2026 05:50 PM", MONTH_FIRST) == datetime.fromisoformat("2026-10-06T17:50")
    assert read_time("Mar 23, 2025 6:26\u202fPM", MONTH_FIRST) == datetime.fromisoformat("2025-03-23T18:26")
    assert read_time("--", MONTH_FIRST) is None


@pytest.mark.skipif(not SHARED.exists(), reason="the shared sample is not there")
def test_the_shared_sample_is_read_whole(services: Services):
    run = take(services, Path(SHARED).read_text("utf-8-sig"))
    assert run.topic == "Sample Masterclass"
    minutes = line(services, "person.c@example.com").features["webinar_attendance_duration"]
    assert minutes == pytest.approx(38 / 60)
    assert line(services, "person.a@example.com").features["webinar_attendance_duration"] == 0
