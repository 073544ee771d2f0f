"""ActiveCampaign's deliveries: the shared promises with a secret address for a signature, and the forms."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import BadRecord
from app.domain.ports import PATH_HEADER
from connectors.activecampaign.webhook import ActiveCampaignWebhook
from tests.contracts.webhook_source import NOW, WebhookSourceContract

SECRET = "yQ4b0mYw2sVd7nE1kT9uRg"
CLICK = {
    "type": "click",
    "date_time": "2026-11-20T10:01:30-06:00",
    "initiated_from": "admin",
    "list": "0",
    "contact[id]": "42",
    "contact[email]": "jane@example.com",
    "contact[fields][favourite_color]": "añil",
    "campaign[id]": "7",
    "campaign[message][id]": "9",
    "campaign[message][subject]": "¡Última llamada! 100 % gratis & más",
    "link[id]": "3",
    "link[url]": "https://example.com/ebook?a=1&b=2",
}
UNSIGNED = "ActiveCampaign neither signs nor stamps its deliveries"


class TestActiveCampaignWebhook(WebhookSourceContract):
    signature_header = PATH_HEADER
    stamp_header = PATH_HEADER
    oldest = timedelta()
    newest = timedelta()
    delivery = urlencode(CLICK).encode()

    def make_source(self) -> ActiveCampaignWebhook:
        return ActiveCampaignWebhook(SECRET)

    def sign(self, body: bytes, at: datetime) -> dict[str, str]:
        return {PATH_HEADER: SECRET}

    @pytest.mark.skip(reason=UNSIGNED)
    def test_a_stamp_outside_the_window_is_refused(self):
        """The delivery key stops a replay, not a clock."""

    @pytest.mark.skip(reason=UNSIGNED)
    def test_a_tampered_body_is_refused(self):
        """What https carries cannot be told from what was sent."""

    @pytest.mark.skip(reason=UNSIGNED)
    def test_a_stamp_moved_after_signing_is_refused(self):
        """There is none."""

    @pytest.mark.skip(reason=UNSIGNED)
    def test_why_a_stale_delivery_was_refused_is_its_stamp(self):
        """There is none."""


def test_an_event_sent_to_another_secret_is_told_from_a_visitor():
    source = ActiveCampaignWebhook(SECRET)
    form = urlencode(CLICK).encode()
    assert source.why_refused({PATH_HEADER: "the-secret-before"}, form, "") == "secret"
    assert source.why_refused({PATH_HEADER: "wp-login.php"}, b"user=admin", "") == ""


@pytest.mark.parametrize("given_path", ["", "/", SECRET[:-1], SECRET + "x", SECRET.lower(), f"{SECRET}/more"])
def test_another_path_is_refused(given_path):
    assert not ActiveCampaignWebhook(SECRET).verify({PATH_HEADER: given_path}, b"", NOW)


@pytest.mark.parametrize("given_path", [SECRET, f"/{SECRET}", f"{SECRET}/"])
def test_slashes_around_the_secret_do_not_matter(given_path):
    assert ActiveCampaignWebhook(SECRET).verify({PATH_HEADER: given_path}, b"", NOW)


def test_with_no_secret_nothing_is_accepted():
    assert not ActiveCampaignWebhook("").verify({PATH_HEADER: ""}, b"", NOW)
    assert not ActiveCampaignWebhook("").verify({}, b"", NOW)


def test_a_form_becomes_one_record_with_nested_fields_and_the_utc_minute():
    (record,) = ActiveCampaignWebhook(SECRET).parse(urlencode(CLICK).encode())
    assert (record.source, record.stream) == ("activecampaign", "click")
    assert record.payload["contact"] == {
        "id": "42",
        "email": "jane@example.com",
        "fields": {"favourite_color": "añil"},
    }
    assert record.payload["campaign"]["message"]["subject"] == "¡Última llamada! 100 % gratis & más"
    assert record.payload["link"] == {"id": "3", "url": "https://example.com/ebook?a=1&b=2"}
    assert record.payload["minute"] == "2026-11-20T16:01Z"


@pytest.mark.parametrize(
    ("form", "field", "value"),
    [
        ("type=x&list=0&list[id]=4", "list", {"": "0", "id": "4"}),
        ("type=x&list[id]=4&list=0", "list", {"": "0", "id": "4"}),
        ("type=x&tags[]=a&tags[]=b", "tags", {"0": "a", "1": "b"}),
        ("type=x&a[b=1", "a", "1"),
        ("type=x&a=", "a", ""),
        ("type=x&a=1&a=2", "a", "2"),
        ("type=x&a=%FF", "a", "�"),
    ],
)
def test_odd_keys_lose_nothing(form, field, value):
    (record,) = ActiveCampaignWebhook(SECRET).parse(form.encode())
    assert record.payload[field] == value


@pytest.mark.parametrize("event", ["", "a b", "../x", "x" * 65, "ñ"])
def test_a_delivery_without_an_event_is_a_bad_record_at_type(event):
    with pytest.raises(BadRecord) as raised:
        ActiveCampaignWebhook(SECRET).parse(urlencode({"type": event}).encode())
    assert raised.value.path == "type"


def test_a_form_of_endless_fields_or_brackets_is_no_trouble():
    with pytest.raises(BadRecord):
        ActiveCampaignWebhook(SECRET).parse(b"type=x&" + b"&".join(b"a=1" for _ in range(5_000)))
    (record,) = ActiveCampaignWebhook(SECRET).parse(b"type=x&a" + b"[b]" * 5_000 + b"=1")
    assert record.stream == "x"


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=20))
def test_whatever_the_fields_there_is_one_record_or_a_bad_one(fields):
    body = urlencode({**fields, "type": "open"}, errors="replace").encode()
    (record,) = ActiveCampaignWebhook(SECRET).parse(body)
    assert record.stream == "open"
