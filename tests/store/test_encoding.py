"""What vendors send arrives in PostgreSQL as it was, but for what PostgreSQL cannot hold."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.records import IdentityKey
from app.store.encoding import as_json

TEXT = st.text(max_size=6) | st.sampled_from(["nul\0", "\\u0000", "\\\0", "\ud800x", "\U0001f600", '"\\'])
EXACT = st.none() | st.booleans() | st.integers() | TEXT


def nested(worth: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        worth,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=8,
    )


def held(value: Any) -> Any:
    """The value as PostgreSQL can hold it."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [held(each) for each in value]
    if isinstance(value, dict):
        return {held(name): held(each) for name, each in value.items()}
    return value


@given(nested(EXACT | st.floats()))
def test_json_says_what_was_said_and_nothing_that_cannot_be_held(value: Any) -> None:
    assert json.loads(as_json({"value": value})) == {"value": held(value)}


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nested(EXACT))
def test_postgresql_takes_it_and_gives_it_back(database: sa.Engine, value: Any) -> None:
    with database.connect() as conn:
        stored = conn.scalar(sa.text("SELECT CAST(:value AS jsonb)"), {"value": as_json([value])})
    assert stored == [held(value)]


def test_times_named_tuples_and_read_only_mappings_are_plain() -> None:
    at = datetime(2026, 11, 22, 12, 0, 0, 5, tzinfo=UTC)
    rows = [
        {"at": at, "key": IdentityKey("any", "email", "ana@example.com"), "more": MappingProxyType({"a": 1})}
    ]
    assert json.loads(as_json(rows)) == [
        {
            "at": "2026-11-22T12:00:00.000005+00:00",
            "key": ["any", "email", "ana@example.com"],
            "more": {"a": 1},
        }
    ]


@dataclass
class Strange:
    value: int = 1


@pytest.mark.parametrize("value", [object(), {1, 2}, Strange()], ids=lambda value: type(value).__name__)
def test_what_has_no_form_in_json_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        as_json({"value": value})
