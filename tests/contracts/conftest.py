"""One test per class of failure, and the list of the contract's rows at the end of a run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts.rows import SHEET, listing


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`failure` is each class in the table of the test's own class."""
    table = getattr(metafunc.cls, "table", None)
    if table is not None and "failure" in metafunc.fixturenames:
        metafunc.parametrize("failure", list(table))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The list of rows, where this folder was asked for by name."""
    if not any("contracts" in str(argument) for argument in config.args):
        return
    terminalreporter.section("rows of CONTRACTS.md")
    if not SHEET.is_file():
        terminalreporter.write_line("the fact sheet is not beside the repository: rows cannot be listed")
        return
    for line in listing(SHEET.read_text("utf-8")):
        terminalreporter.write_line(line)
