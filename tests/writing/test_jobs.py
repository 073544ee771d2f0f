"""What an operator types: undo, pause, resume, release and the power table."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.services import Services
from app.store import switches
from jobs.__main__ import main
from tests.line import TOKEN, Town
from tests.writing.acts import first_plan, learn, show, shown_of


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database: sa.Engine, place: Town) -> None:
    """An operator's shell: the town's HubSpot and the test's database."""
    config = tmp_path / "config.toml"
    config.write_text(f'[hubspot]\nbase_url = "{place.url}/hubspot"\n')
    monkeypatch.setenv("SAVIA_CONFIG", str(config))
    monkeypatch.setenv("DATABASE_URL", database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", TOKEN)


def is_paused(database: sa.Engine) -> bool:
    with database.connect() as conn:
        return switches.read(conn, "paused") is not None


def fingerprint_in(text: str) -> str:
    found = re.search(r"--apply (\w+)", text)
    assert found
    return found.group(1)


@pytest.mark.usefixtures("desk")
def test_an_operator_finds_a_run_sees_the_way_back_and_takes_it(
    place: Town, living: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    before = shown_of(place)["lists"]
    _, run_id = first_plan(living)
    assert main(["undo"]) == 0
    assert f"run {run_id}: " in capsys.readouterr().out
    assert main(["undo", str(run_id)]) == 0
    shown = capsys.readouterr().out
    assert "enrolments started mail" in shown
    assert main(["undo", str(run_id), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["unsafe"] == ["an undo always waits for a person"]
    assert set(told["samples"]) == set(told["counts"])
    assert told["fingerprint"] == fingerprint_in(shown)
    assert main(["undo", str(run_id), "--apply", fingerprint_in(shown)]) == 0
    assert shown_of(place)["lists"] == before
    assert is_paused(living.database)
    assert main(["resume"]) == 0
    assert not is_paused(living.database)


@pytest.mark.usefixtures("desk")
def test_a_plan_is_not_taken_for_a_way_back_nor_a_way_back_for_a_plan(
    place: Town, living: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    _, run_id = first_plan(living)
    assert main(["undo", str(run_id)]) == 0
    way_back = fingerprint_in(capsys.readouterr().out)
    place.clock.move(minutes=5)
    place.portal.add_contact({"email": "nueva@example.com", "jobtitle": "CEO"})
    place.clock.move(minutes=5)
    learn(living)
    plan = show(living).fingerprint
    before = shown_of(place)
    for asked, other in (
        (["undo", str(run_id), "--apply", plan], f"write_back --apply {plan}"),
        (["undo", str(run_id + 1), "--apply", way_back], f"undo {run_id} --apply {way_back}"),
        (["write_back", "--apply", way_back], f"undo {run_id} --apply {way_back}"),
    ):
        assert main(asked) == 1
        assert f"python -m jobs {other}" in capsys.readouterr().err
    assert shown_of(place) == before
    assert main(["undo", str(run_id), "--apply", "nonsense"]) == 1
    assert "no such plan" in capsys.readouterr().err


@pytest.mark.usefixtures("desk")
def test_a_release_is_shown_before_it_is_given(
    place: Town, living: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    learn(living)
    assert main(["write_back"]) == 0
    shown = capsys.readouterr().out
    assert "would have been enrolled or tasked" in shown
    assert "EnrolInWorkflow" not in shown
    assert main(["write_back", "--enrol"]) == 0
    shown = capsys.readouterr().out
    assert "EnrolInWorkflow" in shown
    assert main(["write_back", "--apply", fingerprint_in(shown)]) == 0
    assert place.portal.enrolments


@pytest.mark.usefixtures("desk")
def test_pause_says_why_and_a_second_resume_that_nothing_was_paused(
    database: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pause", "--reason", "mudanza"]) == 0
    assert is_paused(database)
    assert main(["resume"]) == main(["resume"]) == 0
    assert "Nothing was paused" in capsys.readouterr().out
    assert main(["pause", "--reason", "mudanza", "--json"]) == main(["resume", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told == [{"paused": True, "reason": "mudanza"}, {"was_paused": True}]


@pytest.mark.usefixtures("desk")
def test_the_power_table_needs_a_rate_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["power"]) == 1
    assert "--base-rate" in capsys.readouterr().err
    assert main(["power", "--base-rate", "0.1", "--per-week", "100", "--json"]) == 0
    table = json.loads(capsys.readouterr().out)["table"]
    row = next(one for one in table if (one["lift"], one["holdout_share"]) == (0.2, 0.5))
    assert row["weeks"] == pytest.approx(row["contacts"] / 100)


@pytest.mark.usefixtures("desk")
def test_an_operator_sees_what_an_experiment_takes_begins_it_looks_at_it_and_ends_it(
    tmp_path: Path, living: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(config.read_text() + "[experiment]\nholdout_share = 0.5\n")
    learn(living)
    assert main(["experiment"]) == 0
    assert "No experiment runs" in capsys.readouterr().out
    assert main(["write_back", "--enrol"]) == 0
    shown = capsys.readouterr().out
    assert "An experiment begins with the first enrolment or task: 50% held out" in shown
    assert "base rate unknown" in shown
    assert main(["write_back", "--apply", fingerprint_in(shown)]) == 0
    capsys.readouterr()
    assert main(["experiment", "--json"]) == 0
    arms = json.loads(capsys.readouterr().out)["arms"]
    assert set(arms) == {"treated", "holdout"}
    assert main(["experiment", "--end"]) == 0
    assert "waits for a release" in capsys.readouterr().out
    assert main(["experiment"]) == 0
    assert "No experiment runs" in capsys.readouterr().out
