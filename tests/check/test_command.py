"""`python -m jobs check` prints a line per fault, worst first, ends with 1 for an error; the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import jobs.__main__ as entry
from app.domain.errors import BadConfig
from app.pipeline.setup import carry_out_setup, show_setup
from app.services import Services
from app.store import switches
from jobs import check
from tests.check.installation import Installation


@pytest.fixture
def run(place: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    @contextmanager
    def opened(_: object) -> Iterator[Services]:
        yield place.services

    monkeypatch.setattr(check, "open_services", opened)

    def run(*arguments: str) -> tuple[int, str]:
        code = entry.main(["check", *arguments])
        return code, capsys.readouterr().out

    return run


def test_all_is_well(run) -> None:
    code, out = run()
    assert code == 0
    assert out.splitlines()[-1] == "All is well."


def test_each_fault_is_one_line_the_worst_first(run, place: Installation) -> None:
    place.workflow().enabled = False
    place.sandbox.ga4.property_id = "987654321"
    code, out = run()
    assert code == 1
    first, second = out.splitlines()[-2:]
    assert first.startswith("error    ga4: ga4: the property cannot be read; check GA4_PROPERTY_ID")
    assert second == "warning  workflow hot_leads: “hot_leads” is off: review and publish it in HubSpot"


def test_with_json_the_same_is_one_object(run, place: Installation) -> None:
    place.workflow().enabled = False
    code, out = run("--json")
    found = json.loads(out)
    assert code == 0
    assert found["problems"] == [
        {
            "severity": "warning",
            "subject": "workflow hot_leads",
            "message": "“hot_leads” is off: review and publish it in HubSpot",
        }
    ]
    assert found["state"]["connections"] == {"web": 5, "worker": 9, "clock": 1}


def test_at_startup_no_vendor_is_asked(run, place: Installation) -> None:
    place.portal.token = "pat-na1-another"
    before = place.portal.request_counts["total"]
    assert run("--startup")[0] == 0
    assert place.portal.request_counts["total"] == before


def test_setup_makes_nothing_in_another_account_than_the_one_it_knows(place: Installation) -> None:
    now = place.services.clock()
    carry_out_setup(place.services, show_setup(place.services, now).fingerprint, now)
    with place.database.connect() as conn:
        known = switches.read(conn, "portal")
    assert known is not None
    assert known.value == str(place.portal.portal_id)
    place.portal.portal_id = 999_999
    del place.portal.crm.schemas["contacts"].properties["savia_band"]
    shown = show_setup(place.services, now)
    before = place.portal.write_calls
    with pytest.raises(BadConfig, match="the token opens account 999999"):
        carry_out_setup(place.services, shown.fingerprint, now)
    assert place.portal.write_calls == before
