"""The vendors' own samples, signed and posted: each is received, and absorbed without quarantine."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.pipeline.absorb import absorb
from app.services import Services
from app.store import quarantine
from tests.conftest import ROOT
from tests.line import sign_hubspot, sign_zoom

SAMPLES = ROOT.parent / "shared" / "contracts" / "payloads"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the vendors' samples (../shared) are not here")


def samples(pattern: str) -> list[Path]:
    return sorted(SAMPLES.glob(pattern))


@pytest.mark.parametrize("path", samples("zoom/webhooks/*.json"), ids=lambda path: path.stem)
def test_every_zoom_sample_is_received_and_absorbed(
    web: FlaskClient, services: Services, now: datetime, path: Path
) -> None:
    event = json.loads(path.read_text("utf-8"))
    signed = sign_zoom(event, now)
    answer = web.post("/webhooks/zoom", data=signed.body, headers=dict(signed.headers))
    if event["event"] == "endpoint.url_validation":
        assert answer.json["plainToken"] == event["payload"]["plainToken"]
        return
    assert answer.status_code == 204
    done = absorb(services, now)
    assert (done.records, done.held, done.ignored) == (1, 0, 0), held(services)


@pytest.mark.parametrize("path", samples("hubspot/webhook_*.json"), ids=lambda path: path.stem)
def test_every_hubspot_sample_is_received_and_absorbed(
    web: FlaskClient, services: Services, now: datetime, path: Path
) -> None:
    signed = sign_hubspot(json.loads(path.read_text("utf-8")), now)
    answer = web.post("/webhooks/hubspot", data=signed.body, headers=dict(signed.headers))
    assert answer.status_code == 204
    done = absorb(services, now)
    assert (done.records, done.held, done.ignored) == (1, 0, 0), held(services)


def test_all_samples_together_are_one_lot_without_a_fault(
    web: FlaskClient, services: Services, now: datetime
) -> None:
    for path in samples("zoom/webhooks/*.json"):
        signed = sign_zoom(json.loads(path.read_text("utf-8")), now)
        web.post("/webhooks/zoom", data=signed.body, headers=dict(signed.headers))
    done = absorb(services, now)
    assert (done.records, done.held) == (len(samples("zoom/webhooks/*.json")) - 1, 0), held(services)


def held(services: Services) -> list[str]:
    with services.database.connect() as conn:
        items = quarantine.open_items(conn, 99)
    return [f"{item.record.stream} {item.record.path}: {item.record.reason}" for item in items]
