"""ActiveCampaign as a pull source: the shared promises, the rotation in its budget, the freshness told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.domain.errors import NotForUs
from app.domain.ports import PullSource
from app.domain.records import Page, Record
from app.pipeline.pull import pull_source
from connectors.activecampaign.belongings import joined
from connectors.activecampaign.pull import ActiveCampaignSource
from connectors.activecampaign.rotation import MOST_ACTIVE, Active, Rotation, from_cursor
from tests.connectors.activecampaign.desk import NOW, Desk, full_page, instant_client, open_desk
from tests.connectors.stand_in import Reply, StandIn
from tests.contracts.pull_source import PullSourceContract
from tests.line import Moment, services_of
from tests.sandbox.activecampaign.rows import ZONE


@pytest.fixture
def desk() -> Iterator[Desk]:
    with open_desk() as desk:
        yield desk


@pytest.fixture(scope="module")
def shared() -> Iterator[Desk]:
    with open_desk(leads=104, campaigns=2) as desk:
        yield desk


class TestActiveCampaignSource(PullSourceContract):
    now = NOW
    paged_streams = ("contacts", "links", "activities")

    @pytest.fixture
    def source(self, shared: Desk) -> PullSource:
        return shared.source(budget=1_000)

    @pytest.fixture
    def looping(self) -> Iterator[Callable[[str], PullSource]]:
        with ExitStack() as stack:

            def make(stream: str) -> PullSource:
                server = stack.enter_context(StandIn(lambda asked: Reply(200, _forever(asked.path))))
                client = instant_client(server.url)
                stack.callback(client.close)
                return ActiveCampaignSource(client, 1_000)

            yield make

    def test_every_stream_has_records_that_name_their_source_and_stream(self, source: PullSource):
        """As everywhere, but an activity's record says what it shows: activities.open."""
        for stream in source.streams:
            records = _records(self.pull(source, stream))
            assert records, stream
            assert {record.source for record in records} == {"activecampaign"}
            assert {record.stream.partition(".")[0] for record in records} == {stream}


def _forever(path: str) -> dict[str, Any]:
    label = path.rpartition("/")[2]
    if label == "campaigns":
        stamps = {"sdate": "2026-11-01T10:00:00-06:00", "mdate": "2026-11-01T10:00:00-06:00"}
        return {label: [{"id": "1", **stamps}], "meta": {"total": "1"}}
    if label.isdecimal():
        return {"contact": {"id": label}}
    return full_page(label)


def _records(pages: list[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


def _looked_at(desk: Desk) -> int:
    return desk.account.request_counts["GET /contacts/<int:contact_id>"]


def _all(source: ActiveCampaignSource, now: datetime = NOW, after: Any = None) -> list[Page]:
    return list(source.pull("activities", after, now))


# --- activities ------------------------------------------------------------------------------------------


def test_every_open_click_and_sending_of_every_contact_is_found(desk: Desk):
    found = {
        (record.stream, record.payload["id"])
        for record in _records(_all(desk.source()))
        if record.stream != "activities.unsubscribed"
    }
    shown = {
        (f"activities.{act.act}", str(act.act_id))
        for act in desk.account.mail.acts
        if act.act in {"open", "click", "sent"}
    }
    unsubscribes = {(kind, number) for kind, number in found if kind == "activities.contact-list"}
    assert found - unsubscribes == shown


def test_a_click_knows_its_contact_campaign_link_and_minute(desk: Desk):
    clicks = [one for one in _records(_all(desk.source())) if one.stream == "activities.click"]
    payload = clicks[0].payload
    act = next(act for act in desk.account.mail.acts if str(act.act_id) == payload["id"])
    contact_id = desk.account.contact_ids[act.lead_key]
    assert payload["contact"] == {"id": str(contact_id), "email": desk.account.leads[contact_id].email}
    assert payload["campaign"] == {"id": str(act.campaign_id)}
    assert payload["link"]["id"] == str(act.link_id)
    assert payload["minute"] == act.at.strftime("%Y-%m-%dT%H:%MZ")


def test_a_turn_keeps_to_its_budget_and_the_next_goes_on_where_it_ended(desk: Desk):
    source, cursor, rounds, seen = desk.source(budget=21), None, 0, 0
    while rounds == 0 and seen < 20:
        before = sum(desk.account.request_counts.values())
        cursor = _all(source, NOW + seen * timedelta(minutes=5), cursor)[-1].cursor
        spent = sum(desk.account.request_counts.values()) - before
        assert spent <= 22
        rounds = bool(cursor["freshness"]["everybody"])
        seen += 1
    assert seen >= 3
    assert _looked_at(desk) == len(desk.account.leads)


def test_a_turn_spread_over_several_pulls_ends_when_its_budget_is_spent(desk: Desk):
    source, cursor = desk.source(budget=24), None
    for second in range(
        0, 60, 6
    ):  # a pull is left after its first page, as a step that has lasted long enough
        page = next(iter(source.pull("activities", cursor, NOW + timedelta(seconds=second))))
        cursor = page.cursor
    assert sum(desk.account.request_counts.values()) <= 26
    assert _all(source, NOW + timedelta(minutes=6), cursor)[-1].cursor["after_id"] != cursor["after_id"]


def test_a_turn_spread_over_many_steps_makes_no_call_twice(desk: Desk, database: sa.Engine):
    services = services_of(database, Moment(NOW), sources={"activecampaign": desk.source()})
    steps, ended = 0, []
    while not ended:
        now = NOW + timedelta(seconds=steps)
        _, ended = pull_source(services, "activecampaign", now, streams=["activities"], stop=lambda: True)
        steps += 1
    assert steps > 10
    assert _looked_at(desk) == len(desk.account.leads)


def test_the_round_passes_by_whoever_was_looked_at_since_it_began(desk: Desk):
    now = NOW + timedelta(minutes=25)
    recent = {str(one): Active(NOW, NOW + timedelta(minutes=5)) for one in list(desk.account.leads)[5:9]}
    cursor = Rotation(recent, round_began=NOW).to_cursor(now)
    assert _all(desk.source(), now, cursor)[-1].cursor["freshness"]["everybody"] == NOW.isoformat()
    assert _looked_at(desk) == len(desk.account.leads) - len(recent)


def test_freshness_is_told_only_when_everybody_has_had_their_turn(desk: Desk):
    source = desk.source(budget=40)
    first = _all(source)[-1].cursor
    assert first["freshness"]["everybody"] == ""
    later = [NOW + timedelta(minutes=minutes) for minutes in (10, 20)]
    last = _all(source, later[1], _all(source, later[0], first)[-1].cursor)[-1].cursor
    assert last["freshness"]["everybody"] == NOW.isoformat()


def test_who_acted_lately_is_looked_at_first_and_the_latest_before_the_others(desk: Desk):
    cursor = _all(desk.source())[-1].cursor
    rotation = from_cursor(cursor)
    later = NOW + timedelta(hours=1)
    due = rotation.due(later)
    acted = [rotation.active[name].acted_at for name in due]
    assert len(due) > 3
    assert acted == sorted(acted, reverse=True)
    pages = _all(desk.source(budget=12), later, cursor)
    looked = [name for name, one in from_cursor(pages[-1].cursor).active.items() if one.looked_at == later]
    assert set(due[:3]) <= set(looked)


def test_the_active_ones_never_take_more_than_half_of_the_budget(desk: Desk):
    cursor = _all(desk.source())[-1].cursor
    later = NOW + timedelta(hours=1)
    after = from_cursor(_all(desk.source(budget=12), later, cursor)[-1].cursor)
    assert after.after_id != ""


def test_a_second_look_asks_only_for_what_is_new(desk: Desk):
    source = desk.source()
    first = _all(source)
    again = _records(_all(source, NOW + timedelta(hours=2), first[-1].cursor))
    assert len(again) < len(_records(first)) / 3


def test_a_contact_deleted_meanwhile_holds_up_nobody(desk: Desk):
    source = desk.source()
    cursor = _all(source)[-1].cursor
    gone = from_cursor(cursor).due(NOW + timedelta(hours=1))[0]
    del desk.account.leads[int(gone)]
    after = from_cursor(_all(source, NOW + timedelta(hours=1), cursor)[-1].cursor)
    assert gone not in after.active
    assert after.whole_round == NOW + timedelta(hours=1)


def test_unsubscribed_and_bounced_contacts_have_their_turn_too():
    with open_desk(leads=120, campaigns=6) as desk:
        left = [act for act in desk.account.mail.acts if act.act == "unsubscribe"]
        found = [
            record.payload["contact"]["id"]
            for record in _records(_all(desk.source(1_000)))
            if record.stream == "activities.unsubscribed"
        ]
        assert left
        assert sorted(found) == sorted(str(desk.account.contact_ids[act.lead_key]) for act in left)


def test_the_cursor_never_holds_more_than_the_most_active():
    rotation = Rotation()
    for number in range(MOST_ACTIVE + 50):
        rotation = rotation.looked(str(number), NOW - timedelta(seconds=number), NOW)
    assert len(rotation.active) == MOST_ACTIVE
    assert "0" in rotation.active
    assert str(MOST_ACTIVE + 49) not in rotation.active
    assert from_cursor(rotation.to_cursor(NOW)) == rotation


def test_after_two_quiet_weeks_a_contact_waits_like_everybody_else():
    rotation = Rotation().looked("7", NOW, NOW).looked("7", None, NOW + timedelta(days=15))
    assert rotation.active == {}


# --- the others ------------------------------------------------------------------------------------------


def test_all_contacts_are_read_whatever_their_status_and_later_those_updated():
    with open_desk(leads=60, now=datetime(2026, 11, 19, tzinfo=UTC)) as desk:
        source = desk.source()
        pages = list(source.pull("contacts", None, datetime(2026, 11, 16, tzinfo=UTC)))
        assert len(_records(pages)) == len(desk.account.leads)
        later = _records(list(source.pull("contacts", pages[-1].cursor, NOW)))
        since = datetime(2026, 11, 15, tzinfo=ZONE)
        updated = {str(one) for one in desk.account.leads if desk.account.updated_at(one) > since}
        assert 0 < len(updated) < len(desk.account.leads)
        assert {record.payload["id"] for record in later} == updated


def test_the_tags_of_a_contact_are_unknown_where_the_account_does_not_tell_them():
    assert joined([{"id": "1"}], {"contacts": []}) == [{"id": "1"}]
    tagged = {"contactTags": [{"contact": "1", "tag": "9"}], "tags": []}
    assert joined([{"id": "1"}, {"id": "2"}], tagged) == [{"id": "1", "tags": ""}, {"id": "2", "tags": ""}]


@pytest.mark.parametrize("status", [403, 404])
def test_a_table_the_account_does_not_show_is_named_and_comes_after_contacts_and_activities(status: int):
    with StandIn(lambda _: Reply(status, {"message": "no"})) as server:
        client = instant_client(server.url)
        source = ActiveCampaignSource(client)
        assert source.streams[:2] == ("contacts", "activities")
        for stream in source.streams[2:]:
            with pytest.raises(NotForUs, match=f"activecampaign: {stream} are not shown"):
                list(source.pull(stream, None, NOW))
        client.close()


def test_links_are_read_once_per_change_of_their_campaign(desk: Desk):
    source = desk.source()
    pages = list(source.pull("links", None, NOW))
    campaigns = {record.payload["campaign"] for record in _records(pages)}
    assert campaigns == {str(one) for one in desk.account.campaigns}
    again = list(source.pull("links", pages[-1].cursor, NOW))
    assert {record.payload["campaign"] for record in _records(again)} == {max(campaigns)}


def test_a_wrong_key_and_a_busy_account_are_told_apart_by_check():
    with open_desk(key="wrong") as desk:
        (problem,) = desk.source().check()
    assert problem.severity == "error"
    with open_desk() as desk:
        desk.account.calls_a_second = 0
        (problem,) = desk.source().check()
    assert problem.severity == "warning"
