"""The receiver: verified before read, kept before answered, once; whatever else comes is turned away."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import create_environ, run_wsgi_app

from app.pipeline.absorb import absorb
from app.services import Services
from app.store import inbox, quarantine
from app.store.database import make_engine
from app.web import create_app
from app.web.webhooks import LARGEST_BODY
from tests.line import ZOOM_SECRET, contact_event, registration, services_of, sign_hubspot, sign_zoom
from tests.sandbox import signing
from tests.sandbox.signing import SignedRequest

MIB = 1024 * 1024


def post(web: FlaskClient, vendor: str, signed: SignedRequest) -> int:
    answer = web.post(f"/webhooks/{vendor}", data=signed.body, headers=dict(signed.headers))
    return answer.status_code


def kept(database: sa.Engine) -> list[tuple[str, bytes, str]]:
    with database.connect() as conn:
        return [
            tuple(row) for row in conn.execute(sa.text("SELECT source, body, state FROM inbox ORDER BY id"))
        ]


def zoom_raw(body: bytes, at: datetime) -> SignedRequest:
    stamp = str(int(at.timestamp()))
    signature = signing.zoom_signature(body, stamp, ZOOM_SECRET)
    return SignedRequest(body, {"x-zm-request-timestamp": stamp, "x-zm-signature": signature})


# --- accepted ---------------------------------------------------------------------------------------------


def test_an_accepted_delivery_is_kept_as_its_raw_bytes_before_it_is_answered(
    web: FlaskClient, database: sa.Engine, now: datetime
) -> None:
    zoom, hubspot = sign_zoom(registration(), now), sign_hubspot([contact_event(7)], now)
    assert (post(web, "zoom", zoom), post(web, "hubspot", hubspot)) == (204, 204)
    assert kept(database) == [("zoom", zoom.body, "new"), ("hubspot", hubspot.body, "new")]


def test_the_same_delivery_again_is_accepted_and_kept_once(
    web: FlaskClient, database: sa.Engine, now: datetime
) -> None:
    for minutes in (0, 5, 35):
        # A retry has the same body under a new stamp and signature.
        assert post(web, "zoom", sign_zoom(registration(), now - timedelta(minutes=minutes))) == 204
    assert len(kept(database)) == 1


def test_a_hundred_hubspot_events_in_one_delivery_are_one_row(
    web: FlaskClient, database: sa.Engine, now: datetime
) -> None:
    events = [contact_event(number, number) for number in range(1, 101)]
    assert post(web, "hubspot", sign_hubspot(events, now)) == 204
    assert len(kept(database)) == 1


def test_zooms_url_validation_is_answered_and_not_kept(
    web: FlaskClient, database: sa.Engine, now: datetime
) -> None:
    event = {"event": "endpoint.url_validation", "event_ts": 1, "payload": {"plainToken": "qgg8vlvZRS6"}}
    signed = sign_zoom(event, now)
    answer = web.post("/webhooks/zoom", data=signed.body, headers=dict(signed.headers))
    assert (answer.status_code, answer.json) == (200, signing.challenge_answer("qgg8vlvZRS6", ZOOM_SECRET))
    assert kept(database) == []


def test_an_unsigned_url_validation_gets_no_answer(web: FlaskClient) -> None:
    event = {"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vlvZRS6"}}
    assert web.post("/webhooks/zoom", json=event).status_code == 401


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\x00", b"[1, 2]", b'{"event": 7}'])
def test_a_signed_body_that_cannot_be_read_is_accepted_and_then_held_raw(
    web: FlaskClient, services: Services, now: datetime, body: bytes
) -> None:
    assert post(web, "zoom", zoom_raw(body, now)) == 204
    assert absorb(services, now).held == 1
    with services.database.connect() as conn:
        (item,) = quarantine.open_items(conn, 9)
        (row,) = inbox.read(conn, [item.record.inbox_id or 0])
    assert (row.body, item.record.source, item.record.payload) == (body, "zoom", None)
    assert item.record.path
    assert item.record.reason
    assert [state for *_, state in kept(services.database)] == ["quarantined"]


def test_an_event_type_nobody_knows_is_accepted_and_kept_as_ignored(
    web: FlaskClient, services: Services, now: datetime
) -> None:
    assert (
        post(web, "zoom", sign_zoom({"event": "webinar.brand_new", "event_ts": 1, "payload": {}}, now)) == 204
    )
    assert post(web, "hubspot", sign_hubspot([contact_event(1, kind="quote.creation")], now)) == 204
    assert absorb(services, now).ignored == 2
    assert [state for *_, state in kept(services.database)] == ["ignored", "ignored"]


# --- turned away ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vendor", ["zoom", "hubspot"])
@pytest.mark.parametrize("fault", ["unsigned", "wrong secret", "changed body", "stale", "from the future"])
def test_a_delivery_that_is_not_the_vendors_own_is_refused_and_nothing_is_kept(
    web: FlaskClient, database: sa.Engine, now: datetime, vendor: str, fault: str
) -> None:
    at = {"stale": now - timedelta(hours=2), "from the future": now + timedelta(hours=2)}.get(fault, now)
    good = sign_zoom(registration(), at) if vendor == "zoom" else sign_hubspot([contact_event(1)], at)
    body = good.body + b" " if fault == "changed body" else good.body
    headers = dict(good.headers)
    if fault == "wrong secret":
        other = signing.zoom(registration(), "another", at.timestamp())
        uri = "https://savia.example.com/webhooks/hubspot"
        other = (
            other if vendor == "zoom" else signing.hubspot([contact_event(1)], "another", uri, at.timestamp())
        )
        body, headers = other.body, dict(other.headers)
    if fault == "unsigned":
        headers = {}
    assert post(web, vendor, SignedRequest(body, headers)) == 401
    assert kept(database) == []


def test_hubspots_signature_covers_the_configured_address_not_the_one_the_proxy_shows(
    web: FlaskClient, now: datetime
) -> None:
    signed = sign_hubspot([contact_event(1)], now)
    answer = web.post(
        "/webhooks/hubspot",
        data=signed.body,
        headers=dict(signed.headers),
        base_url="http://10.0.0.7:5000",
    )
    assert answer.status_code == 204


def test_the_largest_body_is_accepted_and_one_byte_more_is_refused(
    web: FlaskClient, database: sa.Engine, now: datetime
) -> None:
    assert LARGEST_BODY == MIB
    assert post(web, "zoom", zoom_raw(b" " * MIB, now)) == 204
    assert post(web, "zoom", zoom_raw(b" " * (MIB + 1), now)) == 413
    assert len(kept(database)) == 1


def test_a_body_of_unstated_length_is_refused_beyond_the_limit_too(
    web: FlaskClient, database: sa.Engine, now: datetime
) -> None:
    for length, expected in ((MIB, 204), (MIB + 1, 413)):
        signed = zoom_raw(b"x" * length, now)
        headers = {**signed.headers, "Transfer-Encoding": "chunked"}
        environ = create_environ("/webhooks/zoom", method="POST", headers=headers)
        environ.pop("CONTENT_LENGTH", None)
        # As gunicorn hands over a chunked body: no length, and a stream that ends by itself.
        environ |= {"wsgi.input": BytesIO(signed.body), "wsgi.input_terminated": True}
        body, status, _ = run_wsgi_app(web.application, environ)
        assert (int(status.split()[0]), b"".join(body)[:4]) == (expected, b"413 " if expected == 413 else b"")
    assert len(kept(database)) == 1


@pytest.mark.parametrize("vendor", ["ga4", "nobody", "nobody%2F..", "activecampaign"])
def test_a_webhook_that_is_off_is_not_found(web: FlaskClient, vendor: str) -> None:
    assert web.post(f"/webhooks/{vendor}", data=b"{}").status_code == 404


def test_only_post_is_taken(web: FlaskClient) -> None:
    assert web.get("/webhooks/zoom").status_code == 405


def test_without_its_database_the_receiver_asks_to_be_called_again(now: datetime) -> None:
    gone = make_engine("postgresql://nobody@127.0.0.1:9/nothing")
    web = create_app(services_of(gone, lambda: now)).test_client()
    assert post(web, "zoom", sign_zoom(registration(), now)) == 503
    assert web.get("/readyz").status_code == 503
    assert web.get("/healthz").status_code == 200
    gone.dispose()


def test_a_delivery_is_kept_again_once_the_database_is_back(
    web: FlaskClient, database: sa.Engine, now: datetime
) -> None:
    with database.connect() as conn:
        mine = conn.scalar(sa.text("SELECT pg_backend_pid()"))
        assert post(web, "zoom", sign_zoom(registration(1), now)) == 204
        # Every pooled connection is cut, as when the server restarts.
        conn.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> :mine"
            ),
            {"mine": mine},
        )
    assert post(web, "zoom", sign_zoom(registration(2), now)) == 204
    assert len(kept(database)) == 2


def test_a_refusal_says_nothing_of_the_body(web: FlaskClient) -> None:
    answer = web.post("/webhooks/zoom", data=b'{"email": "ana@example.com"}')
    assert b"ana" not in answer.data
    assert len(answer.data) < 100


def test_the_receiver_is_one_call_from_the_door_to_the_store() -> None:
    """Nothing else stands on the request path: the blueprint names the door and the services alone."""
    text = (Path(__file__).parents[2] / "app" / "web" / "webhooks.py").read_text()
    imports = [line for line in text.splitlines() if line.startswith("from app")]
    assert imports == [
        "from app.domain.ports import PATH_HEADER",
        "from app.pipeline.receive import receive",
        "from app.services import Services",
    ]
