"""`python -m jobs setup` is a guide: each vendor's state, every problem at once, the next step numbered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

import jobs.__main__ as entry
from app.config import VENDOR_SECRETS, Settings
from app.domain.errors import TryLater
from app.services import Services
from app.store.database import make_engine
from jobs import setup
from tests.check.installation import Installation
from tests.check.other_faults import _activecampaign_key, _openai_key, _property, _zoom_secret
from tests.line import Moment, services_of

Run = Callable[..., "Told"]


@dataclass(frozen=True)
class Told:
    """What one run of the command ended with."""

    code: int
    out: str
    err: str

    @property
    def steps(self) -> list[str]:
        """The numbered lines, checked to be numbered from 1 on."""
        lines = self.out.splitlines()
        steps = lines[lines.index("Next:") + 1 :]
        assert [line.split(". ", 1)[0] for line in steps] == [str(n + 1) for n in range(len(steps))]
        return [line.split(". ", 1)[1] for line in steps]

    @property
    def fingerprint(self) -> str:
        """What the step that makes things asks for."""
        (step,) = [step for step in self.steps if "--apply" in step]
        return step.split()[-1]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(services: Services, *arguments: str) -> Told:
        @contextmanager
        def opened(_: object) -> Iterator[Services]:
            yield services

        monkeypatch.setattr(setup, "open_services", opened)
        code = entry.main(["setup", *arguments])
        printed = capsys.readouterr()
        return Told(code, printed.out, printed.err)

    return run


def _lose_a_property(place: Installation) -> None:
    del place.portal.crm.schemas["contacts"].properties["savia_band"]


def _without(place: Installation, *kept: str) -> None:
    """A restart with these vendors' variables alone."""
    variables = {name for names in VENDOR_SECRETS.values() for name in names}
    wanted = {name for vendor in kept for name in VENDOR_SECRETS[vendor]}
    place.restart(**dict.fromkeys(variables - wanted, ""))


def test_with_nothing_configured_each_vendor_has_a_line_and_hubspot_is_the_first_step(
    run: Run, database: sa.Engine, now
):
    services = services_of(database, Moment(now), settings=Settings(), webhooks={})
    told = run(services)
    lines = told.out.splitlines()
    for vendor, names in VENDOR_SECRETS.items():
        (line,) = [line for line in lines if line.startswith(f"{vendor}: ")]
        assert line.startswith(f"{vendor}: off: set {', '.join(names)}; connectors/")
    assert told.code == 0
    assert "Nothing can be made before HubSpot is connected." in lines
    assert told.steps[0] == "Connect HubSpot, without which nothing is written: set HUBSPOT_ACCESS_TOKEN"
    assert told.steps[-1] == "Run python -m jobs setup again"
    assert not any("--apply" in step for step in told.steps)


def test_with_hubspot_alone_its_part_is_made_and_the_others_are_offered(run: Run, place: Installation):
    _without(place, "HubSpot")
    _lose_a_property(place)
    place.portal.crm.workflows.by_id.clear()
    told = run(place.services)
    assert told.code == 0
    assert "HubSpot: on" in told.out.splitlines()
    connect, make, build, again = told.steps
    assert connect.startswith("Connect those of HubSpot webhooks, Zoom, Zoom webhooks, ActiveCampaign, ")
    assert make == f"Make what is missing: python -m jobs setup --apply {told.fingerprint}"
    assert build.startswith("Build or mend the workflows")
    assert again == "Run python -m jobs setup again"
    made = run(place.services, "--apply", told.fingerprint)
    assert made.code == 0
    assert "made: EnsureProperty 1" in made.out
    assert made.steps[0] == connect
    assert made.steps[-1].endswith("python -m jobs write_back")


def test_with_everything_there_what_is_left_is_looking_and_the_first_plan(run: Run, place: Installation):
    told = run(place.services)
    assert told.code == 0
    assert "Nothing is missing." in told.out.splitlines()
    assert [line.split(": ", 1)[1] for line in told.out.splitlines()[: len(VENDOR_SECRETS)]] == [
        "on" for _ in VENDOR_SECRETS
    ]
    assert [step.rpartition("python -m jobs ")[2].split()[0] for step in told.steps] == [
        "check", "sync", "write_back",
    ]  # fmt: skip


def test_vendors_that_refuse_are_all_told_and_hubspots_part_is_made_all_the_same(
    run: Run, place: Installation
):
    for refuse in (_zoom_secret, _activecampaign_key, _property, _openai_key):
        refuse(place)
    _lose_a_property(place)
    told = run(place.services)
    assert told.code == 1
    for subject in ("zoom", "activecampaign", "ga4", "OpenAI"):
        assert told.out.count(f"error: {subject}: ") == 1
    for vendor in ("Zoom", "ActiveCampaign", "GA4", "OpenAI"):
        assert f"{vendor}: on, see below" in told.out.splitlines()
    assert "HubSpot: on" in told.out.splitlines()
    assert "  make in HubSpot: savia_band" in told.out.splitlines()
    assert told.steps[0] == "Mend what is told above of OpenAI, activecampaign, ga4, zoom"
    made = run(place.services, "--apply", told.fingerprint)
    assert made.code == 1  # what was told still stands
    assert "savia_band" in place.portal.crm.schemas["contacts"].properties


def test_where_hubspot_refuses_the_other_vendors_are_set_up_and_hubspot_is_left_alone(
    run: Run, place: Installation
):
    place.portal.token = "pat-na1-another"
    place.sandbox.activecampaign.hooks.clear()
    place.sandbox.openai.token = "sk-made-anew"
    before = place.portal.write_calls
    told = run(place.services)
    assert told.code == 1
    assert told.steps[0] == "Mend what is told above of OpenAI, hubspot"
    made = run(place.services, "--apply", told.fingerprint)
    assert made.code == 1
    assert len(place.sandbox.activecampaign.hooks) == 1
    assert place.portal.write_calls == before


def test_an_account_that_is_not_ours_is_in_the_way_of_hubspots_part_alone(run: Run, place: Installation):
    assert place.check().problems == ()  # keeps the account's number
    place.portal.portal_id = 999_999
    place.sandbox.activecampaign.hooks.clear()
    told = run(place.services)
    assert "the token opens account 999999" in told.out
    assert run(place.services, "--apply", told.fingerprint).code == 1
    assert len(place.sandbox.activecampaign.hooks) == 1
    again = run(place.services)
    assert not any("--apply" in step for step in again.steps)


def test_a_vendor_that_fails_while_its_part_is_made_stops_no_other(run: Run, place: Installation):
    @dataclass
    class Failing:
        name: str = "another"

        def missing(self) -> tuple[str, ...]:
            return ("open",)

        def register(self) -> tuple[str, ...]:
            raise TryLater("another: no answer; run setup again")

    _lose_a_property(place)
    place.sandbox.activecampaign.hooks.clear()
    place.change(registrations=(Failing(), *place.services.registrations))
    made = run(place.services, "--apply", _fingerprint(run, place))
    assert made.code == 1
    assert "another: not done: another: no answer; run setup again" in made.err
    assert "savia_band" in place.portal.crm.schemas["contacts"].properties
    assert len(place.sandbox.activecampaign.hooks) == 1


def test_webhooks_that_cannot_be_looked_at_are_no_all_clear(run: Run, database: sa.Engine, now):
    class Away:
        name = "another"

        def missing(self) -> tuple[str, ...]:
            raise TryLater("no answer")

        def register(self) -> tuple[str, ...]:
            raise AssertionError("nothing was shown to be missing")

    told = run(services_of(database, Moment(now), registrations=(Away(),)))
    assert told.code == 1
    assert "error: another: its webhooks cannot be looked at: no answer" in told.out


def test_a_vendor_that_has_never_called_is_a_step_with_our_address(run: Run, place: Installation):
    place.execute("DELETE FROM inbox WHERE source = 'zoom'")
    (step, *_) = run(place.services).steps
    assert step == "Enter our webhook addresses at zoom: https://savia.example.com/setup shows them"


def test_without_its_database_nobody_is_asked_and_that_is_the_first_step(run: Run, now):
    away = make_engine("postgresql+psycopg://nobody@127.0.0.1:9/nothing")
    told = run(services_of(away, Moment(now)))
    assert told.code == 1
    assert "error: database: does not answer" in told.out
    assert told.steps[0] == "Mend what is told above of database"
    assert not any("--apply" in step for step in told.steps)


def test_with_json_the_same_is_one_object_with_the_same_end(run: Run, place: Installation):
    _zoom_secret(place)
    _lose_a_property(place)
    spoken = run(place.services)
    told = run(place.services, "--json")
    found: dict[str, Any] = json.loads(told.out)
    assert told.code == spoken.code == 1
    assert found["next"] == spoken.steps
    assert found["fingerprint"] == spoken.fingerprint
    assert found["missing"] == ["savia_band"]
    assert list(found["vendors"]) == list(VENDOR_SECRETS)
    assert [problem["subject"] for problem in found["problems"]] == ["zoom"]


def test_a_refused_delivery_is_told_with_its_cure(run: Run, place: Installation):
    assert place.deliver_zoom(secret="of another app") == 401
    told = run(place.services)
    assert told.code == 1
    assert "set ZOOM_WEBHOOK_SECRET" in told.out


def _fingerprint(run: Run, place: Installation) -> str:
    found: dict[str, Any] = json.loads(run(place.services, "--json").out)
    return str(found["fingerprint"])
