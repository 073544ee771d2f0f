"""Every job has a name, a help text, options that are checked, and an exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from types import ModuleType
from typing import Any

import pytest

import jobs.__main__ as entry
from app.domain.errors import BadConfig, BadCredentials, Fault, TryLater
from jobs import absorb, check, explain, quarantine, replay, rescore, write_back
from jobs.console import Console
from tests.line import Moment
from tests.pipeline.writes import learn


@pytest.mark.parametrize("name", entry.NAMES)
def test_every_job_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        entry.main([name, "--help"])
    assert ended.value.code == 0
    assert f"python -m jobs {name}" in capsys.readouterr().out


def test_the_list_of_jobs_names_each_with_its_purpose(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        entry.main(["--help"])
    shown = capsys.readouterr().out
    assert [name for name in entry.NAMES if f"    {name}" not in shown] == []


@pytest.mark.parametrize(
    "arguments", [[], ["nothing"], ["sync", "--nothing"], ["explain"], ["rescore", "--days-ahead", "x"]]
)
def test_wrong_usage_ends_with_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        entry.main(arguments)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


FAILURES: list[tuple[BaseException, int, list[str]]] = [
    (TryLater("HubSpot is busy: try again in a minute"), 1, ["HubSpot is busy: try again in a minute"]),
    (BadCredentials("the token expired"), 1, ["the token expired"]),
    (
        BadConfig([Fault("a.toml", "x", "wrong"), Fault("a.toml", "y", "bad")]),
        1,
        ["a.toml: x: wrong", "a.toml: y: bad"],
    ),
    (KeyboardInterrupt(), 130, []),
]


@pytest.mark.parametrize(("failure", "code", "told"), FAILURES, ids=lambda value: type(value).__name__)
def test_a_fault_a_person_must_mend_is_one_line_and_an_exit_code(
    failure: BaseException,
    code: int,
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> int:
        raise failure

    monkeypatch.setattr(check, "run", fail)
    assert entry.main(["check"]) == code
    shown = capsys.readouterr()
    assert (shown.out, shown.err.splitlines()) == ("", told)


# --- what jobs say ----------------------------------------------------------------------------------------

REPORTING = [
    (absorb, []),
    (check, ["--startup"]),
    (quarantine, []),
    (replay, []),
    (rescore, []),
    (rescore, ["--all", "--days-ahead", "1"]),
]


@contextmanager
def within(services: Any) -> Iterator[Any]:
    yield services


def run(module: ModuleType, arguments: list[str], monkeypatch: pytest.MonkeyPatch, services: Any) -> Any:
    monkeypatch.setattr(module, "open_services", lambda _: within(services))
    return entry.main([module.NAME, *arguments])


@pytest.mark.parametrize(("module", "arguments"), REPORTING, ids=lambda value: getattr(value, "NAME", None))
def test_with_json_a_job_prints_one_object_and_nothing_else(
    module: ModuleType, arguments: list[str], living: Any, monkeypatch: Any, capsys: Any
) -> None:
    assert run(module, [*arguments, "--json"], monkeypatch, living) == 0
    shown = capsys.readouterr()
    assert isinstance(json.loads(shown.out), dict)
    assert (shown.out.count("\n"), shown.err) == (1, "")


def test_the_plan_is_shown_applied_and_explained(
    living: Any, monkeypatch: Any, capsys: Any, clock: Moment
) -> None:
    learn(living)
    assert run(write_back, ["--json"], monkeypatch, living) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["unsafe"] == ["the first plan always waits for a person"]
    assert run(write_back, [], monkeypatch, living) == 0
    text = capsys.readouterr().out
    assert f"python -m jobs write_back --apply {shown['fingerprint']}" in text
    assert "Nothing was written" in text
    assert run(write_back, ["--apply", shown["fingerprint"], "--json"], monkeypatch, living) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["done"], done["rejected"]) == (shown["counts"], {})
    assert run(write_back, [], monkeypatch, living) == 0
    assert capsys.readouterr().out == "Nothing to write: HubSpot holds what it should.\n"
    assert run(write_back, ["--apply", "nothing"], monkeypatch, living) == 1
    with living.database.connect() as conn:
        email = conn.exec_driver_sql(
            "SELECT value FROM identity WHERE kind = 'email' ORDER BY id LIMIT 1"
        ).scalar()
    assert run(explain, [str(email)], monkeypatch, living) == 0
    told = capsys.readouterr().out
    assert all(part in told for part in ("savia_score", "<- written by", "<- observations", "sync run"))
    assert run(explain, [str(email), "--json"], monkeypatch, living) == 0
    assert json.loads(capsys.readouterr().out)["line"] == told.splitlines()
    assert run(explain, ["nadie@example.com"], monkeypatch, living) == 1


# --- the console ------------------------------------------------------------------------------------------


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_for_terminals_alone() -> None:
    file, terminal = StringIO(), Terminal()
    for stream in (file, terminal):
        console = Console(out=StringIO(), err=stream)
        console.progress("half")
        console.end_progress()
    assert file.getvalue() == ""
    assert terminal.getvalue() == "\r\033[Khalf\r\033[K"


def test_a_report_is_lines_for_a_person_and_json_for_a_program() -> None:
    content = {"counts": {"a": 1, "b": 2.50001}, "names": ["ñ", "b"], "none": {}, "empty": []}
    out = StringIO()
    Console(out=out).report(content)
    assert out.getvalue() == "counts: a 1, b 2.5\nnames: ñ; b\nnone: -\nempty: -\n"
    out = StringIO()
    console = Console(as_json=True, out=out)
    console.line("left out")
    console.report(content)
    assert json.loads(out.getvalue()) == content
    assert "ñ" in out.getvalue()
