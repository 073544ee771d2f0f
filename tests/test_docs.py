"""What the pages promise is so: jobs, settings, variables, processes; and what no tool checks."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

import jobs.__main__ as entry
from app.config import Secrets, Settings, load_settings
from tests.conftest import ROOT

PAGES = ("README.md", "README.es.md", "ARCHITECTURE.md", "RUNBOOK.md", "CHANGELOG.md", "config.example.toml")
LONGEST_FUNCTION = 40
LONGER = {
    "app/domain/scoring/quality.py:quality_report": "one dictionary: what the report holds, in its order",
    "connectors/http.py:call": "half of it is the signature and its contract; the loop reads as one piece",
}
"""Functions that may be longer, and why."""


@cache
def tracked() -> tuple[Path, ...]:
    """The files of the project, without what git ignores. Skips where there is no repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is no git repository")
    return tuple(ROOT / name for name in done.stdout.splitlines() if (ROOT / name).is_file())


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# --- jobs and settings ------------------------------------------------------------------------------------


def test_the_readme_lists_every_job_and_no_other() -> None:
    rows = re.search(r"## Jobs\n(.*?)\n## ", text_of(ROOT / "README.md"), re.DOTALL)
    assert rows is not None
    listed = re.findall(r"^\| `(\w+)` \|", rows.group(1), re.MULTILINE)
    assert sorted(listed) == sorted(entry.NAMES)


def test_every_job_a_page_speaks_of_exists() -> None:
    for page in PAGES:
        spoken = set(re.findall(r"python -m jobs (\w+)", text_of(ROOT / page)))
        assert spoken - set(entry.NAMES) - {"NAME"} == set(), page


def test_the_example_is_every_setting_at_its_default() -> None:
    shown = tomllib.loads(text_of(ROOT / "config.example.toml"))
    defaults = Settings().model_dump(mode="json", exclude={"secrets"})
    assert shown == defaults
    assert load_settings({"SAVIA_CONFIG": str(ROOT / "config.example.toml")}) == Settings()


@pytest.mark.parametrize("name", [name.upper() for name in Secrets.model_fields])
def test_every_variable_is_named_in_the_example_and_can_be_set_on_heroku(name: str) -> None:
    assert name in text_of(ROOT / "config.example.toml")
    app = json.loads(text_of(ROOT / "app.json"))
    # The add-on sets DATABASE_URL; a person cannot.
    assert name in app["env"] or (name == "DATABASE_URL" and app["addons"][0]["as"] == "DATABASE")


def test_no_vendor_key_is_required_to_create_the_app() -> None:
    variables = json.loads(text_of(ROOT / "app.json"))["env"]
    required = {name for name, about in variables.items() if about.get("required", True)}
    assert required == {name for name, about in variables.items() if "value" in about or "generator" in about}
    known = {name.upper() for name in Secrets.model_fields} | {"WEB_CONCURRENCY"}
    assert set(variables) <= known


def test_the_processes_of_the_procfile_are_those_of_the_app() -> None:
    lines = text_of(ROOT / "Procfile").splitlines()
    processes = {line.partition(":")[0] for line in lines if line.strip()}
    assert processes - {"release"} == set(json.loads(text_of(ROOT / "app.json"))["formation"])
    assert "release" in processes


def test_every_page_a_page_links_to_exists() -> None:
    for page in (path for path in tracked() if path.suffix == ".md"):
        for target in re.findall(r"\]\(([^)#\s]+)\)", text_of(page)):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{name_of(page)} links to {target}"


# --- the build --------------------------------------------------------------------------------------------

OTHER_KINDS = {
    "Pipfile", "Pipfile.lock", "poetry.lock", "uv.lock", "pdm.lock", "setup.py", "setup.cfg",
    "environment.yml", "package.json", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "Gemfile",
    "go.mod", "Cargo.toml",
}  # fmt: skip


def test_requirements_is_the_only_package_managers_file() -> None:
    assert OTHER_KINDS & {name_of(path) for path in tracked()} == set()  # Heroku looks at the root alone
    assert not {"project", "build-system"} & set(tomllib.loads(text_of(ROOT / "pyproject.toml")))


def test_every_requirement_is_pinned() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = [line.partition("#")[0].strip() for line in text_of(ROOT / name).splitlines()]
        loose = [line for line in lines if line and not line.startswith("-r ") and "==" not in line]
        assert loose == [], name


def test_no_environment_cache_or_secret_is_tracked_or_can_be() -> None:
    unwanted = re.compile(r"(^|/)(\.?venv|__pycache__|node_modules|var|\.env|config\.toml)(/|$)|\.pyc$")
    assert [name_of(path) for path in tracked() if unwanted.search(name_of(path))] == []
    probe = [
        "venv/bin/python",
        ".venv/bin/python",
        "var/pg/x",
        "config.toml",
        ".env",
        "app/__pycache__/x.pyc",
    ]
    done = subprocess.run(
        ["git", "check-ignore", *probe], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == probe


# --- what must not stand in the text ----------------------------------------------------------------------

ADDRESS = re.compile(r"[\w.+-]+@((?:[\w-]+\.)+[a-zA-Z]{2,})\b")
INVENTED = re.compile(r"(^|\.)(example\.(com|org|net)|test|invalid|localhost)$", re.IGNORECASE)
NO_MAIL = re.compile(r"\.(service|py|md|toml|json)$|^\d+\.\d+")


def test_every_mail_address_is_an_invented_one() -> None:
    found = {
        (name_of(path), match.group())
        for path in tracked()
        for match in ADDRESS.finditer(text_of(path))
        if not INVENTED.search(match.group(1)) and not NO_MAIL.search(match.group(1))
    }
    assert found == set()


MACHINE = re.compile(r"(?<![\w.])/(work|root|home/\w+|Users/\w+)/\w")


def test_no_page_or_program_speaks_of_somebodys_machine() -> None:
    found = {
        (name_of(path), match.group())
        for path in tracked()
        if path != Path(__file__)
        for match in MACHINE.finditer(text_of(path))
    }
    assert found == set()


SECRETS = re.compile(
    r"\b(sk-[A-Za-z0-9]{20,}|pat-(na|eu)\d-[0-9a-f]{8}-[0-9a-f]{4}|AKIA[0-9A-Z]{16})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
)


def test_no_key_of_anybody_is_tracked() -> None:
    found = [
        name_of(path)
        for path in tracked()
        if path != Path(__file__) and not name_of(path).startswith("tests/") and SECRETS.search(text_of(path))
    ]
    assert found == []


# --- the size of things -----------------------------------------------------------------------------------


def modules() -> list[Path]:
    rooms = ("app", "connectors", "mappings", "jobs")
    return sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))


def test_no_function_is_longer_than_a_page() -> None:
    long = set()
    for path in modules():
        for node in ast.walk(ast.parse(text_of(path))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    long.add(f"{name_of(path)}:{node.name}")
    assert long - set(LONGER) == set()


def test_every_module_says_what_it_is() -> None:
    silent = [
        name_of(path)
        for path in modules()
        if path.name != "__init__.py" and not ast.get_docstring(ast.parse(text_of(path)))
    ]
    assert silent == []


BANNED = re.compile(r"^(utils?|helpers?|managers?|data)$|^(process|handle)_")


def test_nothing_has_a_name_that_says_nothing() -> None:
    named = {name_of(path) for path in modules() if BANNED.search(path.stem)}
    for path in modules():
        for node in ast.walk(ast.parse(text_of(path))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and BANNED.search(node.name):
                named.add(f"{name_of(path)}:{node.name}")
    assert named == set()
