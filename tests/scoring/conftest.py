"""One thread for the maths, as in training: test processes side by side would wait for each other."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    import_module("sklearn.ensemble")
    with threadpool_limits(1):
        yield
