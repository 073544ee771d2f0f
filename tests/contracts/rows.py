"""The rows of the vendors' fact sheet, and what rows.toml says of each: its tests, or why it has none."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
SHEET = TESTS.parents[1] / "shared" / "contracts" / "CONTRACTS.md"
TABLE = Path(__file__).with_name("rows.toml")

_SECTION = re.compile(r"#{2,3} (\d+(?:\.\d+[a-z]?)?)\.? ")
_RULE = re.compile(r"\|[-| :]+\|$")


@dataclass(frozen=True, slots=True)
class Row:
    """One fact: "1.4/2" and how it begins."""

    row_id: str
    text: str


def rows_of(sheet: str) -> list[Row]:
    """The bullets and table lines of every numbered section, numbered within it. Heads of tables are none."""
    found: list[Row] = []
    section, number = "", 0
    lines = sheet.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        heading = _SECTION.match(line)
        if heading:
            section, number = heading[1], 0
        elif section and _is_fact(line, following):
            number += 1
            found.append(Row(f"{section}/{number}", line.lstrip("-| ").rstrip("| ")))
    return found


def _is_fact(line: str, following: str) -> bool:
    if line.startswith("|"):
        return not _RULE.match(line) and not _RULE.match(following)
    return line.startswith("- ")


@cache
def covered() -> dict[str, tuple[str, ...]]:
    """Row id -> the tests that cover it."""
    return dict(_told("covered", "tests"))


@cache
def not_covered() -> dict[str, str]:
    """Row id -> why no test covers it."""
    return dict(_told("not_covered", "reason"))


def _told(part: str, key: str) -> Iterator[tuple[str, object]]:
    for entry in tomllib.loads(TABLE.read_text("utf-8"))[part]:
        value = tuple(entry[key]) if isinstance(entry[key], list) else entry[key]
        yield from ((row_id, value) for row_id in entry["rows"])


def named_tests(name: str) -> list[str]:
    """The tests that FILE::NAME or FILE stands for; [] where there is none."""
    file, _, inside = name.partition("::")
    path = TESTS / file
    if not path.is_file():
        return []
    return [test for owner, test in _tests_in(path) if not inside or inside in (owner, test)]


@cache
def _tests_in(path: Path) -> tuple[tuple[str, str], ...]:
    """(class or "", test) of each test in a file; what a class inherits counts as one."""
    found: list[tuple[str, str]] = []
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            found.append(("", node.name))
        elif isinstance(node, ast.ClassDef):
            own = [each.name for each in node.body if isinstance(each, ast.FunctionDef)]
            tests = [each for each in own if each.startswith("test_")]
            found += [(node.name, each) for each in tests or ["what it inherits"]]
    return tuple(found)


def listing(sheet: str) -> Iterator[str]:
    """The rows of the sheet as a person reads them: covered with the number of tests, then the others."""
    rows = rows_of(sheet)
    yield f"covered ({sum(row.row_id in covered() for row in rows)} of {len(rows)} rows):"
    for row in rows:
        if row.row_id in covered():
            number = sum(len(named_tests(name)) for name in covered()[row.row_id])
            yield f"  {row.row_id:8} {number:3} tests  {row.text[:70]}"
    yield f"not covered ({sum(row.row_id in not_covered() for row in rows)}):"
    for row in rows:
        if row.row_id in not_covered():
            yield f"  {row.row_id:8} {row.text[:40]}: {not_covered()[row.row_id]}"
