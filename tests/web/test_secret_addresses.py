"""A vendor that signs nothing is known by the rest of its address, which stays out of every line we write."""

from __future__ import annotations

import logging
import sys
from datetime import datetime

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from app.domain.ports import PATH_HEADER
from app.log import Mask
from app.web import create_app
from connectors.activecampaign.webhook import ActiveCampaignWebhook
from tests.line import ZOOM_SECRET, registration, services_of, sign_zoom

SECRET = "a-long-random-text"
FORM = {"type": "open", "date_time": "2026-11-22T10:00:00+00:00", "contact[id]": "7", "campaign[id]": "41"}


@pytest.fixture
def receiver(database: sa.Engine, now: datetime) -> FlaskClient:
    webhooks = {"activecampaign": ActiveCampaignWebhook(SECRET)}
    return create_app(services_of(database, lambda: now, webhooks=webhooks)).test_client()


def landed(database: sa.Engine) -> int:
    with database.connect() as conn:
        return int(conn.execute(sa.text("SELECT count(*) FROM inbox")).scalar_one())


def test_a_delivery_to_the_secret_address_is_kept(receiver: FlaskClient, database: sa.Engine):
    assert receiver.post(f"/webhooks/activecampaign/{SECRET}", data=FORM).status_code == 204
    assert landed(database) == 1


@pytest.mark.parametrize("path", ["", "/", "/another", f"/{SECRET}/more", f"/{SECRET}x"])
def test_any_other_address_is_refused_and_never_with_410(
    receiver: FlaskClient, database: sa.Engine, path: str
):
    assert receiver.post(f"/webhooks/activecampaign{path}", data=FORM).status_code in {401, 404}
    assert landed(database) == 0


@pytest.mark.parametrize("name", [PATH_HEADER, PATH_HEADER.lower(), "X_Savia_Path"])
def test_a_caller_cannot_bring_the_path_as_a_header(receiver: FlaskClient, name: str):
    answer = receiver.post("/webhooks/activecampaign", data=FORM, headers={name: SECRET})
    assert answer.status_code == 401


def test_a_signed_vendor_is_judged_by_its_signature_whatever_follows(database: sa.Engine, now: datetime):
    web = create_app(services_of(database, lambda: now)).test_client()
    signed = sign_zoom(registration(), now)
    assert web.post("/webhooks/zoom/", data=signed.body, headers=dict(signed.headers)).status_code == 404
    assert web.post("/webhooks/zoom", data=signed.body, headers=dict(signed.headers)).status_code == 204
    assert ZOOM_SECRET


def test_the_secret_of_an_address_is_masked_in_logs():
    line = logging.LogRecord(
        "x", logging.INFO, "", 0, "POST %s 500", (f"/webhooks/activecampaign/{SECRET}",), None
    )
    assert Mask().format(line) == "POST /webhooks/activecampaign/*** 500"


def test_a_failures_own_words_are_masked_in_logs():
    try:
        int("ana.ruiz@example.com")
    except ValueError:
        line = logging.LogRecord("x", logging.ERROR, "", 0, "a page failed", (), sys.exc_info())
    told = Mask().format(line)
    assert "***@example.com" in told
    assert "ana.ruiz" not in told
