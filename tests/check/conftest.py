"""One healthy installation per test, for the test to spoil."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.check.installation import Installation, healthy


@pytest.fixture
def place(database: sa.Engine, tmp_path: Path) -> Iterator[Installation]:
    with healthy(database, tmp_path) as place:
        yield place
