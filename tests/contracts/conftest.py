"""One test per class of failure, and the list of the contract's rows at the end of a run."""

from __future__ import annotations

import pytest


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`failure` is each class in the table of the test's own class."""
    table = getattr(metafunc.cls, "table", None)
    if table is not None and "failure" in metafunc.fixturenames:
        metafunc.parametrize("failure", list(table))
