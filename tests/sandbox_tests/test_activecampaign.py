"""The stand-in ActiveCampaign account: strict where the real one is, and its mails the same for one seed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.connectors.activecampaign.desk import KEY, NOW, Desk, open_desk
from tests.connectors.stand_in import Reply, StandIn, in_turn
from tests.sandbox.activecampaign import deliver
from tests.sandbox.mail_world import make_mail_world
from tests.sandbox.world import make_world


@pytest.fixture
def desk() -> Iterator[Desk]:
    with open_desk() as desk:
        yield desk


def get(desk: Desk, path: str, key: str = KEY, **params: str) -> requests.Response:
    return requests.get(f"{desk.url}/api/3{path}", headers={"Api-Token": key}, params=params, timeout=5)


def add_hook(desk: Desk, url: str, *events: str) -> None:
    desk.account.add_hook({"name": "n", "url": url, "events": events, "sources": ["public"]})


def test_a_wrong_key_is_forbidden(desk: Desk):
    assert get(desk, "/contacts", key="no").status_code == 403


def test_the_sixth_call_of_a_second_is_refused_whoever_makes_it(desk: Desk):
    desk.account.clock = lambda: 0.0
    answers = [get(desk, "/tags") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[4].headers["RateLimit-Remaining"] == "0"
    assert answers[5].headers["Retry-After"] == "1"


def test_pages_are_of_twenty_unless_asked_and_the_total_is_text(desk: Desk):
    body = get(desk, "/contacts", status="-1").json()
    assert len(body["contacts"]) == 20
    assert body["meta"]["total"] == str(len(desk.account.leads))


def test_activities_appear_only_once_the_contact_was_fetched(desk: Desk):
    act = desk.account.mail.acts[0]
    contact_id = str(desk.account.contact_ids[act.lead_key])
    assert get(desk, "/activities", contact=contact_id).json()["activities"] == []
    get(desk, f"/contacts/{contact_id}")
    assert get(desk, "/activities", contact=contact_id).json()["activities"]


def test_only_active_contacts_are_listed_unless_asked_for_all():
    with open_desk(leads=150, campaigns=6) as desk:
        default = int(get(desk, "/contacts").json()["meta"]["total"])
        assert default < int(get(desk, "/contacts", status="-1").json()["meta"]["total"])


def test_an_answer_of_410_ends_the_webhook(desk: Desk):
    with StandIn(in_turn(Reply(204), Reply(410))) as receiver:
        add_hook(desk, receiver.url + "/x", "click")
        clicks = [act for act in desk.account.mail.acts if act.act == "click"]
        assert deliver(desk.account, clicks).posted == 2
        assert deliver(desk.account, clicks).posted == 0


def test_a_refused_delivery_is_not_sent_again(desk: Desk):
    with StandIn(in_turn(Reply(500))) as receiver:
        add_hook(desk, receiver.url + "/x", "click")
        click = next(act for act in desk.account.mail.acts if act.act == "click")
        tally = deliver(desk.account, [click])
    assert (tally.posted, tally.lost) == (1, 1)
    assert receiver.asked[0].headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_the_same_seed_makes_the_same_mails():
    world = make_world(3, 40, 1, NOW)
    assert make_mail_world(world, 3, seed=5) == make_mail_world(world, 3, seed=5)
    assert make_mail_world(world, 3, seed=5) != make_mail_world(world, 3, seed=6)
