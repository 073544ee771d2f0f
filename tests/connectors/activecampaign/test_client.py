"""The client: one key, the account's limit, every kind of failure, the package's endpoints on our session."""

from __future__ import annotations

import pytest

from app.domain.errors import BadCredentials, TryLater
from connectors.activecampaign.client import ActiveCampaignClient, NotThere
from tests.connectors.activecampaign.desk import KEY, open_desk, scripted
from tests.connectors.stand_in import Asked, Reply, in_turn

CONTACTS = {"contacts": [], "meta": {"total": "0"}}


def test_the_key_goes_with_every_call_and_never_with_the_packages_own_headers():
    with scripted(in_turn(Reply(200, CONTACTS))) as (server, client):
        client.package.contacts.list_all_contacts(limit=1)
        client.get("/scores")
    assert [asked.headers["Api-Token"] for asked in server.asked] == [KEY, KEY]
    assert [asked.path for asked in server.asked] == ["/api/3/contacts", "/api/3/scores"]


@pytest.mark.parametrize("ending", ["", "/", "/api/3", "/api/3/"])
def test_the_address_is_taken_with_or_without_the_path(ending):
    with scripted(in_turn(Reply(200, CONTACTS))) as (server, _):
        client = ActiveCampaignClient(server.url + ending, KEY, sleep=lambda _: None)
        client.get("/contacts")
        client.close()
    assert server.asked[0].path == "/api/3/contacts"


def test_at_most_four_calls_go_out_in_a_second():
    moments = iter(range(100))
    waits: list[float] = []
    with scripted(in_turn(Reply(200, CONTACTS))) as (server, _):
        client = ActiveCampaignClient(server.url, KEY, clock=lambda: next(moments) / 100, sleep=waits.append)
        for _ in range(5):
            client.get("/contacts")
        client.close()
    assert len(waits) == 1
    assert waits[0] > 0.9


def test_a_429_is_waited_out_as_long_as_it_asks():
    waits: list[float] = []
    replies = in_turn(Reply(429, {"message": "Too Many"}, {"Retry-After": "30"}), Reply(200, CONTACTS))
    with scripted(replies) as (server, _):
        client = ActiveCampaignClient(server.url, KEY, sleep=waits.append)
        assert client.get("/contacts") == CONTACTS
        client.close()
    assert 30 <= max(waits) < 40
    assert client.calls == {"429": 1, "2xx": 1}


def test_a_wrong_key_says_what_to_check_and_nothing_of_the_answer():
    with open_desk(key="wrong") as desk, pytest.raises(BadCredentials) as raised:
        desk.client.get("/contacts")
    assert "ACTIVECAMPAIGN_API_KEY" in str(raised.value)
    assert "wrong" not in str(raised.value)


@pytest.mark.parametrize("kind", ["succeeded", "errors"])
def test_an_error_inside_a_success_is_asked_again_and_then_raised(kind):
    with open_desk() as desk:
        desk.account.soft_failures = [kind, kind]
        assert desk.client.get("/lists")["lists"]
        desk.account.soft_failures = [kind] * 3
        with pytest.raises(TryLater):
            desk.client.get("/lists")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500, b"<html>oops</html>", {"Content-Type": "text/html"}),
        Reply(200, b"<html>log in</html>", {"Content-Type": "text/html"}),
        Reply(200, {"contacts": []}, fault="cut"),
        Reply(fault="hang_up"),
        Reply(200, [1]),
        Reply(200, {"contacts": "none"}),
    ],
    ids=["5xx-html", "200-html", "cut", "hang-up", "array", "rows"],
)
def test_an_answer_that_is_none_is_tried_later(reply):
    with scripted(in_turn(reply)) as (_, client), pytest.raises(TryLater):
        list(client.pages("contacts", lambda window: client.get("/contacts", window)))


def test_an_empty_success_is_no_key_error_of_the_packages():
    with scripted(in_turn(Reply(204, None, {"Content-Length": "0"}))) as (_, client), pytest.raises(TryLater):
        client.package.tags.list_all_tags()


def test_what_is_not_there_is_told_apart_from_a_wrong_key():
    with open_desk() as desk, pytest.raises(NotThere):
        desk.client.contact("999999")


@pytest.mark.parametrize("size", [20, 100])
def test_a_listing_goes_on_while_the_total_says_so_whatever_the_size_of_its_pages(size):
    rows = [{"id": str(n)} for n in range(1, 251)]

    def answer(asked: Asked) -> Reply:
        start = int(asked.query["offset"])
        return Reply(200, {"tags": rows[start : start + size], "meta": {"total": "250"}})

    with scripted(answer) as (_, client):
        pages = list(client.pages("tags", lambda window: client.package.tags.list_all_tags(**window)))
    assert [row for page, _, _ in pages for row in page] == rows


def test_a_write_that_may_have_got_through_is_not_repeated():
    with scripted(in_turn(Reply(500, {}))) as (server, client):
        with pytest.raises(TryLater) as raised:
            client.create_webhook({"name": "Savia"})
        assert raised.value.maybe_applied
        assert len(server.asked) == 1


def test_every_call_takes_its_place_in_the_limit_it_is_given():
    class Counted:
        seconds = 1.0
        taken = 0

        def wait(self) -> None:
            self.taken += 1

    shared = Counted()
    with scripted(in_turn(Reply(200, CONTACTS))) as (server, _):
        client = ActiveCampaignClient(server.url, KEY, limit=shared)
        client.get("/scores")
        client.package.contacts.list_all_contacts()
        client.close()
    assert shared.taken == 2
