"""What every attendance file and every look over a portal must promise: subclass as Test... and fill in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.domain.errors import BadConfig
from app.domain.ports import AttendanceFile, PortalCheck

MADRID, LIMA = ZoneInfo("Europe/Madrid"), ZoneInfo("America/Lima")


class AttendanceFileContract:
    """`exported` is a file of one run, told in the zone that it is read in."""

    exported: str

    def make_file(self) -> AttendanceFile:
        raise NotImplementedError

    def test_the_run_is_named_and_lies_where_the_zone_puts_it(self):
        run = self.make_file().run(self.exported, MADRID)
        assert run.webinar_id
        assert run.uuid == "", "an export does not tell it"
        assert self.make_file().run(self.exported, LIMA).starts_at - run.starts_at == timedelta(hours=6)

    def test_its_records_are_the_vendors_and_the_same_each_time(self):
        file = self.make_file()
        run = file.run(self.exported, MADRID)
        records = list(file.records(self.exported, MADRID, run))
        assert records
        assert {record.source for record in records} == {run.source}
        assert list(file.records(self.exported, MADRID, run)) == records

    @pytest.mark.parametrize("text", ["", "\n\n", "a,b\n1,2\n", "{}", "\ufeff"])
    def test_any_other_file_is_refused_with_what_to_do(self, text: str):
        with pytest.raises(BadConfig):
            self.make_file().run(text, MADRID)


class PortalCheckContract:
    """A portal whose token has every right, and that has none of our lists and workflows yet."""

    @pytest.fixture
    def looked(self) -> Iterator[PortalCheck]:
        raise NotImplementedError

    @pytest.fixture
    def snapshot(self) -> Callable[[], Any]:
        """Takes everything the portal holds."""
        raise NotImplementedError

    def test_a_healthy_portal_has_no_problems_and_a_number(self, looked: PortalCheck):
        assert looked.account().isdigit()
        assert looked.rights() == looked.room(1) == looked.workflows([], "") == []

    def test_a_list_that_nobody_made_is_not_there(self, looked: PortalCheck):
        assert not looked.has_list("Nobody's list")

    def test_looking_changes_nothing(self, looked: PortalCheck, snapshot: Callable[[], Any]):
        before = snapshot()
        looked.account(), looked.rights(), looked.room(10), looked.has_list("x"), looked.workflows([], "")
        assert snapshot() == before
